// The parts of Linux that Swift's Glibc module leaves out.
//
// Not `_GNU_SOURCE`: it gives `fd_set` another layout than Swift's own Glibc and Dispatch modules saw, and the
// compiler refuses a program that holds both.
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/// Who is at the other end of a unix socket; 0 or -1 with errno set.
struct clinux_peer {
    int pid;
    unsigned int uid;
    unsigned int gid;
};

static inline int clinux_peer_credentials(int fd, struct clinux_peer *peer) {
    struct ucred {
        int pid;
        unsigned int uid;
        unsigned int gid;
    } credentials;
    socklen_t length = sizeof credentials;
    int result = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length);
    if (result == 0) {
        peer->pid = credentials.pid;
        peer->uid = credentials.uid;
        peer->gid = credentials.gid;
    }
    return result;
}

/// `errno` is a macro over a call, which Swift sees only through its Glibc module.
static inline int clinux_errno(void) {
    return errno;
}

// glibc declares the address arguments of these as transparent unions, which Swift cannot pass a pointer to.

static inline int clinux_connect(int fd, const struct sockaddr *address, socklen_t length) {
    return connect(fd, address, length);
}

static inline int clinux_getsockname(int fd, struct sockaddr *address, socklen_t *length) {
    return getsockname(fd, address, length);
}

/// Names the calling thread, for `top` and core dumps; 15 characters are kept.
static inline int clinux_name_thread(const char *name) {
    return prctl(PR_SET_NAME, name, 0, 0, 0);
}

/// Closes every descriptor from `first` up in the child; Swift's Glibc module does not have it.
static inline int clinux_spawn_close_from(posix_spawn_file_actions_t *actions, int first) {
    return posix_spawn_file_actions_addclosefrom_np(actions, first);
}
