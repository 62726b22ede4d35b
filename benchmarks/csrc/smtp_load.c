/* Load for an SMTP server: every connection sends MAIL, RCPT and DATA in one piece, waits for 354,
 * sends the mail, waits for 250, and begins again. No two mails are the same.
 * Usage: smtp_load PORT CONNECTIONS BYTES SECONDS */
#include "load.h"

enum { GREETING, HELLO, ENVELOPE, CONTENT };
enum { LINE = 72 };

static int epoll, connections, *fds, *state, *replies;
static size_t size, *filled;
static char (*input)[4096];
static int64_t *sent_at, mails, sent;
static char *mail;

static void send_all(int fd, const char *data, size_t length) {
    while (length) {
        ssize_t n = send(fd, data, length, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            usleep(100);
            continue;
        }
        if (n <= 0) die("send");
        data += n;
        length -= (size_t)n;
    }
}

static void send_envelope(int i) {
    static const char envelope[] = "MAIL FROM:<ada@example.com> BODY=8BITMIME\r\n"
                                   "RCPT TO:<bob@example.org>\r\nDATA\r\n";
    state[i] = ENVELOPE;
    replies[i] = 0;
    sent_at[i] = now_ns();
    send_all(fds[i], envelope, sizeof envelope - 1);
}

static void send_content(int i) {
    char number[32];
    int digits = snprintf(number, sizeof number, "%016lld", (long long)++sent);
    memcpy(mail + sizeof "Subject: " - 1, number, (size_t)digits);
    state[i] = CONTENT;
    send_all(fds[i], mail, size);
}

/* The last line of a reply has arrived. Returns 1 if that is the end of a mail. */
static int replied(int i, const char *line) {
    int code = atoi(line);
    if (state[i] == GREETING && code == 220) {
        state[i] = HELLO;
        send_all(fds[i], "EHLO load.example\r\n", 19);
    } else if (state[i] == HELLO && code == 250) {
        state[i] = ENVELOPE;
        return 1;
    } else if (state[i] == ENVELOPE && code == (replies[i] < 2 ? 250 : 354)) {
        if (++replies[i] == 3) send_content(i);
    } else if (state[i] == CONTENT && code == 250) {
        latency_add(now_ns() - sent_at[i]);
        mails++;
        return 1;
    } else {
        fail(line);
    }
    return 0;
}

static int receive(int i) {
    int done = 0;
    ssize_t got = recv(fds[i], input[i] + filled[i], sizeof input[i] - filled[i] - 1, 0);
    if (got == 0) fail("the server closed a connection");
    if (got < 0) die("recv");
    filled[i] += (size_t)got;
    input[i][filled[i]] = 0;
    char *line = input[i], *end;
    while ((end = strstr(line, "\r\n"))) {
        *end = 0;
        if (strlen(line) > 3 && line[3] == ' ') done += replied(i, line);
        line = end + 2;
    }
    filled[i] -= (size_t)(line - input[i]);
    memmove(input[i], line, filled[i]);
    return done;
}

static void turn(int64_t end, int *outstanding) {
    struct epoll_event events[256];
    int ready = epoll_wait(epoll, events, 256, 10000);
    if (ready == 0) fail("the server has not answered for 10 s");
    for (int e = 0; e < ready; e++) {
        int i = (int)events[e].data.u32;
        if (!receive(i)) continue;
        if (now_ns() < end) send_envelope(i);
        else --*outstanding;
    }
}

/* Returns the nanoseconds until the last mail was accepted. */
static int64_t play(double seconds) {
    int64_t start = now_ns(), end = start + (int64_t)(seconds * 1e9);
    int outstanding = connections;
    mails = 0;
    latency_reset();
    for (int i = 0; i < connections; i++) send_envelope(i);
    while (outstanding > 0) turn(end, &outstanding);
    return now_ns() - start;
}

static void make_mail(void) {
    static const char head[] = "Subject: 0000000000000000\r\nFrom: ada@example.com\r\n"
                               "To: bob@example.org\r\n\r\n";
    mail = malloc(size + 8);
    memset(mail, 'x', size);
    memcpy(mail, head, sizeof head - 1);
    size_t at = sizeof head - 1;
    for (at += LINE; at + 8 < size; at += LINE + 2) memcpy(mail + at, "\r\n", 2);
    memcpy(mail + size - 5, "\r\n.\r\n", 5);
}

int main(int argc, char **argv) {
    if (argc != 5) fail("usage: smtp_load PORT CONNECTIONS BYTES SECONDS");
    int port = atoi(argv[1]);
    connections = atoi(argv[2]);
    size = (size_t)atoi(argv[3]);
    if (connections < 1 || size < 200) fail("unusable arguments");
    size_t count = (size_t)connections;
    fds = calloc(count, sizeof *fds);
    state = calloc(count, sizeof *state);
    replies = calloc(count, sizeof *replies);
    filled = calloc(count, sizeof *filled);
    sent_at = calloc(count, sizeof *sent_at);
    input = calloc(count, sizeof *input);
    make_mail();
    epoll = epoll_create1(0);
    for (int i = 0; i < connections; i++) {
        fds[i] = connect_to(port);
        watch(epoll, fds[i], i);
    }
    int greeting = connections;
    while (greeting > 0) turn(0, &greeting);
    play(0.3);
    say_ready();
    double seconds = (double)play(atof(argv[4])) / 1e9;
    printf("count=%lld seconds=%.4f p50_us=%.0f p99_us=%.0f\n", (long long)mails, seconds,
           latency_us(0.50), latency_us(0.99));
    wait_for_end();
}
