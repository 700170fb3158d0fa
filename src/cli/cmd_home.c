/* SPDX-License-Identifier: Apache-2.0 */
/* mse home status, list, stop, restart: what an operator does with instances that exist. */
#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "cli/home.h"
#include "cli/home_heir.h"
#include "os/private_dir.h"
#include "package/manifest.h"

#define DAY ((mse_time)86400)
/* An enclave whose supervisor was killed still drains for some seconds. */
#define PATIENCE_MS 12000U

/* What is known of an instance in one object. */
static json_t *describe(const struct home *h)
{
    json_t *v = json_copy(h->facts);
    json_t *state = home_state(h);
    mse_time until = 0;
    (void)json_object_update(v, state);
    json_decref(state);
    if (mse_time_parse(&until, mse_bytes_str(home_fact(h, "expires_at")))) {
        mse_time left = until - (mse_time)time(NULL);
        (void)json_object_set_new(v, "days_left", json_integer(left > 0 ? left / DAY : 0));
        (void)json_object_set_new(v, "expired", json_boolean(left <= 0));
    }
    return v;
}

enum cli_exit cmd_home_status(struct cli *c)
{
    struct home h = { .c = c };
    enum cli_exit e = home_open(&h, c, c->args[0]);
    if (e == CLI_DONE) {
        json_t *v = describe(&h);
        if (c->json) {
            cli_json(c, v);
        } else {
            cli_print_tree(v, 0);
            json_decref(v);
        }
    }
    home_clear(&h);
    return e;
}

/* ---- list ---- */

static int by_name(const void *a, const void *b)
{
    const char *const *x = a;
    const char *const *y = b;
    return strcmp(*x, *y);
}

static void show_one(const struct cli *c, const char *name, json_t *out)
{
    struct home h = { .c = c };
    if (home_open(&h, c, name) == CLI_DONE) {
        json_t *v = describe(&h);
        if (c->json) {
            (void)json_array_append(out, v);
        } else {
            cli_say(c, "%-20s %-8s %s:%lld until %s", name, mse_instance_state_word(v),
                    home_fact(&h, "san"), (long long)json_integer_value(json_object_get(v, "port")),
                    home_fact(&h, "expires_at"));
        }
        json_decref(v);
    }
    home_clear(&h);
}

