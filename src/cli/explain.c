/* SPDX-License-Identifier: Apache-2.0 */
/* Why two fingerprints differ: each member of the manifests, each file of the code. */
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/app.h"
#include "cli/running.h"
#include "package/code.h"

#define ABSENT "-"

struct files {
    struct mse_code_file *rows; /* paths are heap */
    size_t num;
    size_t cap;
};

static mse_status keep(void *user, const struct mse_code_file *f)
{
    struct files *l = user;
    if (l->num == l->cap) {
        size_t wider = l->cap == 0 ? 256 : l->cap * 2;
        struct mse_code_file *p = reallocarray(l->rows, wider, sizeof *p);
        if (p == NULL) {
            return MSE_ERR_MEMORY;
        }
        l->rows = p;
        l->cap = wider;
    }
    l->rows[l->num] = *f;
    l->rows[l->num].path = strdup(f->path);
    return l->rows[l->num++].path == NULL ? MSE_ERR_MEMORY : MSE_OK;
}

static void files_clear(struct files *l)
{
    for (size_t i = 0; i < l->num; i++) {
        union {
            const char *borrowed;
            char *owned;
        } path = { .borrowed = l->rows[i].path };
        free(path.owned);
    }
    free(l->rows);
}

static void add(json_t *out, const char *what, const char *here, const char *there)
{
    (void)json_array_append_new(
        out, json_pack("{s:s, s:s, s:s}", "what", what, "here", here, "there", there));
}

static void add_file(json_t *out, const char *path, const struct mse_code_file *here,
                     const struct mse_code_file *there)
{
    char text[2][128] = { ABSENT, ABSENT };
    const struct mse_code_file *rows[] = { here, there };
    char *what = NULL;
    for (size_t i = 0; i < 2; i++) {
        char hex[65];
        if (rows[i] != NULL) {
            mse_hex_encode(hex, mse_bytes_of(rows[i]->sha256, 32));
            (void)snprintf(text[i], sizeof text[i], "%llu bytes, SHA-256 %.16s...%s",
                           (unsigned long long)rows[i]->size, hex,
                           rows[i]->executable ? ", executable" : "");
        }
    }
    if (asprintf(&what, "file %s", path) >= 0) {
        add(out, what, text[0], text[1]);
        free(what);
    }
}

static bool same_file(const struct mse_code_file *a, const struct mse_code_file *b)
{
    return a->executable == b->executable && a->size == b->size &&
           mse_mem_equal(a->sha256, b->sha256, sizeof a->sha256);
}

/* Below 0: a comes first or b is not there; above 0 the other way round. */
static int order_of(const struct mse_code_file *a, const struct mse_code_file *b)
{
    if (a != NULL && b != NULL) {
        return strcmp(a->path, b->path);
    }
    return b == NULL ? -1 : 1;
}

/* Both are in byte order of their paths. */
static void compare_files(json_t *out, const struct files *here, const struct files *there)
{
    size_t i = 0;
    size_t j = 0;
    while (i < here->num || j < there->num) {
        const struct mse_code_file *a = i < here->num ? &here->rows[i] : NULL;
        const struct mse_code_file *b = j < there->num ? &there->rows[j] : NULL;
        int order = order_of(a, b);
        i += order <= 0 ? 1 : 0;
        j += order >= 0 ? 1 : 0;
        if (order == 0 && a != NULL && b != NULL && same_file(a, b)) {
            continue;
        }
        a = order <= 0 ? a : NULL;
        b = order >= 0 ? b : NULL;
        if (a != NULL || b != NULL) {
            add_file(out, a != NULL ? a->path : b->path, a, b);
        }
    }
}

static mse_status explain_code(json_t *out, const char *code, const char *other,
                               struct mse_error *err)
{
    struct files here = { 0 };
    struct files there = { 0 };
    mse_status st = mse_code_walk(code, true, keep, &here, err);
    if (st == MSE_OK) {
        st = mse_code_walk(other, true, keep, &there, err);
    }
    if (st == MSE_OK) {
        compare_files(out, &here, &there);
    }
    files_clear(&here);
    files_clear(&there);
    return st;
}

