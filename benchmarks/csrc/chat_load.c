/* Broadcast load for a line-based chat room: MEMBERS connections read everything, SPEAKERS of them
 * also send. Each line contains its speaker's number, so that a speaker recognises its own lines.
 *   window K     closed loop: each speaker keeps K of its lines in flight
 *   paced MS     open loop: each speaker sends with Poisson gaps of MS milliseconds on average
 * Every line sent must reach every member: at the end, `delivered` is compared with `expected`.
 * Usage: chat_load PORT MEMBERS SPEAKERS SECONDS TEXT_BYTES window|paced VALUE */
#include "load.h"

#include <math.h>

enum { RING = 65536, MAX_LINE = 1024 };
struct speaker {
    char marker[16], line[MAX_LINE]; /* line: the unfinished line at the end of what was read */
    size_t line_length;
    uint32_t sent, seen;
    int64_t next_send;
    int64_t sent_at[RING];
};

static int epoll, members, speakers, *fds, *speaker_at; /* speaker_at[member]: -1 for none */
static struct speaker *talk;
static size_t text_bytes;
static int64_t delivered, delivered_bytes, sent_lines, reads, backlogged, last_data;
static char buffer[1 << 18];

/* Speakers are spread evenly among the members, so that no order of delivery favours them. */
static int seat(int speaker) { return (int)((int64_t)speaker * members / speakers); }

/* Returns 0 if the server is so far behind that it does not read from its speakers. */
static int send_line(int i) {
    struct speaker *s = &talk[i];
    char text[MAX_LINE];
    int head = snprintf(text, sizeof text, "%s %06u ", s->marker, s->sent);
    for (size_t n = (size_t)head; n < text_bytes; n++) text[n] = (char)('a' + n % 26);
    text[text_bytes] = '\n';
    ssize_t put = send(fds[seat(i)], text, text_bytes + 1, MSG_NOSIGNAL);
    if (put < 0 && errno == EAGAIN) {
        backlogged++;
        return 0;
    }
    if (put != (ssize_t)text_bytes + 1) die("send");
    s->sent_at[s->sent++ % RING] = now_ns();
    sent_lines++;
    return 1;
}

/* Looks for the speaker's own lines in received data. */
static void hear(struct speaker *s, const char *data, size_t length) {
    while (length > 0) {
        const char *end = memchr(data, '\n', length);
        size_t part = end ? (size_t)(end - data) : length;
        if (s->line_length + part > MAX_LINE) fail("an over-long line came from the server");
        memcpy(s->line + s->line_length, data, part);
        s->line_length += part;
        if (!end) return;
        char *mark = memmem(s->line, s->line_length, s->marker, strlen(s->marker));
        if (mark && s->seen < s->sent) {
            latency_add(now_ns() - s->sent_at[s->seen++ % RING]);
        }
        s->line_length = 0;
        data = end + 1;
        length -= part + 1;
    }
}

static void drain(int timeout_ms) {
    struct epoll_event events[1024];
    int ready = epoll_wait(epoll, events, 1024, timeout_ms);
    for (int e = 0; e < ready; e++) {
        int i = (int)events[e].data.u32;
        ssize_t got = recv(fds[i], buffer, sizeof buffer, 0);
        if (got == 0) fail("the server closed a connection");
        if (got < 0) {
            if (errno == EAGAIN) continue;
            die("recv");
        }
        reads++;
        delivered_bytes += got;
        for (const char *p = buffer, *end = buffer + got; (p = memchr(p, '\n', (size_t)(end - p)));) {
            delivered++;
            if (++p == end) break;
        }
        if (speaker_at[i] >= 0) hear(&talk[speaker_at[i]], buffer, (size_t)got);
    }
    if (ready > 0) last_data = now_ns();
}

static void drain_until_quiet(int quiet_ms) {
    last_data = now_ns();
    while (now_ns() - last_data < (int64_t)quiet_ms * 1000000) drain(quiet_ms);
}

