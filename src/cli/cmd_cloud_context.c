/* SPDX-License-Identifier: Apache-2.0 */
/* mse cloud context: what users need to recompute the fingerprints of one's own deployments. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/app.h"
#include "cli/cloud_kept.h"
#include "cmd/files.h"
#include "cmd/newfile.h"
#include "conf/reader.h"
#include "package/rules.h"

#define ENDING ".toml"

/* The UUID of a file's name. */
static bool uuid_of(char out[37], const char *name)
{
    size_t len = strlen(name);
    if (len != 36 + strlen(ENDING) || strcmp(name + 36, ENDING) != 0) {
        return false;
    }
    (void)snprintf(out, 37, "%.36s", name);
    return mse_rule_uuid4(out);
}

/* Calls each for every context that is kept, in the order of the UUIDs. */
static mse_status each_context(void (*each)(void *user, const char *id), void *user,
                               struct mse_error *err)
{
    struct dirent **names = NULL;
    char id[37];
    char *dir = cli_conf_path("context");
    if (dir == NULL) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, "context",
                        "no configuration folder: set MSE_CONF_PATH or HOME");
    }
    int num = scandir(dir, &names, NULL, alphasort);
    if (num < 0 && errno != ENOENT) {
        mse_status st = MSE_FAIL(err, MSE_ERR_IO, "context", "%.150s: %s", dir, strerror(errno));
        free(dir);
        return st;
    }
    for (int i = 0; i < num; i++) {
        if (uuid_of(id, names[i]->d_name)) {
            each(user, id);
        }
        free(names[i]);
    }
    free(names);
    free(dir);
    return MSE_OK;
}

struct listing {
    const struct cli *c;
    json_t *rows;
    size_t num;
};

static void list_one(void *user, const char *id)
{
    struct listing *l = user;
    struct cli_app a = { 0 };
    char when[MSE_TIME_TEXT_LEN] = "";
    char *path = cloud_context_path(id);
    bool good = path != NULL && cli_app_load(&a, path, NULL) == MSE_OK;
    if (good) {
        mse_time_format(when, a.context.created_at);
        mse_utf8_printable(a.manifest.name);
    }
    l->num++;
    if (l->rows != NULL) {
        json_t *v = json_pack("{s:s, s:b}", "id", id, "readable", (int)good);
        if (good) {
            (void)json_object_set_new(v, "name", json_string(a.manifest.name));
            (void)json_object_set_new(v, "domain_name", json_string(a.context.domain_name));
            (void)json_object_set_new(v, "created_at", json_string(when));
        }
        (void)json_array_append_new(l->rows, v);
    } else if (good) {
        cli_say(l->c, "%s  %s  %s on %s", id, when, a.manifest.name, a.context.domain_name);
    } else {
        cli_say(l->c, "%s  (cannot be read)", id);
    }
    if (good) {
        cli_app_clear(&a);
    }
    free(path);
}

static enum cli_exit list(const struct cli *c)
{
    struct mse_error err = { 0 };
    struct listing l = { .c = c, .rows = c->json ? json_array() : NULL };
    mse_status st = each_context(list_one, &l, &err);
    enum cli_exit e = st == MSE_OK ? CLI_DONE : cli_failed(c, st, &err);
    if (e == CLI_DONE && c->json) {
        cli_json(c, json_pack("{s:O}", "contexts", l.rows));
    } else if (e == CLI_DONE && l.num == 0) {
        cli_say(c, "No contexts");
    }
    json_decref(l.rows);
    return e;
}

/* The one that an option names; NULL after an error message. */
static char *find(const struct cli *c, const char *id)
{
    char *path = mse_rule_uuid4(id) ? cloud_context_path(id) : NULL;
    if (path == NULL || !cli_file_exists(path)) {
        (void)cli_trouble(c, "there is no context of %s", id);
        cli_hint(c, "mse cloud context --list shows those that are kept");
        free(path);
        return NULL;
    }
    return path;
}

static enum cli_exit export(const struct cli *c, const char *id) {
    struct mse_error err = { 0 }; struct cli_file f = { 0 }; char name[64];
    char *path = find(c, id); if (path == NULL) { return CLI_TROUBLE; }
(void)snprintf(name, sizeof name, "./%s.toml", id);
mse_status st = cli_file_read(&f, path, MSE_CONF_MAX_LEN, &err);
st = st == MSE_OK ? cli_newfile_put(name, cli_file_view(&f), 0644, cli_has(c, "force"), &err) : st;
enum cli_exit e = st == MSE_OK ? CLI_DONE : cli_newfile_failed(c, st, &err);
if (e == CLI_DONE && c->json) {
    cli_json(c, json_pack("{s:s}", "exported", name));
} else if (e == CLI_DONE) {
    cli_say(c, "The context for users has been saved at: %s", name);
    cli_say(c, "They need it and the code; there is no key in it");
}
cli_file_clear(&f);
free(path);
return e;
}

static enum cli_exit forget_one(const struct cli *c, const char *id)
{
    char *path = find(c, id);
    if (path == NULL) {
        return CLI_TROUBLE;
    }
    free(path);
    cloud_forget(id);
    cli_say(c, "Removed: %s", id);
    if (c->json) {
        cli_json(c, json_pack("{s:[s]}", "removed", id));
    }
    return CLI_DONE;
}

static void purge_one(void *user, const char *id)
{
    (void)json_array_append_new(user, json_string(id));
    cloud_forget(id);
}

static enum cli_exit purge(const struct cli *c)
{
    struct mse_error err = { 0 };
    json_t *ids = json_array();
    mse_status st = each_context(purge_one, ids, &err);
    enum cli_exit e = st == MSE_OK ? CLI_DONE : cli_failed(c, st, &err);
    if (e == CLI_DONE && c->json) {
        cli_json(c, json_pack("{s:O}", "removed", ids));
    } else if (e == CLI_DONE) {
        cli_say(c, "Removed: %zu contexts", json_array_size(ids));
    }
    json_decref(ids);
    return e;
}

enum cli_exit cmd_cloud_context(struct cli *c)
{
    static const char *const names[] = { "list", "export", "remove", "purge" };
    size_t num = 0;
    for (size_t i = 0; i < MSE_ARRAY_LEN(names); i++) {
        num += cli_has(c, names[i]) ? 1 : 0;
    }
    if (num != 1) {
        return cli_trouble(c,
                           "wanted exactly one of --list, --export UUID, --remove UUID, --purge");
    }
    if (cli_has(c, "export")) {
        return export(c, cli_value(c, "export"));
    }
    if (cli_has(c, "remove")) {
        return forget_one(c, cli_value(c, "remove"));
    }
    return cli_has(c, "purge") ? purge(c) : list(c);
}
