/* Idle members: each only sends a line HEARTBEAT every INTERVAL seconds, at a random phase, and
 * reads whatever comes. One interval passes before the measurement, so that the server has already
 * allocated what it needs for heartbeats.
 * With ROOM_SIZE > 0, members first /join rooms of that size.
 * Usage: idle_load PORT MEMBERS INTERVAL SECONDS ROOM_SIZE */
#include "load.h"

#include <poll.h>

static const char HEARTBEAT[] = "HEARTBEAT\n";
static int epoll, members, *fds;
static int64_t *next_beat, beats, lines_received, last_data;

static int64_t drain(void) {
    static char buffer[1 << 18];
    struct epoll_event events[256];
    int ready = epoll_wait(epoll, events, 256, 0);
    for (int e = 0; e < ready; e++) {
        ssize_t got = recv(fds[events[e].data.u32], buffer, sizeof buffer, 0);
        if (got == 0) fail("the server closed a connection");
        if (got < 0 && errno != EAGAIN) die("recv");
        for (ssize_t n = 0; n < got; n++) lines_received += buffer[n] == '\n';
    }
    if (ready > 0) last_data = now_ns();
    return ready;
}

static void wait_until(int64_t when) {
    struct pollfd poller = {.fd = epoll, .events = POLLIN};
    for (int64_t left; (left = when - now_ns()) > 0;) {
        /* ppoll: with epoll_wait's milliseconds, heartbeats would be sent in groups, and the server
         * would wake up less often. */
        struct timespec timeout = {left / 1000000000, left % 1000000000};
        ppoll(&poller, 1, &timeout, NULL);
        drain();
    }
}

static void drain_until_quiet(void) {
    last_data = now_ns();
    while (now_ns() - last_data < 500000000) {
        if (!drain()) usleep(1000);
    }
}

/* Members are sorted by phase, so each pass over them is in order of time. */
static void beat_until(int64_t end, int64_t interval) {
    static int next;
    while (next_beat[next] < end) {
        wait_until(next_beat[next]);
        ssize_t put = send(fds[next], HEARTBEAT, sizeof HEARTBEAT - 1, MSG_NOSIGNAL);
        if (put != sizeof HEARTBEAT - 1) die("send");
        next_beat[next] += interval;
        next = (next + 1) % members;
        beats++;
    }
    wait_until(end);
}

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    if (argc != 6) fail("usage: idle_load PORT MEMBERS INTERVAL SECONDS ROOM_SIZE");
    int port = atoi(argv[1]), room_size = atoi(argv[5]);
    members = atoi(argv[2]);
    int64_t interval = (int64_t)(atof(argv[3]) * 1e9), seconds = (int64_t)(atof(argv[4]) * 1e9);
    if (members < 1 || interval < 1) fail("unusable arguments");
    fds = calloc((size_t)members, sizeof *fds);
    next_beat = calloc((size_t)members, sizeof *next_beat);
    epoll = epoll_create1(0);
    for (int i = 0; i < members; i++) {
        fds[i] = connect_to(port);
        watch(epoll, fds[i], i);
        if (room_size > 0 && dprintf(fds[i], "/join room%d\n", i / room_size) < 0) die("send");
        drain();
    }
    drain_until_quiet();

    int64_t start = now_ns();
    for (int i = 0; i < members; i++)
        next_beat[i] = start + (int64_t)(rand() / (RAND_MAX + 1.0) * (double)interval);
    qsort(next_beat, (size_t)members, sizeof *next_beat, by_value);
    beat_until(start + interval, interval);
    beats = lines_received = 0;
    say_ready();
    start = now_ns();
    beat_until(start + seconds, interval);
    printf("count=%lld seconds=%.4f lines=%lld\n", (long long)beats,
           (double)(now_ns() - start) / 1e9, (long long)lines_received);
    wait_for_end();
}
