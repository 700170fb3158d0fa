/* SPDX-License-Identifier: Apache-2.0 */
/* mse cloud logs: what an app says, as the operator keeps it; what was sealed for its owner is
 * opened here, and judged by the key of the enclave that deploy attested. */
#include <inttypes.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/util.h"
#include "cli/cloud.h"
#include "cli/cloud_kept.h"
#include "cli/log_open.h"
#include "cli/sealed_box.h"

#define MAX_LINE      ((size_t)16384)
#define MAX_PAGES     100000U
#define MAX_INSTANCES 64

struct reading {
    struct cloud k;
    struct cli_log_open open;
    struct cli_log_open *others[MAX_INSTANCES]; /* of several instances, each by itself */
    struct cli_log_boots boots;
    struct cloud_kept kept;
    char line[MAX_LINE]; /* of the stream */
    size_t len;
    bool nonsense;
    uint64_t last; /* what was read up to here */
};

/* --key, else the one beside the project that deploy noted. */
static enum cli_exit find_key(struct reading *r, const struct cli *c)
{
    struct mse_error err = { 0 };
    const char *path = cli_has(c, "key") ? cli_value(c, "key") : r->kept.logs_key;
    if (path == NULL) {
        return CLI_DONE;
    }
    mse_status st = cli_key_read(r->open.secret, path, &err);
    if (st != MSE_OK && cli_has(c, "key")) {
        return cli_failed(c, st, &err);
    }
    if (st != MSE_OK) {
        cli_hint(c, "what is sealed stays so: %s", err.text);
        return CLI_DONE;
    }
    r->open.opens = true;
    r->open.has_enclave = r->kept.has_enclave;
    memcpy(r->open.enclave, r->kept.enclave, sizeof r->open.enclave);
    return CLI_DONE;
}

/* What the operator's node put in front of a line of another instance than the first one is taken
 * off; 0: there is nothing. */
static unsigned take_sign(struct mse_bytes *line)
{
    static const char sign[] = "[instance ";
    size_t at = sizeof sign - 1;
    size_t digits = 0;
    uint64_t number = 0;
    if (line->len <= at || !mse_mem_equal(line->data, sign, at)) {
        return 0;
    }
    const char *text = (const char *)line->data + at;
    while (at + digits < line->len && digits < 2 && text[digits] >= '0' && text[digits] <= '9') {
        digits++;
    }
    if (at + digits + 2 > line->len || text[digits] != ']' || text[digits + 1] != ' ' ||
        !mse_u64_parse(&number, mse_bytes_of(text, digits), MAX_INSTANCES - 1)) {
        return 0;
    }
    at += digits + 2;
    *line = mse_bytes_of(line->data + at, line->len - at);
    return (unsigned)number;
}

/* Records are in order instance by instance. */
static struct cli_log_open *opener_of(struct reading *r, unsigned number)
{
    if (number == 0) {
        return &r->open;
    }
    if (r->others[number] == NULL) {
        struct cli_log_open *o = malloc(sizeof *o);
        if (o == NULL) {
            return NULL;
        }
        *o = r->open;
        o->instance = number;
        o->any = false;
        o->bad = false;
        o->next = 0;
        o->len = 0;
        o->too_long = false;
        r->others[number] = o;
    }
    return r->others[number];
}

/* One line of the log with its end. */
static bool take_line(struct reading *r, const json_t *v)
{
    const json_t *text = json_object_get(v, "text");
    if (!json_is_string(text)) {
        return false;
    }
    struct mse_bytes line = mse_bytes_of(json_string_value(text), json_string_length(text));
    struct cli_log_open *o = opener_of(r, take_sign(&line));
    if (o == NULL) {
        return false;
    }
    cli_log_open_feed(o, (const char *)line.data, line.len);
    cli_log_open_feed(o, "\n", 1);
    return true;
}

/* ---- all that is there ---- */

static enum cli_exit read_page(struct reading *r, const char *id, bool *more)
{
    json_t *v = NULL;
    uint64_t before = r->last;
    enum cli_exit e = cloud_get(&r->k, &v, "/apps/%s/logs?after=%" PRIu64, id, before);
    const json_t *lines = json_object_get(v, "lines");
    const json_t *next = json_object_get(v, "next");
    if (e == CLI_DONE && (!json_is_array(lines) || !json_is_integer(next))) {
        e = cloud_nonsense(&r->k, "a log", "lines or next is missing, or none");
    }
    for (size_t i = 0; e == CLI_DONE && i < json_array_size(lines); i++) {
        if (!take_line(r, json_array_get(lines, i))) {
            e = cloud_nonsense(&r->k, "a log", "a line has no text");
        }
    }
    r->last = e == CLI_DONE ? (uint64_t)json_integer_value(next) : before;
    *more = e == CLI_DONE && json_array_size(lines) > 0 && r->last > before;
    json_decref(v);
    return e;
}