/* A busy server may be silent for a long time while it still has our lines. */
static void drain_until_complete(int patience_ms) {
    last_data = now_ns();
    while (delivered < sent_lines * members &&
           now_ns() - last_data < (int64_t)patience_ms * 1000000)
        drain(10);
}

static int64_t poisson_gap(double mean_ms) {
    return (int64_t)(-log((rand() + 1.0) / (RAND_MAX + 2.0)) * mean_ms * 1e6);
}

static void play_window(int64_t end, unsigned window) {
    for (int i = 0; i < speakers; i++)
        for (unsigned n = 0; n < window; n++) send_line(i);
    while (now_ns() < end) {
        drain(100);
        for (int i = 0; i < speakers; i++)
            while (talk[i].sent - talk[i].seen < window && send_line(i)) continue;
    }
}

static void play_paced(int64_t end, double mean_ms) {
    for (int i = 0; i < speakers; i++) talk[i].next_send = now_ns() + poisson_gap(mean_ms);
    for (;;) {
        int64_t now = now_ns(), nearest = end;
        if (now >= end) return;
        for (int i = 0; i < speakers; i++) {
            if (talk[i].next_send <= now) {
                send_line(i);
                talk[i].next_send += poisson_gap(mean_ms);
            }
            if (talk[i].next_send < nearest) nearest = talk[i].next_send;
        }
        /* Rounded down, so the last millisecond is spent polling and lines leave on time. */
        drain(nearest > now ? (int)((nearest - now) / 1000000) : 0);
    }
}

int main(int argc, char **argv) {
    if (argc != 8) fail("usage: chat_load PORT MEMBERS SPEAKERS SECONDS TEXT_BYTES window|paced VALUE");
    int port = atoi(argv[1]);
    members = atoi(argv[2]);
    speakers = atoi(argv[3]);
    double seconds = atof(argv[4]), value = atof(argv[7]);
    int paced = strcmp(argv[6], "paced") == 0;
    text_bytes = (size_t)atoi(argv[5]);
    if (members < 1 || speakers > members || text_bytes < 20 || text_bytes > 400 || value <= 0)
        fail("unusable arguments");
    fds = calloc((size_t)members, sizeof *fds);
    talk = calloc((size_t)speakers, sizeof *talk);
    speaker_at = malloc((size_t)members * sizeof *speaker_at);
    memset(speaker_at, 0xff, (size_t)members * sizeof *speaker_at);
    for (int i = 0; i < speakers; i++) {
        speaker_at[seat(i)] = i;
        snprintf(talk[i].marker, sizeof talk[i].marker, "<%04d>", i);
    }
    epoll = epoll_create1(0);
    for (int i = 0; i < members; i++) {
        fds[i] = connect_to(port);
        watch(epoll, fds[i], i);
        drain(0);
    }
    drain_until_quiet(1000);

    /* Each speaker sends one line and everyone must receive it: the room works. */
    delivered = 0;
    for (int i = 0; i < speakers; i++) send_line(i);
    drain_until_complete(3000);
    drain_until_quiet(300);
    if (delivered != (int64_t)speakers * members) {
        fprintf(stderr, "%lld lines reached members, not %d x %d\n", (long long)delivered,
                speakers, members);
        return 1;
    }
    say_ready();

    delivered = delivered_bytes = sent_lines = reads = 0;
    latency_reset();
    int64_t start = now_ns(), end = start + (int64_t)(seconds * 1e9);
    if (paced) play_paced(end, value);
    else play_window(end, (unsigned)value);
    double took = (double)(now_ns() - start) / 1e9;
    int64_t in_time = delivered;
    drain_until_complete(3000);
    double all = (double)(last_data - start) / 1e9;
    printf("count=%lld seconds=%.4f in_time=%lld took=%.4f expected=%lld sent=%lld backlogged=%lld "
           "bytes=%lld reads=%lld p50_us=%.0f p99_us=%.0f\n",
           (long long)delivered, all, (long long)in_time, took,
           (long long)sent_lines * members, (long long)sent_lines, (long long)backlogged,
           (long long)delivered_bytes, (long long)reads, latency_us(0.50), latency_us(0.99));
    wait_for_end();
}