static size_t read_names(char ***out, const char *parent)
{
    DIR *d = opendir(parent);
    char **names = NULL;
    size_t num = 0;
    const struct dirent *e = NULL;
    while (d != NULL && (e = readdir(d)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        char **more = e->d_name[0] == '.' ? NULL : realloc(names, (num + 1) * sizeof *names);
        if (more == NULL) {
            continue;
        }
        names = more;
        names[num] = strdup(e->d_name);
        num += names[num] != NULL ? 1 : 0;
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    if (num > 0) {
        qsort(names, num, sizeof *names, by_name);
    }
    *out = names;
    return num;
}

enum cli_exit cmd_home_list(struct cli *c)
{
    char *parent = home_parent();
    char **names = NULL;
    json_t *out = json_array();
    if (parent == NULL) {
        json_decref(out);
        return cli_trouble(c, "no configuration folder: set MSE_CONF_PATH or HOME");
    }
    size_t num = read_names(&names, parent);
    for (size_t i = 0; i < num; i++) {
        show_one(c, names[i], out);
        free(names[i]);
    }
    if (c->json) {
        cli_json(c, json_incref(out));
    } else if (num == 0) {
        cli_say(c, "There is no instance here; mse home spawn makes one");
    }
    json_decref(out);
    free(names);
    free(parent);
    return CLI_DONE;
}

/* ---- stop, restart ---- */

static enum cli_exit stop(struct home *h, bool remove)
{
    json_t *before = home_state(h);
    bool lived = home_lives(before);
    json_decref(before);
    enum cli_exit e = home_stop(h);
    if (e == CLI_DONE && remove && !mse_tree_remove(h->dir)) {
        e = cli_trouble(h->c, "%s could not be removed", h->dir);
    }
    if (e != CLI_DONE) {
        return e;
    }
    if (h->c->json) {
        cli_json(h->c, json_pack("{s:s, s:b, s:b}", "name", h->name, "was_running", lived ? 1 : 0,
                                 "removed", remove ? 1 : 0));
    } else {
        cli_say(h->c, "%s %s%s", h->name, lived ? "was stopped" : "was not running",
                remove ? ", and is removed" : "");
        if (!remove) {
            cli_say(h->c, "mse home restart %s starts it again; its name and port are kept",
                    h->name);
        }
    }
    return CLI_DONE;
}

enum cli_exit cmd_home_stop(struct cli *c)
{
    struct home h = { .c = c };
    bool remove = cli_has(c, "remove");
    /* What is half made has no facts, and can be taken away all the same. */
    enum cli_exit e = home_name(&h, c, c->args[0]);
    if (e == CLI_DONE && (!remove || !cli_file_exists(h.dir))) {
        home_clear(&h);
        e = home_open(&h, c, c->args[0]);
    }
    e = e == CLI_DONE ? stop(&h, remove) : e;
    home_clear(&h);
    return e;
}

static bool keeps_its_state(const struct home *h)
{
    struct mse_manifest m = { 0 };
    bool sealed = home_manifest(&m, h, NULL) == MSE_OK && m.restart == MSE_RESTART_SEALED;
    mse_manifest_clear(&m);
    return sealed;
}

/* One that waits has a new key: it had not been configured, or its state is lost. */
static void say_restarted(const struct home *h, bool first)
{
    const struct cli *c = h->c;
    json_t *state = home_state(h);
    const char *note = json_string_value(json_object_get(state, "note"));
    bool waiting = strcmp(mse_instance_state_word(state), "waiting") == 0;
    bool same = keeps_its_state(h) && !waiting && !first;
    if (c->json) {
        cli_json(c, json_pack("{s:s, s:s, s:b}", "name", h->name, "state",
                              mse_instance_state_word(state), "new_certificate", same ? 0 : 1));
    } else if (first) {
        cli_say(c, "%s %s, until %s", h->name, waiting ? "waits for its keys" : "runs",
                home_fact(h, "expires_at"));
        cli_say(c, "mse home evidence %s --output DIR collects its evidence", h->name);
    } else if (same) {
        cli_say(c, "%s runs again, with its key, certificate and storage", h->name);
    } else {
        cli_say(c, "%s %s, with the same fingerprint and a new key and certificate", h->name,
                waiting ? "waits for its keys again" : "runs again");
        cli_say(c, "Its users verify it again; mse home evidence %s collects the new evidence",
                h->name);
    }
    if (!c->json && waiting && note != NULL && note[0] != '\0') {
        cli_hint(c, "what it had sealed does not open: %s", note);
    }
    json_decref(state);
}

static enum cli_exit restart(struct home *h)
{
    const struct cli *c = h->c;
    uint64_t timeout = 60;
    uint16_t port = 0;
    int fd = -1;
    const char *text = cli_value(c, "timeout");
    if (text != NULL && (!mse_u64_parse(&timeout, mse_bytes_str(text), 86400) || timeout == 0)) {
        return cli_trouble(c, "--timeout is %s, wanted 1 to 86400 (seconds)", text);
    }
    json_t *before = home_state(h);
    bool first = strcmp(mse_instance_state_word(before), "prepared") == 0;
    json_decref(before);
    struct mse_error err = { 0 };
    enum cli_exit e = home_heir_choose(h);
    if (e == CLI_DONE) {
        mse_status st = home_save_facts(h, &err);
        e = st == MSE_OK ? home_stop(h) : cli_failed(c, st, &err);
    }
    e = e == CLI_DONE ? home_listen(h, &fd, &port, PATIENCE_MS) : e;
    if (e != CLI_DONE) {
        return e;
    }
    const struct home_start s = { .listen_fd = fd, .timeout_s = (unsigned)timeout };
    e = home_launch(h, &s);
    (void)close(fd);
    if (e != CLI_DONE) {
        return e;
    }
    say_restarted(h, first);
    return CLI_DONE;
}

enum cli_exit cmd_home_restart(struct cli *c)
{
    struct home h = { .c = c };
    enum cli_exit e = home_open(&h, c, c->args[0]);
    e = e == CLI_DONE ? restart(&h) : e;
    home_clear(&h);
    return e;
}
