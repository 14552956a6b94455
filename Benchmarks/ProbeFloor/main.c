// Selfheal
// SPDX-License-Identifier: Apache-2.0

// What the machine allows: targets that are asked, and the barest loop that asks them.
//
//   ProbeFloor targets COUNT PORT         listens on 127.0.0.77, PORT and those behind it, and answers "ruok" and "srvr" as ZooKeeper does; says
//                                         "ready" when all of them listen, and runs until it is killed
//   ProbeFloor round COUNT PORT WIDTH     asks each of them "ruok" once, WIDTH at a time, and prints one line of JSON

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 256 };

static const char summary[] =
    "Zookeeper version: 3.8.0, built on 2022-02-25 08:49 UTC\nLatency min/avg/max: 0/0.5/9\nReceived: 10\nSent: 9\nConnections: 1\n"
    "Outstanding: 0\nZxid: 0x100000002\nMode: follower\nNode count: 5\n";

static void die(const char *what) {
    fprintf(stderr, "ProbeFloor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void allow_many_files(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static struct sockaddr_in place(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, "127.0.0.77", &address.sin_addr);
    return address;
}

static void watch(int poller, int how, int descriptor, uint32_t events, uint32_t mark) {
    struct epoll_event event = {.events = events, .data.u64 = (uint64_t)mark << 32 | (uint32_t)descriptor};
    if (epoll_ctl(poller, how, descriptor, &event) != 0) die("epoll_ctl");
}

static double seconds(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

// MARK: Targets

static void answer(int connection) {
    char word[64];
    ssize_t count = recv(connection, word, sizeof word, 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count >= 4 && memcmp(word, "ruok", 4) == 0) send(connection, "imok", 4, MSG_NOSIGNAL);
    if (count >= 4 && memcmp(word, "srvr", 4) == 0) send(connection, summary, sizeof summary - 1, MSG_NOSIGNAL);
    close(connection);
}

static void serve(int count, int port) {
    int poller = epoll_create1(0), yes = 1;
    for (int index = 0; index < count; index++) {
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        struct sockaddr_in address = place(port + index);
        if (listener < 0) die("socket");
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0) die("bind");
        if (listen(listener, 64) != 0) die("listen");
        watch(poller, EPOLL_CTL_ADD, listener, EPOLLIN, 1);
    }
    printf("ready %d\n", count);
    fflush(stdout);
    for (;;) {
        struct epoll_event events[BATCH];
        int ready = epoll_wait(poller, events, BATCH, -1);
        for (int index = 0; index < ready; index++) {
            int descriptor = (int)(uint32_t)events[index].data.u64;
            if (events[index].data.u64 >> 32 == 0) {
                answer(descriptor);
                continue;
            }
            int connection = accept4(descriptor, NULL, NULL, SOCK_NONBLOCK);
            if (connection >= 0) watch(poller, EPOLL_CTL_ADD, connection, EPOLLIN, 0);
        }
    }
}

// MARK: The loop

static int begin(int poller, int port) {
    struct sockaddr_in address = place(port);
    int connection = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (connection < 0) die("socket");
    if (connect(connection, (struct sockaddr *)&address, sizeof address) != 0 && errno != EINPROGRESS) {
        close(connection);
        return 0;
    }
    watch(poller, EPOLL_CTL_ADD, connection, EPOLLOUT, 0);
    return 1;
}

static int ask(int count, int port, int width) {
    int poller = epoll_create1(0), next = 0, open = 0, good = 0;
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    while (next < count || open > 0) {
        while (next < count && open < width) open += begin(poller, port + next++);
        struct epoll_event events[BATCH];
        int ready = epoll_wait(poller, events, BATCH, 5000);
        if (ready == 0) break;
        for (int index = 0; index < ready; index++) {
            int connection = (int)(uint32_t)events[index].data.u64;
            if (events[index].events & EPOLLOUT && send(connection, "ruok", 4, MSG_NOSIGNAL) == 4) {
                watch(poller, EPOLL_CTL_MOD, connection, EPOLLIN, 0);
                continue;
            }
            char reply[16];
            if (recv(connection, reply, sizeof reply, 0) == 4 && memcmp(reply, "imok", 4) == 0) good++;
            close(connection);
            open--;
        }
    }
    wall = seconds(CLOCK_MONOTONIC) - wall;
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"ok\":%d,\"bad\":%d,\"s\":%.5f,\"cpu\":%.5f,\"rss_mb\":%.1f}\n", good, count - good, wall, cpu, (double)usage.ru_maxrss / 1024);
    return good == count ? 0 : 1;
}

int main(int count, char **words) {
    allow_many_files();
    if (count == 4 && strcmp(words[1], "targets") == 0) serve(atoi(words[2]), atoi(words[3]));
    if (count == 5 && strcmp(words[1], "round") == 0) return ask(atoi(words[2]), atoi(words[3]), atoi(words[4]));
    fprintf(stderr, "usage: ProbeFloor targets COUNT PORT | round COUNT PORT WIDTH\n");
    return 2;
}
