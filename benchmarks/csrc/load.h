/* What the load generators share: a clock, a latency histogram, connecting, and the dialogue with
 * the runner (print "ready", read "go", print one line of name=value pairs, wait for EOF). */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#ifndef LOAD_H
#define LOAD_H
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Latencies in buckets of 10 us up to 10 s; the last bucket also counts longer ones. */
enum { BUCKET_NS = 10000, BUCKETS = 1000000 };
static uint32_t histogram[BUCKETS];
static int64_t histogram_count;

static inline void latency_add(int64_t ns) {
    int64_t bucket = ns / BUCKET_NS;
    histogram[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
    histogram_count++;
}

static inline void latency_reset(void) {
    memset(histogram, 0, sizeof histogram);
    histogram_count = 0;
}

static inline double latency_us(double share) {
    int64_t wanted = (int64_t)(histogram_count * share), seen = 0;
    for (int i = 0; i < BUCKETS; i++) {
        seen += histogram[i];
        if (seen > wanted) return (i + 0.5) * BUCKET_NS / 1000.0;
    }
    return 0;
}

static int connect_to(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) die("socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

static void watch(int epoll, int fd, int index) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)index};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
}

/* The runner reads the server's CPU time and memory while we wait for its answer. */
static void say_ready(void) {
    char line[16];
    puts("ready");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) exit(0);
}

/* Connections stay open until the runner has taken its second reading. */
static void wait_for_end(void) {
    fflush(stdout);
    while (getchar() != EOF) continue;
}
#endif
