/* SPDX-License-Identifier: Apache-2.0 */
/* A small web server for mse in plain C: it listens on the unix socket named in $MSE_SOCKET and
 * knows nothing of TLS or TEEs. One thread per connection, HTTP/1.1 with keep-alive.
 *   GET  /        a greeting          GET /health  "ok"
 *   GET  /bytes   1 KiB of text       POST /count  how many bytes the request's body had */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HEAD_MAX 8192
#define BODY_MAX ((uint64_t)1 << 30)

/* What has been read and not used yet. */
struct input {
    int fd;
    size_t len;
    char data[HEAD_MAX + 1];
};

struct request {
    char method[8];
    char path[256];
    uint64_t body_len;
    bool close;
};

static bool send_all(int fd, const char *p, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        p += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

static bool fill(struct input *in)
{
    ssize_t n = 0;
    do {
        n = recv(in->fd, in->data + in->len, HEAD_MAX - in->len, 0);
    } while (n < 0 && errno == EINTR);
    in->len += n > 0 ? (size_t)n : 0;
    in->data[in->len] = '\0';
    return n > 0;
}

static void drop(struct input *in, size_t len)
{
    memmove(in->data, in->data + len, in->len - len + 1);
    in->len -= len;
}

/* One header line, without its end. False if the request must be refused. */
static bool take_header(struct request *r, const char *line)
{
    static const char length[] = "content-length:";
    if (strncasecmp(line, length, sizeof length - 1) == 0) {
        char *end = NULL;
        errno = 0;
        unsigned long long v = strtoull(line + sizeof length - 1, &end, 10);
        r->body_len = v;
        return errno == 0 && *end == '\0' && v <= BODY_MAX;
    }
    if (strcasecmp(line, "connection: close") == 0) {
        r->close = true;
    }
    return strncasecmp(line, "transfer-encoding:", 18) != 0;
}

/* head: the request line and the headers, NUL-terminated; it is cut into lines. */
static bool parse_head(struct request *r, char *head)
{
    *r = (struct request) { .body_len = 0 };
    char *next = strstr(head, "\r\n");
    *next = '\0';
    if (sscanf(head, "%7[A-Z] %255s HTTP/1.1", r->method, r->path) != 2) {
        return false;
    }
    for (char *line = next + 2; (next = strstr(line, "\r\n")) != NULL; line = next + 2) {
        *next = '\0';
        if (!take_header(r, line)) {
            return false;
        }
    }
    return true;
}

static bool answer(const struct input *in, const struct request *r, int status, const char *body)
{
    char text[2048];
    int n =
        snprintf(text, sizeof text,
                 "HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n%s\r\n%s",
                 status, status == 200 ? "OK" : "Error", strlen(body),
                 r->close ? "Connection: close\r\n" : "", body);
    return n > 0 && (size_t)n < sizeof text && send_all(in->fd, text, (size_t)n) && !r->close;
}

static bool skip_body(struct input *in, uint64_t len)
{
    while (len > 0) {
        if (in->len == 0 && !fill(in)) {
            return false;
        }
        size_t n = in->len < len ? in->len : (size_t)len;
        drop(in, n);
        len -= n;
    }
    return true;
}

static bool respond(const struct input *in, const struct request *r)
{
    char text[1025];
    if (strcmp(r->path, "/") == 0) {
        return answer(in, r, 200, "Hello from C, inside a TEE.\n");
    }
    if (strcmp(r->path, "/health") == 0) {
        return answer(in, r, 200, "ok\n");
    }
    if (strcmp(r->path, "/bytes") == 0) {
        memset(text, 'x', sizeof text - 1);
        text[sizeof text - 1] = '\0';
        return answer(in, r, 200, text);
    }
    if (strcmp(r->path, "/count") == 0) {
        (void)snprintf(text, sizeof text, "%llu\n", (unsigned long long)r->body_len);
        return answer(in, r, 200, text);
    }
    return answer(in, r, 404, "there is no such page\n");
}

/* One request; false when the connection is to end. */
static bool serve_one(struct input *in)
{
    struct request r;
    char *end = NULL;
    while ((end = strstr(in->data, "\r\n\r\n")) == NULL) {
        if (in->len == HEAD_MAX || !fill(in)) {
            return false;
        }
    }
    size_t head_len = (size_t)(end - in->data) + 4;
    end[2] = '\0';
    if (!parse_head(&r, in->data)) {
        r.close = true;
        (void)answer(in, &r, 400, "bad request\n");
        return false;
    }
    drop(in, head_len);
    return skip_body(in, r.body_len) && respond(in, &r);
}

static void *serve(void *arg)
{
    struct input *in = arg;
    while (serve_one(in)) {
    }
    (void)close(in->fd);
    free(in);
    return NULL;
}

/* Takes over fd, which may be what a failed accept gave. */
static void begin(int fd, const pthread_attr_t *attr)
{
    pthread_t thread;
    struct input *in = fd < 0 ? NULL : calloc(1, sizeof *in);
    if (fd < 0) {
        (void)usleep(10000); /* out of descriptors, most likely */
        return;
    }
    if (in != NULL) {
        in->fd = fd;
    }
    if (in == NULL || pthread_create(&thread, attr, serve, in) != 0) {
        (void)close(fd);
        free(in);
    }
}

static int listen_on(const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    if (path == NULL || strlen(path) >= sizeof addr.sun_path) {
        (void)fprintf(stderr, "MSE_SOCKET is not set, or too long\n");
        return -1;
    }
    memcpy(addr.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof addr) != 0 ||
        listen(fd, 512) != 0) {
        perror(path);
        return -1;
    }
    return fd;
}

int main(void)
{
    pthread_attr_t attr;
    int listener = listen_on(getenv("MSE_SOCKET"));
    if (listener < 0 || pthread_attr_init(&attr) != 0 ||
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) != 0 ||
        pthread_attr_setstacksize(&attr, 131072) != 0) {
        return 1;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    for (;;) {
        begin(accept(listener, NULL, NULL), &attr);
    }
}