static void add_values(json_t *out, const char *what, json_t *here, json_t *there)
{
    char *a = here == NULL ? NULL : json_dumps(here, JSON_ENCODE_ANY | JSON_COMPACT);
    char *b = there == NULL ? NULL : json_dumps(there, JSON_ENCODE_ANY | JSON_COMPACT);
    add(out, what, a == NULL ? ABSENT : a, b == NULL ? ABSENT : b);
    free(a);
    free(b);
}

static void compare_values(json_t *out, const char *what, json_t *here, json_t *there,
                           unsigned depth);

static void compare_member(json_t *out, const char *front, const char *key, json_t *here,
                           json_t *there, unsigned depth)
{
    char *what = NULL;
    if (asprintf(&what, "%s%s%s", front, front[0] == '\0' ? "" : ".", key) >= 0) {
        compare_values(out, what, json_object_get(here, key), json_object_get(there, key), depth);
        free(what);
    }
}

static void compare_objects(json_t *out, const char *what, json_t *here, json_t *there,
                            unsigned depth)
{
    const char *key = NULL;
    json_t *v = NULL;
    json_object_foreach(here, key, v)
    {
        compare_member(out, what, key, here, there, depth);
    }
    json_object_foreach(there, key, v)
    {
        if (json_object_get(here, key) == NULL) {
            compare_member(out, what, key, here, there, depth);
        }
    }
}

static void compare_lists(json_t *out, const char *what, json_t *here, json_t *there)
{
    for (size_t i = 0; i < json_array_size(here) || i < json_array_size(there); i++) {
        char *item = NULL;
        json_t *a = json_array_get(here, i);
        json_t *b = json_array_get(there, i);
        if ((a == NULL || b == NULL || json_equal(a, b) == 0) &&
            asprintf(&item, "%s[%zu]", what, i) >= 0) {
            add_values(out, item, a, b);
            free(item);
        }
    }
}

/* A manifest is not deeper than this goes. */
static void compare_values(json_t *out, const char *what, json_t *here, json_t *there,
                           unsigned depth)
{
    if (here != NULL && there != NULL && json_equal(here, there) == 1) {
        return;
    }
    if (strcmp(what, "code_digest") == 0) {
        return; /* depends on the salt: judged by the code itself */
    }
    if (json_is_object(here) && json_is_object(there) && depth < 3) {
        compare_objects(out, what, here, there, depth + 1);
    } else if (json_is_array(here) && json_is_array(there)) {
        compare_lists(out, what, here, there);
    } else {
        add_values(out, what, here, there);
    }
}

/* Whether this code is the one of a context. */
static mse_status add_code(json_t *out, const struct cli_app *a, const char *code, const char *what,
                           struct mse_error *err)
{
    uint8_t digest[32];
    char seen[65];
    char want[65];
    mse_status st = mse_code_digest(digest, code, a->context.code_salt, true, err);
    if (st == MSE_OK && !mse_mem_equal(digest, a->manifest.code_digest, 32)) {
        mse_hex_encode(seen, mse_bytes_of(digest, 32));
        mse_hex_encode(want, mse_bytes_of(a->manifest.code_digest, 32));
        add(out, what, seen, want);
    }
    return st;
}

static mse_status explain_context(json_t *out, const struct cli_app *a, const struct cli_app *b,
                                  const char *code, struct mse_error *err)
{
    json_t *here = json_loads(a->context.manifest, 0, NULL);
    json_t *there = json_loads(b->context.manifest, 0, NULL);
    compare_values(out, "", here, there, 0);
    json_decref(here);
    json_decref(there);
    if (strcmp(a->context.layout, b->context.layout) != 0) {
        add(out, "layout", a->context.layout, b->context.layout);
    }
    if (!mse_mem_equal(a->context.loader_digest, b->context.loader_digest, 32)) {
        char loaders[2][65];
        mse_hex_encode(loaders[0], mse_bytes_of(a->context.loader_digest, 32));
        mse_hex_encode(loaders[1], mse_bytes_of(b->context.loader_digest, 32));
        add(out, "loader", loaders[0], loaders[1]);
    }
    if (!mse_mem_equal(a->context.code_salt, b->context.code_salt, 32)) {
        add(out, "code_salt", "drawn for this deployment", "drawn for the other one");
    }
    return add_code(out, b, code, "code, under the other context's salt", err);
}

/* A running app: all but the salt, which its manifest does not hold. If its code is this one, it
 * was deployed with this context's salt. */