static enum cli_exit read_all(struct reading *r, const char *id)
{
    enum cli_exit e = CLI_DONE;
    bool more = true;
    for (unsigned page = 0; e == CLI_DONE && more && page < MAX_PAGES; page++) {
        e = read_page(r, id, &more);
    }
    return e;
}

/* ---- and what comes ---- */

static void end_of_line(struct reading *r)
{
    json_t *v = json_loadb(r->line, r->len, JSON_REJECT_DUPLICATES, NULL);
    r->nonsense = r->nonsense || (r->len > 0 && !take_line(r, v));
    json_decref(v);
    r->len = 0;
}

static bool take(void *user, struct mse_bytes piece)
{
    struct reading *r = user;
    for (size_t i = 0; !r->nonsense && i < piece.len; i++) {
        if (piece.data[i] == '\n') {
            end_of_line(r);
        } else if (r->len < sizeof r->line) {
            r->line[r->len++] = (char)piece.data[i];
        } else {
            r->nonsense = true;
        }
    }
    return !r->nonsense && fflush(stdout) == 0;
}

static enum cli_exit follow(struct reading *r, const char *id)
{
    char path[CLOUD_ID_LEN + 64];
    struct cloud_answer a;
    (void)snprintf(path, sizeof path, "/apps/%s/logs?follow=1&after=%" PRIu64, id, r->last);
    enum cli_exit e =
        cloud_ask(&r->k, &(struct cloud_ask) { .path = path, .take = take, .user = r }, &a);
    if (e == CLI_DONE && (a.status < 200 || a.status > 299)) {
        e = cloud_refused(&r->k, &a);
    }
    cloud_answer_clear(&a);
    /* It ends with the app, or with the token that was shown. */
    struct cloud_app app;
    return e == CLI_DONE ? cloud_app_get(&r->k, &app, id) : e;
}

static enum cli_exit read_log(struct reading *r)
{
    const struct cli *c = r->k.c;
    struct cloud_app a;
    enum cli_exit e = cloud_app_named(&r->k, &a, NULL, c->args[0]);
    if (e != CLI_DONE) {
        return e;
    }
    (void)cloud_kept_load(&r->kept, a.id);
    e = find_key(r, c);
    e = e == CLI_DONE ? read_all(r, a.id) : e;
    (void)fflush(stdout);
    return e == CLI_DONE && cli_has(c, "follow") ? follow(r, a.id) : e;
}

static bool all_in_order(const struct reading *r)
{
    bool good = !r->open.bad;
    for (size_t i = 0; i < MSE_ARRAY_LEN(r->others); i++) {
        good = good && (r->others[i] == NULL || !r->others[i]->bad);
    }
    return good;
}

static enum cli_exit finish(struct reading *r)
{
    const struct cli *c = r->k.c;
    bool good = all_in_order(r);
    if (c->json) {
        cli_json(c, json_pack("{s:s, s:O, s:b}", "id", c->args[0], "lines", r->open.lines,
                              "complete", (int)good));
    }
    if (good) {
        return CLI_DONE;
    }
    cli_error(c, "records are missing, out of order, or not the enclave's");
    return CLI_REFUSED;
}

enum cli_exit cmd_cloud_logs(struct cli *c)
{
    struct reading *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return cli_trouble(c, "out of memory");
    }
    r->k.c = c;
    /* The operator keeps a ring: its first record need not be the app's first. */
    r->open.tail = true;
    r->open.to = stdout;
    r->open.boots = &r->boots;
    r->open.lines = c->json ? json_array() : NULL;
    enum cli_exit e = CLI_DONE;
    if (c->json && cli_has(c, "follow")) {
        e = cli_trouble(c, "--json and --follow exclude each other");
    }
    e = e == CLI_DONE ? cloud_open(&r->k, c) : e;
    e = e == CLI_DONE ? read_log(r) : e;
    e = e == CLI_DONE ? finish(r) : e;
    json_decref(r->open.lines);
    mse_wipe(r->open.secret, sizeof r->open.secret);
    for (size_t i = 0; i < MSE_ARRAY_LEN(r->others); i++) {
        if (r->others[i] != NULL) {
            mse_wipe(r->others[i]->secret, sizeof r->others[i]->secret);
            free(r->others[i]);
        }
    }
    cloud_kept_clear(&r->kept);
    cloud_close(&r->k);
    free(r);
    return e;
}
