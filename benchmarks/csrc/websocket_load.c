/* Load for a WebSocket server. Messages are binary, in one frame each, and shorter than 126 bytes;
 * no extension is offered.
 *   echo   every connection sends a message, waits for it to come back, and sends the next one
 *   room   SPEAKERS of the connections do so; every message reaches every connection
 *   idle   nothing is sent: the handshake has the fields that a browser sends
 * Usage: websocket_load PORT echo|room|idle CONNECTIONS SPEAKERS BYTES SECONDS */
#include "load.h"

#include <poll.h>

enum { SMALL = 126, HEADER = 2, MASK = 4 };
static int epoll, connections, speakers, *fds;
static size_t size, *received; /* received: bytes of the frame that has come in part */
static unsigned char (*frames)[HEADER + SMALL];
static int64_t *sent_at, messages;
static unsigned char buffer[1 << 18];

static const char *request =
    "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n";
static const char *browser =
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
    "Origin: http://127.0.0.1\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\n"
    "Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US\r\nCache-Control: no-cache\r\n"
    "Pragma: no-cache\r\nCookie: session=0123456789abcdef%08d\r\n";

static int open_websocket(int port, int number, int idle) {
    char fields[1024] = "", head[2048], answer[4096];
    size_t length = 0;
    int fd = connect_to(port);
    if (idle) snprintf(fields, sizeof fields, browser, number);
    int wanted = snprintf(head, sizeof head, request, fields);
    if (send(fd, head, (size_t)wanted, MSG_NOSIGNAL) != wanted) die("send");
    do {
        struct pollfd poller = {.fd = fd, .events = POLLIN};
        if (poll(&poller, 1, 5000) != 1) fail("no answer to a handshake for 5 s");
        ssize_t got = recv(fd, answer + length, sizeof answer - 1 - length, 0);
        if (got <= 0) die("recv");
        length += (size_t)got;
        answer[length] = 0;
    } while (!strstr(answer, "\r\n\r\n"));
    if (strncmp(answer, "HTTP/1.1 101 ", 13)) fail("a handshake was refused");
    return fd;
}

static void send_message(int i) {
    unsigned char frame[HEADER + MASK + SMALL] = {0x82, (unsigned char)(0x80 | size)};
    uint32_t mask = (uint32_t)rand(), number = (uint32_t)i;
    memcpy(frame + HEADER, &mask, MASK);
    memset(frame + HEADER + MASK, 'x', size);
    memcpy(frame + HEADER + MASK, &number, sizeof number);
    for (size_t n = 0; n < size; n++) frame[HEADER + MASK + n] ^= frame[HEADER + n % MASK];
    sent_at[i] = now_ns();
    ssize_t length = (ssize_t)(HEADER + MASK + size);
    if (send(fds[i], frame, (size_t)length, MSG_NOSIGNAL) != length) die("send");
}

/* Returns whether the connection's own message is among what was read. */
static int hear(int i, const unsigned char *data, size_t length) {
    uint32_t number;
    int own = 0;
    while (length > 0) {
        size_t part = HEADER + size - received[i];
        if (part > length) part = length;
        memcpy(frames[i] + received[i], data, part);
        received[i] += part;
        data += part;
        length -= part;
        if (received[i] < HEADER + size) break;
        if (frames[i][0] != 0x82 || frames[i][1] != size) fail("an unexpected frame came");
        memcpy(&number, frames[i] + HEADER, sizeof number);
        own |= number == (uint32_t)i;
        messages++;
        received[i] = 0;
    }
    return own;
}

/* Returns the nanoseconds until the last message came. */
static int64_t play(double seconds) {
    struct epoll_event events[1024];
    int64_t start = now_ns(), end = start + (int64_t)(seconds * 1e9), now = start;
    int64_t sent = speakers, each = speakers < connections ? connections : 1;
    messages = 0;
    latency_reset();
    for (int i = 0; i < speakers; i++) send_message(i);
    while (messages < sent * each) {
        int ready = epoll_wait(epoll, events, 1024, 5000);
        if (ready == 0) fail("the server has sent nothing for 5 s");
        for (int e = 0; e < ready; e++) {
            int i = (int)events[e].data.u32;
            ssize_t got = recv(fds[i], buffer, sizeof buffer, 0);
            if (got == 0) fail("the server closed a connection");
            if (got < 0) die("recv");
            if (!hear(i, buffer, (size_t)got)) continue;
            now = now_ns();
            latency_add(now - sent_at[i]);
            if (now < end) {
                send_message(i);
                sent++;
            }
        }
        now = now_ns();
    }
    return now - start;
}

int main(int argc, char **argv) {
    if (argc != 7) fail("usage: websocket_load PORT echo|room|idle CONNECTIONS SPEAKERS BYTES SECONDS");
    int port = atoi(argv[1]), idle = !strcmp(argv[2], "idle");
    connections = atoi(argv[3]);
    speakers = atoi(argv[4]);
    size = (size_t)atoi(argv[5]);
    if (connections < 1 || speakers > connections || size < 4 || size >= SMALL)
        fail("unusable arguments");
    fds = calloc((size_t)connections, sizeof *fds);
    received = calloc((size_t)connections, sizeof *received);
    sent_at = calloc((size_t)connections, sizeof *sent_at);
    frames = calloc((size_t)connections, sizeof *frames);
    epoll = epoll_create1(0);
    for (int i = 0; i < connections; i++) {
        fds[i] = open_websocket(port, i, idle);
        watch(epoll, fds[i], i);
    }
    if (!idle) play(0.3);
    say_ready();
    double seconds = atof(argv[6]);
    if (idle) usleep((useconds_t)(seconds * 1e6)), messages = connections;
    else seconds = (double)play(seconds) / 1e9;
    printf("count=%lld seconds=%.4f p50_us=%.0f p99_us=%.0f\n", (long long)messages, seconds,
           latency_us(0.50), latency_us(0.99));
    wait_for_end();
}