static mse_status explain_running(json_t *out, const struct cli *c, const struct cli_app *a,
                                  const char *other, struct mse_error *err)
{
    struct mse_build text;
    mse_build_heap(&text, MSE_MANIFEST_MAX_LEN);
    mse_status st = cli_running_manifest(&text, c, other, err);
    if (st == MSE_OK) {
        struct mse_bytes view = mse_build_view(&text);
        json_t *here = json_loads(a->context.manifest, 0, NULL);
        json_t *there = json_loadb((const char *)view.data, view.len, 0, NULL);
        json_t *digests[] = { json_object_get(here, "code_digest"),
                              json_object_get(there, "code_digest") };
        compare_values(out, "", here, there, 0);
        if (json_equal(digests[0], digests[1]) == 0) {
            add_values(out, "code_digest: other code, or another deployment of it", digests[0],
                       digests[1]);
        }
        json_decref(here);
        json_decref(there);
        cli_hint(c, "that is what the server at %s says; mse cloud verify tells whether it is true",
                 other);
    }
    mse_build_clear(&text);
    return st;
}

static mse_status explain_one(json_t *out, const struct cli *c, const struct cli_app *a,
                              const char *code, const char *other, struct mse_error *err)
{
    struct stat sb;
    struct cli_app b = { 0 };
    if (cli_running_is(other)) {
        return explain_running(out, c, a, other, err);
    }
    if (stat(other, &sb) == 0 && S_ISDIR(sb.st_mode)) {
        return explain_code(out, code, other, err);
    }
    mse_status st = cli_app_load(&b, other, err);
    if (st == MSE_OK) {
        st = explain_context(out, a, &b, code, err);
    }
    cli_app_clear(&b);
    return st;
}

static enum cli_exit print_differences(const struct cli *c, json_t *rows)
{
    bool same = json_array_size(rows) == 0;
    size_t i = 0;
    json_t *row = NULL;
    if (c->json) {
        cli_json(c, json_pack("{s:b, s:O}", "same", same, "differences", rows));
    }
    json_array_foreach(rows, i, row)
    {
        cli_say(c, "%s: %s here, %s there", json_string_value(json_object_get(row, "what")),
                json_string_value(json_object_get(row, "here")),
                json_string_value(json_object_get(row, "there")));
    }
    if (same) {
        cli_say(c, "no difference");
    }
    return same ? CLI_DONE : CLI_REFUSED;
}

/* What each deployment draws anew. */
static bool is_drawn(const char *what)
{
    static const char *const names[] = { "app_id", "config_domain_name", "config_token_sha256",
                                         "created_at" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(names); i++) {
        if (strcmp(what, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

void cli_explain_update(const struct cli *c, const struct cli_app *old, struct mse_bytes manifest,
                        const char *code)
{
    json_t *rows = json_array();
    json_t *before = json_loads(old->context.manifest, 0, NULL);
    json_t *now = json_loadb((const char *)manifest.data, manifest.len, 0, NULL);
    size_t i = 0;
    json_t *row = NULL;
    size_t num = 0;
    compare_values(rows, "", before, now, 0);
    if (code != NULL) {
        (void)!add_code(rows, old, code, "code, under the salt of before", NULL);
    }
    json_array_foreach(rows, i, row)
    {
        const char *what = json_string_value(json_object_get(row, "what"));
        if (!is_drawn(what)) {
            cli_say(c, "Changed: %s: %s now, %s before", what,
                    json_string_value(json_object_get(row, "there")),
                    json_string_value(json_object_get(row, "here")));
            num++;
        }
    }
    if (num == 0) {
        cli_say(c, "Nothing has changed but what each deployment draws anew");
    }
    json_decref(before);
    json_decref(now);
    json_decref(rows);
}

enum cli_exit cli_explain(const struct cli *c, const struct cli_app *a, const char *code)
{
    struct mse_error err = { 0 };
    json_t *rows = json_array();
    mse_status st = add_code(rows, a, code, "code, under this context's salt", &err);
    for (size_t i = 0; st == MSE_OK && i < cli_num_values(c, "explain"); i++) {
        st = explain_one(rows, c, a, code, cli_value_at(c, "explain", i), &err);
    }
    enum cli_exit e = st == MSE_OK ? print_differences(c, rows) : cli_failed(c, st, &err);
    json_decref(rows);
    return e;
}
