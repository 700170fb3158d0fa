/* SPDX-License-Identifier: Apache-2.0 */
/* mse home logs: the log of an instance as it is, or, with the owner's key, what the app said. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <mse/ratls.h>

#include "base/bytes.h"
#include "base/util.h"
#include "cli/home.h"
#include "cli/log_open.h"
#include "cli/sealed_box.h"
#include "cli/target.h"

#define FOLLOW_MS  200
#define TAIL_LINES 10

struct reading {
    struct home h;
    bool has_home;
    int fd;
    struct cli_log_open open;
};

/* False when nobody takes what is printed. */
static bool copy_rest(struct reading *r)
{
    char chunk[8192];
    ssize_t n = 0;
    while ((n = read(r->fd, chunk, sizeof chunk)) > 0) {
        if (r->open.opens || r->open.lines != NULL) {
            cli_log_open_feed(&r->open, chunk, (size_t)n);
        } else if (fwrite(chunk, 1, (size_t)n, stdout) != (size_t)n) {
            return false;
        }
    }
    return fflush(stdout) == 0;
}

/* Puts the file before its last lines. */
static void seek_tail(int fd)
{
    off_t at = lseek(fd, 0, SEEK_END);
    int lines = 0;
    char byte = 0;
    while (at > 0) {
        if (pread(fd, &byte, 1, at - 1) != 1 || (byte == '\n' && lines++ == TAIL_LINES)) {
            break;
        }
        at--;
    }
    (void)lseek(fd, at, SEEK_SET);
}

/* Until the instance is over; Ctrl-C ends this program as any other. */
static void follow(struct reading *r)
{
    unsigned turn = 0;
    bool lives = true;
    while (copy_rest(r) && lives) {
        (void)poll(NULL, 0, FOLLOW_MS);
        if (r->has_home && ++turn % 5 == 0) {
            json_t *state = home_state(&r->h);
            lives = home_lives(state);
            json_decref(state);
        }
    }
    (void)copy_rest(r);
}

static enum cli_exit read_certificate(struct cli_log_open *o, const struct cli *c, const char *path)
{
    struct cli_target *t = calloc(1, sizeof *t);
    struct mse_ratls_cert cert;
    struct mse_error err = { 0 };
    enum cli_exit e = CLI_TROUBLE;
    if (t == NULL) {
        return cli_trouble(c, "out of memory");
    }
    mse_status st = cli_target_open(t, c, path, &err);
    st = st == MSE_OK ? mse_ratls_read(&cert, t->der, &err) : st;
    if (st != MSE_OK) {
        e = cli_target_failed(c, path, st, &err);
    } else if (cert.claims.x25519.len != sizeof o->enclave) {
        e = cli_trouble(c, "%s names no X25519 key", path);
    } else {
        memcpy(o->enclave, cert.claims.x25519.data, sizeof o->enclave);
        o->has_enclave = true;
        e = CLI_DONE;
    }
    cli_target_close(t);
    free(t);
    return e;
}

static enum cli_exit read_options(struct reading *r, const struct cli *c)
{
    struct mse_error err = { 0 };
    r->open.to = stdout;
    r->open.tail = cli_has(c, "follow");
    r->open.opens = cli_has(c, "key");
    if (c->json && cli_has(c, "follow")) {
        return cli_trouble(c, "--json and --follow exclude each other");
    }
    if (cli_has(c, "input") == (c->num_args == 1)) {
        return cli_trouble(c, "wanted the NAME of an instance, or --input FILE");
    }
    if (!r->open.opens) {
        return cli_has(c, "certificate") ? cli_trouble(c, "--certificate goes with --key")
                                         : CLI_DONE;
    }
    mse_status st = cli_key_read(r->open.secret, cli_value(c, "key"), &err);
    if (st != MSE_OK) {
        return cli_failed(c, st, &err);
    }
    return cli_has(c, "certificate") ? read_certificate(&r->open, c, cli_value(c, "certificate"))
                                     : CLI_DONE;
}

static enum cli_exit open_log(struct reading *r, const struct cli *c)
{
    const char *input = cli_value(c, "input");
    char *own = NULL;
    if (input == NULL) {
        enum cli_exit e = home_open(&r->h, c, c->args[0]);
        if (e != CLI_DONE) {
            return e;
        }
        r->has_home = true;
        own = home_path(&r->h, HOME_LOG);
    }
    const char *path = input == NULL ? own : input;
    if (path != NULL) {
        r->fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    }
    enum cli_exit e = CLI_DONE;
    if (r->fd < 0) {
        e = cli_trouble(c, "%s has no log: %s", input == NULL ? r->h.name : input, strerror(errno));
    }
    free(own);
    return e;
}

static enum cli_exit print(struct reading *r, const struct cli *c)
{
    if (cli_has(c, "follow")) {
        seek_tail(r->fd);
        follow(r);
    } else {
        (void)copy_rest(r);
    }
    if (c->json) {
        cli_json(c, json_pack("{s:s, s:O, s:b}", "name", r->has_home ? r->h.name : "-", "lines",
                              r->open.lines, "complete", r->open.bad ? 0 : 1));
    }
    if (!r->open.bad) {
        return CLI_DONE;
    }
    cli_error(c, "records are missing, out of order, or not the enclave's");
    return CLI_REFUSED;
}

enum cli_exit cmd_home_logs(struct cli *c)
{
    struct reading *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return cli_trouble(c, "out of memory");
    }
    r->h.c = c;
    r->fd = -1;
    r->open.lines = c->json ? json_array() : NULL;
    enum cli_exit e = read_options(r, c);
    e = e == CLI_DONE ? open_log(r, c) : e;
    e = e == CLI_DONE ? print(r, c) : e;
    if (r->fd > STDERR_FILENO) {
        (void)close(r->fd);
    }
    json_decref(r->open.lines);
    mse_wipe(r->open.secret, sizeof r->open.secret);
    home_clear(&r->h);
    free(r);
    return e;
}
