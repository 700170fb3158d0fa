/* SPDX-License-Identifier: Apache-2.0 */
/* Talking to the supervisor of an instance. */
#include "launch/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"
#include "cmd/files.h"
#include "launch/instance.h"

#define MAX_REPLY  ((size_t)16384)
#define MAX_NUMBER 24
#define TURN_MS    10

/* A unix socket has a short path: the folder is named by its descriptor. */
bool mse_control_address(struct sockaddr_un *out, int dir_fd, const char *name)
{
    *out = (struct sockaddr_un) { .sun_family = AF_UNIX };
    int n = snprintf(out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d/%s", dir_fd, name);
    return n > 0 && (size_t)n < sizeof out->sun_path;
}

/* One that hangs has a full queue some day: whoever asks is not to hang with it. */
static bool connect_within(int fd, const struct sockaddr_un *a, int timeout_ms)
{
    int waited = 0;
    while (connect(fd, (const struct sockaddr *)a, sizeof *a) != 0) {
        if (errno != EAGAIN || waited >= timeout_ms) {
            return false;
        }
        (void)poll(NULL, 0, TURN_MS);
        waited += TURN_MS;
    }
    return true;
}

static int connect_control(const char *dir, int timeout_ms)
{
    struct sockaddr_un a;
    int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = dir_fd < 0 ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && (!mse_control_address(&a, dir_fd, MSE_CONTROL_SOCKET) ||
                    !connect_within(fd, &a, timeout_ms))) {
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
static json_t *ask(const char *dir, const char *word, int timeout_ms)
{
    json_t *v = NULL;
    int fd = connect_control(dir, timeout_ms);
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

pid_t mse_instance_supervisor(const char *dir)
{
    struct cli_file f = { 0 };
    uint64_t pid = 0;
    char *path = cli_join(dir, MSE_INSTANCE_LOCK);
    bool known = path != NULL && cli_file_read(&f, path, MAX_NUMBER, NULL) == MSE_OK &&
                 mse_u64_parse(&pid, cli_file_view(&f), INT32_MAX);
    cli_file_clear(&f);
    free(path);
    return known && pid > 1 ? (pid_t)pid : 0;
}

json_t *mse_instance_state(const char *dir, unsigned timeout_ms)
{
    struct cli_file f = { 0 };
    json_t *v = ask(dir, MSE_CONTROL_STATUS, (int)timeout_ms);
    if (json_is_object(v)) {
        return v;
    }
    json_decref(v);
    v = NULL;
    char *path = cli_join(dir, MSE_INSTANCE_END);
    if (path != NULL && cli_file_read(&f, path, MAX_REPLY, NULL) == MSE_OK) {
        v = json_loadb((const char *)f.data, f.len, 0, NULL);
    }
    free(path);
    cli_file_clear(&f);
    if (json_is_object(v)) {
        return v;
    }
    json_decref(v);
    return json_pack("{s:s, s:s}", "state", "killed", "note",
                     "its supervisor is gone without a word: killed, or the machine went down");
}

const char *mse_instance_state_word(const json_t *state)
{
    const char *word = json_string_value(json_object_get(state, "state"));
    return word == NULL ? "unknown" : word;
}

bool mse_instance_ask_stop(const char *dir, unsigned timeout_ms)
{
    json_t *v = ask(dir, MSE_CONTROL_STOP, (int)timeout_ms);
    bool asked = v != NULL;
    json_decref(v);
    return asked;
}
