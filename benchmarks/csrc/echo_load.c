/* Ping-pong load for an echo server: every connection sends a message, waits for all of it to come
 * back, and sends the next one.
 * Usage: echo_load PORT CONNECTIONS BYTES SECONDS */
#include "load.h"

static int epoll, connections, *fds;
static size_t size, *received;
static int64_t *sent_at, messages;
static char message[65536], buffer[65536];

static void send_message(int i) {
    received[i] = 0;
    sent_at[i] = now_ns();
    if (send(fds[i], message, size, MSG_NOSIGNAL) != (ssize_t)size) die("send");
}

/* Returns the nanoseconds until the last message came back. */
static int64_t play(double seconds) {
    struct epoll_event events[256];
    int64_t start = now_ns(), end = start + (int64_t)(seconds * 1e9), now = start;
    int outstanding = connections;
    messages = 0;
    latency_reset();
    for (int i = 0; i < connections; i++) send_message(i);
    while (outstanding > 0) {
        int ready = epoll_wait(epoll, events, 256, 5000);
        if (ready == 0) fail("the server has not answered for 5 s");
        for (int e = 0; e < ready; e++) {
            int i = (int)events[e].data.u32;
            ssize_t got = recv(fds[i], buffer, sizeof buffer, 0);
            if (got == 0) fail("the server closed a connection");
            if (got < 0) die("recv");
            received[i] += (size_t)got;
            if (received[i] > size) fail("the server sent more than it was sent");
            if (received[i] < size) continue;
            now = now_ns();
            latency_add(now - sent_at[i]);
            messages++;
            if (now < end) send_message(i);
            else outstanding--;
        }
    }
    return now - start;
}

int main(int argc, char **argv) {
    if (argc != 5) fail("usage: echo_load PORT CONNECTIONS BYTES SECONDS");
    int port = atoi(argv[1]);
    connections = atoi(argv[2]);
    size = (size_t)atoi(argv[3]);
    if (connections < 1 || size < 1 || size > sizeof message) fail("unusable arguments");
    fds = calloc((size_t)connections, sizeof *fds);
    received = calloc((size_t)connections, sizeof *received);
    sent_at = calloc((size_t)connections, sizeof *sent_at);
    memset(message, 'x', sizeof message);
    epoll = epoll_create1(0);
    for (int i = 0; i < connections; i++) {
        fds[i] = connect_to(port);
        watch(epoll, fds[i], i);
    }
    play(0.5);
    say_ready();
    double seconds = (double)play(atof(argv[4])) / 1e9;
    printf("count=%lld seconds=%.4f p50_us=%.0f p99_us=%.0f\n", (long long)messages, seconds,
           latency_us(0.50), latency_us(0.99));
    wait_for_end();
}
