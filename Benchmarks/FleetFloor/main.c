// Selfheal
// SPDX-License-Identifier: Apache-2.0

// The least that must be done: libssh, one blocking thread for each host, and each of them one command after the other.
//
//   FleetFloor cold|warm TIMES KNOWN_HOSTS KEY USER PORT ADDRESS…
//
// Cold, each command has a connection of its own; warm, each host's connection is made before the time is taken. Prints one line of JSON
// like 'EngineBenchmark fleet'.
#include <libssh/libssh.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static struct {
    int is_cold, times, port;
    const char *known_hosts, *key, *user;
} job;
static pthread_barrier_t ready, begun;
static atomic_int failures;
static double *spans;

static double clock_of(clockid_t id) {
    struct timespec time;
    clock_gettime(id, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static ssh_session give_up(ssh_session session, const char *address, const char *what) {
    fprintf(stderr, "%s: %s: %s\n", address, what, ssh_get_error(session));
    ssh_free(session);
    return NULL;
}

static ssh_session dial(const char *address) {
    ssh_session session = ssh_new();
    int no = 0, yes = 1;
    long seconds = 60;
    ssh_key key;
    ssh_options_set(session, SSH_OPTIONS_HOST, address);
    ssh_options_set(session, SSH_OPTIONS_PORT, &job.port);
    ssh_options_set(session, SSH_OPTIONS_USER, job.user);
    ssh_options_set(session, SSH_OPTIONS_KNOWNHOSTS, job.known_hosts);
    ssh_options_set(session, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null");
    ssh_options_set(session, SSH_OPTIONS_PROCESS_CONFIG, &no);
    // Without this each command waits for a delayed acknowledgement, 30 times as long as it takes.
    ssh_options_set(session, SSH_OPTIONS_NODELAY, &yes);
    ssh_options_set(session, SSH_OPTIONS_TIMEOUT, &seconds);
    if (ssh_connect(session) != SSH_OK)
        return give_up(session, address, "connect");
    if (ssh_session_is_known_server(session) != SSH_KNOWN_HOSTS_OK)
        return give_up(session, address, "host key");
    if (ssh_pki_import_privkey_file(job.key, NULL, NULL, NULL, &key) != SSH_OK)
        return give_up(session, address, "key file");
    int proof = ssh_userauth_publickey(session, NULL, key);
    ssh_key_free(key);
    return proof == SSH_AUTH_SUCCESS ? session : give_up(session, address, "authentication");
}

static void hang_up(ssh_session session) {
    if (session) {
        ssh_disconnect(session);
        ssh_free(session);
    }
}

static int carry_out(ssh_session session) {
    char output[256];
    ssh_channel channel = ssh_channel_new(session);
    int status = -1;
    if (ssh_channel_open_session(channel) == SSH_OK && ssh_channel_request_exec(channel, "true") == SSH_OK) {
        while (ssh_channel_read(channel, output, sizeof output, 0) > 0)
            ;
        status = ssh_channel_get_exit_status(channel);
        ssh_channel_close(channel);
    }
    ssh_channel_free(channel);
    return status;
}

struct host {
    const char *address;
    int number;
};

static void *serve(void *argument) {
    const struct host *host = argument;
    ssh_session session = job.is_cold ? NULL : dial(host->address);
    pthread_barrier_wait(&ready);
    pthread_barrier_wait(&begun);
    for (int turn = 0; turn < job.times; turn++) {
        double start = clock_of(CLOCK_MONOTONIC);
        if (job.is_cold)
            session = dial(host->address);
        if (!session || carry_out(session) != 0)
            failures++;
        if (job.is_cold) {
            hang_up(session);
            session = NULL;
        }
        spans[host->number * job.times + turn] = clock_of(CLOCK_MONOTONIC) - start;
    }
    // Connections stay until all are done: who hangs up early would give the others room.
    pthread_barrier_wait(&ready);
    hang_up(session);
    return NULL;
}

/// The most memory this program had, in MB. What `getrusage` says includes whoever started it.
static double most_memory(void) {
    char line[256];
    long kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %ld", &kilobytes) == 1)
            break;
    if (file)
        fclose(file);
    return kilobytes / 1e3;
}

static int ascending(const void *one, const void *other) {
    double left = *(const double *)one, right = *(const double *)other;
    return (left > right) - (left < right);
}

int main(int count, char **words) {
    if (count < 8) {
        fputs("usage: FleetFloor cold|warm TIMES KNOWN_HOSTS KEY USER PORT ADDRESS...\n", stderr);
        return 2;
    }
    job.is_cold = strcmp(words[1], "cold") == 0;
    job.times = atoi(words[2]);
    job.known_hosts = words[3];
    job.key = words[4];
    job.user = words[5];
    job.port = atoi(words[6]);
    int hosts = count - 7, commands = hosts * job.times;
    if (job.times < 1) {
        fputs("TIMES is at least 1\n", stderr);
        return 2;
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    spans = calloc(commands, sizeof *spans);
    pthread_t *threads = calloc(hosts, sizeof *threads);
    struct host *list = calloc(hosts, sizeof *list);
    if (!spans || !threads || !list)
        return 3;
    pthread_barrier_init(&ready, NULL, hosts + 1);
    pthread_barrier_init(&begun, NULL, hosts + 1);
    double began = clock_of(CLOCK_MONOTONIC);
    for (int number = 0; number < hosts; number++) {
        list[number] = (struct host){words[7 + number], number};
        if (pthread_create(&threads[number], NULL, serve, &list[number]) != 0) {
            fputs("no thread left\n", stderr);
            return 3;
        }
    }
    pthread_barrier_wait(&ready);
    double start = clock_of(CLOCK_MONOTONIC), work = clock_of(CLOCK_PROCESS_CPUTIME_ID);
    pthread_barrier_wait(&begun);
    pthread_barrier_wait(&ready);
    double end = clock_of(CLOCK_MONOTONIC), worked = clock_of(CLOCK_PROCESS_CPUTIME_ID);
    for (int number = 0; number < hosts; number++)
        pthread_join(threads[number], NULL);
    qsort(spans, commands, sizeof *spans, ascending);
    printf(
        "{\"hosts\":%d,\"commands\":%d,\"connect_s\":%.4f,\"cmd_s\":%.4f,\"commands_s\":%.2f,\"cpu_ms\":%.4f,\"median_ms\":%.3f,"
        "\"p99_ms\":%.3f,\"rss_mb\":%.1f,\"failures\":%d}\n",
        hosts, commands, start - began, end - start, commands / (end - start), (worked - work) * 1e3 / commands, spans[commands / 2] * 1e3,
        spans[commands * 99 / 100] * 1e3, most_memory(), failures
    );
    return failures != 0;
}
