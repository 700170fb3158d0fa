/* SPDX-License-Identifier: Apache-2.0 */
/* The folder of an instance, and talking to its supervisor. */
#include "cli/home.h"

#include "base/bytes.h"
#include "base/error.h"
#include "package/manifest.h"

#define MAX_NAME  64
#define MAX_REPLY ((size_t)16384)
#define STATUS_MS 30000 /* who is gone does not connect: this is for who is slow */
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

mse_status home_manifest(struct mse_manifest *out, const struct home *h, struct mse_error *err)
{
    struct cli_file f = { 0 };
    mse_status st = home_read(&f, h, HOME_MANIFEST, MSE_MANIFEST_MAX_LEN, err);
    st = st == MSE_OK ? mse_manifest_parse(out, cli_file_view(&f), err) : st;
    cli_file_clear(&f);
    return st;
}

mse_status home_save_facts(const struct home *h, struct mse_error *err)
{
    char *text = json_dumps(h->facts, JSON_INDENT(2));
    mse_status st =
        text == NULL ? MSE_ERR_MEMORY : home_write(h, "instance.json", mse_bytes_str(text), err);
    free(text);
    return st;
}

json_t *home_state(const struct home *h)
{
    return mse_instance_state(h->dir, STATUS_MS);
}

bool home_lives(const json_t *state)
{
    return json_is_integer(json_object_get(state, "pid"));
}

enum cli_exit home_stop(const struct home *h)
{
    bool asked = mse_instance_ask_stop(h->dir, STOP_MS);
    json_t *now = home_state(h);
    bool lives = home_lives(now);
    json_decref(now);
    if (lives) {
        return cli_trouble(h->c, "%s was told to stop and still runs%s", h->name,
                           asked ? "" : ", it does not answer");
    }
    return CLI_DONE;
}
