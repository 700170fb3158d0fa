/* SPDX-License-Identifier: Apache-2.0 */
/* The folder of an instance, and talking to its supervisor. */
#include "cli/home.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "cli/home_wire.h"

#define MAX_NAME  64
#define MAX_REPLY ((size_t)16384)
#define STATUS_MS 5000
#define STOP_MS   30000

char *home_parent(void)
{
    return cli_conf_path("home");
}

static bool good_name(const char *name)
{
    size_t len = strlen(name);
    return len >= 1 && len <= MAX_NAME && name[0] != '-' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == len;
}

enum cli_exit home_name(struct home *h, const struct cli *c, const char *name)
{
    *h = (struct home) { .c = c, .name = name };
    if (!good_name(name)) {
        return cli_trouble(c, "the name is %s, wanted 1 to %d of a-z A-Z 0-9 _ -", name, MAX_NAME);
    }
    char *parent = home_parent();
    h->dir = parent == NULL ? NULL : cli_join(parent, name);
    free(parent);
    return h->dir != NULL ? CLI_DONE
                          : cli_trouble(c, "no configuration folder: set MSE_CONF_PATH or HOME");
}

enum cli_exit home_open(struct home *h, const struct cli *c, const char *name)
{
    struct cli_file f = { 0 };
    struct mse_error err = { 0 };
    enum cli_exit e = home_name(h, c, name);
    if (e != CLI_DONE) {
        return e;
    }
    if (!cli_file_exists(h->dir)) {
        (void)cli_trouble(c, "there is no instance %s here", name);
        cli_hint(c, "mse home list shows them, mse home spawn makes one");
        return CLI_TROUBLE;
    }
    mse_status st = home_read(&f, h, "instance.json", MAX_REPLY, &err);
    if (st == MSE_OK) {
        h->facts = json_loadb((const char *)f.data, f.len, JSON_REJECT_DUPLICATES, NULL);
    }
    cli_file_clear(&f);
    if (!json_is_object(h->facts)) {
        (void)cli_trouble(c, "%s: instance.json cannot be read", h->dir);
        cli_hint(c, "mse home stop %s --remove takes it away", name);
        return CLI_TROUBLE;
    }
    return CLI_DONE;
}

void home_clear(struct home *h)
{
    free(h->dir);
    json_decref(h->facts);
    *h = (struct home) { .c = h->c };
}

char *home_path(const struct home *h, const char *file)
{
    return cli_join(h->dir, file);
}

mse_status home_read(struct cli_file *out, const struct home *h, const char *file, size_t max,
                     struct mse_error *err)
{
    char *path = home_path(h, file);
    mse_status st = path == NULL ? MSE_ERR_MEMORY : cli_file_read(out, path, max, err);
    free(path);
    return st;
}

mse_status home_write(const struct home *h, const char *file, struct mse_bytes content,
                      struct mse_error *err)
{
    char *path = home_path(h, file);
    mse_status st = path == NULL ? MSE_ERR_MEMORY : cli_file_write(path, content, 0600, err);
    free(path);
    return st;
}

const char *home_fact(const struct home *h, const char *key)
{
    const char *text = json_string_value(json_object_get(h->facts, key));
    return text == NULL ? "" : text;
}

/* A unix socket has a short path: the folder is named by its descriptor. */
bool home_socket_address(struct sockaddr_un *out, int dir_fd)
{
    *out = (struct sockaddr_un) { .sun_family = AF_UNIX };
    int n = snprintf(out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d/control", dir_fd);
    return n > 0 && (size_t)n < sizeof out->sun_path;
}

static int connect_control(const struct home *h)
{
    struct sockaddr_un a;
    int dir_fd = open(h->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = dir_fd < 0 ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && (!home_socket_address(&a, dir_fd) ||
                    connect(fd, (const struct sockaddr *)&a, sizeof a) != 0)) {
        (void)close(fd);
        fd = -1;
    }
    if (dir_fd >= 0) {
        (void)close(dir_fd);
    }
    return fd;
}

/* What comes until the other end closes, which a supervisor that stops does when it is gone. */
static size_t read_to_end(int fd, char *out, size_t cap, int timeout_ms)
{
    size_t have = 0;
    struct pollfd p = { .fd = fd, .events = POLLIN };
    while (have < cap && poll(&p, 1, timeout_ms) > 0) {
        ssize_t n = recv(fd, out + have, cap - have, 0);
        if (n <= 0) {
            break;
        }
        have += (size_t)n;
    }
    return have;
}

/* One word to the supervisor; NULL if none answers. */
static json_t *ask(const struct home *h, const char *word, int timeout_ms)
{
    json_t *v = NULL;
    int fd = connect_control(h);
    if (fd < 0) {
        return NULL;
    }
    char *reply = malloc(MAX_REPLY);
    if (reply != NULL && send(fd, word, strlen(word), MSG_NOSIGNAL) == (ssize_t)strlen(word) &&
        shutdown(fd, SHUT_WR) == 0) {
        size_t len = read_to_end(fd, reply, MAX_REPLY, timeout_ms);
        v = json_loadb(reply, len, JSON_REJECT_DUPLICATES, NULL);
    }
    free(reply);
    (void)close(fd);
    return v;
}

json_t *home_state(const struct home *h)
{
    struct cli_file f = { 0 };
    json_t *v = ask(h, HOME_ASK_STATUS, STATUS_MS);
    if (json_is_object(v)) {
        return v;
    }
    json_decref(v);
    v = NULL;
    if (home_read(&f, h, HOME_END, MAX_REPLY, NULL) == MSE_OK) {
        v = json_loadb((const char *)f.data, f.len, 0, NULL);
    }
    cli_file_clear(&f);
    if (json_is_object(v)) {
        return v;
    }
    json_decref(v);
    return json_pack("{s:s, s:s}", "state", "killed", "note",
                     "its supervisor is gone without a word: killed, or the machine went down");
}

bool home_lives(const json_t *state)
{
    return json_is_integer(json_object_get(state, "pid"));
}

const char *home_state_word(const json_t *state)
{
    const char *word = json_string_value(json_object_get(state, "state"));
    return word == NULL ? "unknown" : word;
}

enum cli_exit home_stop(const struct home *h)
{
    json_t *v = ask(h, HOME_ASK_STOP, STOP_MS);
    bool asked = v != NULL;
    json_decref(v);
    json_t *now = home_state(h);
    bool lives = home_lives(now);
    json_decref(now);
    if (lives) {
        return cli_trouble(h->c, "%s was told to stop and still runs%s", h->name,
                           asked ? "" : ", it does not answer");
    }
    return CLI_DONE;
}
