/* SPDX-License-Identifier: Apache-2.0 */
/* The table-driven reader. The struct that is filled is reached through offsets, as the tables say;
 * that is the only place where one is. */
#include "conf/reader.h"

#include <stdarg.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"

#define MAX_NAME 64 /* longer names are not compared for nearness */

mse_status mse_conf_open(struct mse_conf_file *out, const char *name, struct mse_bytes text,
                         struct mse_error *err)
{
    struct mse_conf_file f = { name, NULL };
    struct mse_toml_problem problem = { 0 };
    if (text.len > MSE_CONF_MAX_LEN) {
        return mse_conf_fail(&f, 0, err, "%zu bytes long, at most %zu", text.len, MSE_CONF_MAX_LEN);
    }
    if (!mse_toml_parse(&f.doc, text, &problem)) {
        return mse_conf_fail(&f, problem.line, err, "%s", problem.text);
    }
    *out = f;
    return MSE_OK;
}

void mse_conf_close(struct mse_conf_file *f)
{
    mse_toml_free(f->doc);
    f->doc = NULL;
}

mse_status mse_conf_fail(const struct mse_conf_file *f, unsigned line, struct mse_error *err,
                         const char *fmt, ...)
{
    char text[MSE_ERROR_TEXT_LEN];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (line == 0) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, "configuration", "%.100s: %s", f->name, text);
    }
    return MSE_FAIL(err, MSE_ERR_CONFIG, "configuration", "%.100s:%u: %s", f->name, line, text);
}

const char *mse_conf_type_name(const struct mse_toml_node *n)
{
    switch (n->type) {
    case MSE_TOML_TABLE:
        return "a table";
    case MSE_TOML_ARRAY:
        return "an array";
    case MSE_TOML_STRING:
        return "a string";
    case MSE_TOML_INTEGER:
        return "an integer";
    case MSE_TOML_FLOAT:
        return "a decimal number";
    case MSE_TOML_BOOLEAN:
        return "a boolean";
    case MSE_TOML_TIME:
        return "a date and time";
    case MSE_TOML_LOCAL_TIME:
        break;
    }
    return "a date or time without an offset from UTC";
}

/* Levenshtein distance, one row at a time. */
static size_t distance(struct mse_bytes a, struct mse_bytes b)
{
    size_t row[MAX_NAME + 1];
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = j;
    }
    for (size_t i = 0; i < a.len; i++) {
        size_t corner = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b.len; j++) {
            size_t best = corner + (a.data[i] == b.data[j] ? 0 : 1);
            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = row[j + 1] + 1 < best ? row[j + 1] + 1 : best;
            corner = row[j + 1];
            row[j + 1] = best;
        }
    }
    return row[b.len];
}

const char *mse_conf_nearest(struct mse_bytes seen, const char *(*at)(const void *, size_t),
                             const void *names)
{
    const char *best = NULL;
    size_t least = seen.len / 2 + 1; /* at least half of it must be right */
    if (seen.len > MAX_NAME) {
        return NULL;
    }
    for (size_t i = 0; at(names, i) != NULL; i++) {
        const char *name = at(names, i);
        if (strlen(name) > MAX_NAME) {
            continue;
        }
        size_t d = distance(seen, mse_bytes_str(name));
        if (d < least) {
            least = d;
            best = name;
        }
    }
    return best;
}

static const char *key_name(const void *keys, size_t i)
{
    return ((const struct mse_conf_key *)keys)[i].name;
}

static const struct mse_conf_key *find_key(const struct mse_conf_key *keys, struct mse_bytes name)
{
    for (; keys->name != NULL; keys++) {
        if (mse_bytes_is_str(name, keys->name)) {
            return keys;
        }
    }
    return NULL;
}

static mse_status unknown(const struct mse_conf_file *f, const struct mse_conf_key *keys,
                          struct mse_bytes name, unsigned line, struct mse_error *err)
{
    char quoted[80];
    const char *near = mse_conf_nearest(name, key_name, keys);
    (void)mse_log_quote(quoted, sizeof quoted, name);
    if (near == NULL) {
        return mse_conf_fail(f, line, err, "unknown key \"%s\"", quoted);
    }
    return mse_conf_fail(f, line, err, "unknown key \"%s\", did you mean \"%s\"?", quoted, near);
}

static mse_status wrong_type(const struct mse_conf_file *f, const char *key,
                             const struct mse_toml_node *n, const char *wanted,
                             struct mse_error *err)
{
    return mse_conf_fail(f, n->line, err, "%s is %s, wanted %s", key, mse_conf_type_name(n),
                         wanted);
}

/* A string node on the heap. */
static mse_status dup_string(char **out, const struct mse_conf_file *f, const char *key,
                             const struct mse_toml_node *n, struct mse_error *err)
{
    if (n->type != MSE_TOML_STRING) {
        return wrong_type(f, key, n, "a string", err);
    }
    struct mse_bytes s = n->string;
    if (s.len > 65536 || mse_bytes_find(s, mse_bytes_of("", 1)) != SIZE_MAX) {
        return mse_conf_fail(f, n->line, err,
                             "%s is too long or holds a NUL, wanted at most 65536 bytes", key);
    }
    *out = s.len == 0 ? strdup("") : strndup((const char *)s.data, s.len);
    return *out != NULL ? MSE_OK : mse_conf_fail(f, 0, err, "out of memory");
}

static mse_status rd_string(void *at, const struct mse_conf_file *f, const struct mse_conf_key *key,
                            const struct mse_toml_node *n, struct mse_error *err)
{
    char **out = at;
    mse_status st = dup_string(out, f, key->name, n, err);
    if (st != MSE_OK || *out == NULL) {
        return st;
    }
    size_t len = strlen(*out);
    if (len < key->min || (key->max != 0 && len > key->max)) {
        return mse_conf_fail(f, n->line, err, "%s is %zu bytes long, wanted %llu to %llu",
                             key->name, len, (unsigned long long)key->min,
                             (unsigned long long)(key->max == 0 ? 65536 : key->max));
    }
    return MSE_OK;
}

static mse_status rd_list(void *at, const struct mse_conf_file *f, const struct mse_conf_key *key,
                          const struct mse_toml_node *n, struct mse_error *err)
{
    struct mse_conf_list *out = at;
    if (n->type != MSE_TOML_ARRAY) {
        return wrong_type(f, key->name, n, "an array of strings", err);
    }
    size_t num = n->num;
    out->items = calloc(num + 1, sizeof *out->items);
    if (out->items == NULL) {
        return mse_conf_fail(f, 0, err, "out of memory");
    }
    for (size_t i = 0; i < num; i++) {
        mse_status st = dup_string(&out->items[i], f, key->name, &n->items[i], err);
        if (st != MSE_OK) {
            return st;
        }
        out->num++;
    }
    return MSE_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct mse_conf_pair *x = a;
    const struct mse_conf_pair *y = b;
    return strcmp(x->name, y->name);
}

static mse_status rd_pairs(void *at, const struct mse_conf_file *f, const struct mse_conf_key *key,
                           const struct mse_toml_node *n, struct mse_error *err)
{
    struct mse_conf_pairs *out = at;
    if (n->type != MSE_TOML_TABLE) {
        return wrong_type(f, key->name, n, "a table of strings", err);
    }
    size_t num = n->num;
    out->items = calloc(num + 1, sizeof *out->items);
    for (size_t i = 0; out->items != NULL && i < num; i++) {
        unsigned line = n->items[i].key_line;
        struct mse_bytes name = n->items[i].key;
        struct mse_conf_pair *p = &out->items[out->num++];
        p->name = strndup((const char *)name.data, name.len);
        if (p->name == NULL || strlen(p->name) != name.len) {
            return mse_conf_fail(f, line, err, "%s: a name that cannot be used", key->name);
        }
        mse_status st = dup_string(&p->value, f, p->name, &n->items[i], err);
        if (st != MSE_OK) {
            return st;
        }
    }
    if (out->items == NULL) {
        return mse_conf_fail(f, 0, err, "out of memory");
    }
    qsort(out->items, out->num, sizeof *out->items, by_name);
    return MSE_OK;
}

static mse_status rd_uint(void *at, const struct mse_conf_file *f, const struct mse_conf_key *key,
                          const struct mse_toml_node *n, struct mse_error *err)
{
    uint64_t *out = at;
    if (n->type != MSE_TOML_INTEGER) {
        return wrong_type(f, key->name, n, "an integer", err);
    }
    int64_t v = n->number;
    if (v < 0 || (uint64_t)v < key->min || (uint64_t)v > key->max) {
        return mse_conf_fail(f, n->line, err, "%s is %lld, wanted %llu to %llu", key->name,
                             (long long)v, (unsigned long long)key->min,
                             (unsigned long long)key->max);
    }
    *out = (uint64_t)v;
    return MSE_OK;
}

static mse_status rd_bool(void *at, const struct mse_conf_file *f, const struct mse_conf_key *key,
                          const struct mse_toml_node *n, struct mse_error *err)
{
    bool *out = at;
    if (n->type != MSE_TOML_BOOLEAN) {
        return wrong_type(f, key->name, n, "true or false", err);
    }
    *out = n->number != 0;
    return MSE_OK;
}

static mse_status rd_time(void *at, const struct mse_conf_file *f, const struct mse_conf_key *key,
                          const struct mse_toml_node *n, struct mse_error *err)
{
    mse_time *out = at;
    if (n->type != MSE_TOML_TIME) {
        return wrong_type(f, key->name, n, "a date and time such as 2030-01-31T12:00:00Z", err);
    }
    *out = n->number;
    return MSE_OK;
}

static mse_status rd_hex32(void *at, const struct mse_conf_file *f, const struct mse_conf_key *key,
                           const struct mse_toml_node *n, struct mse_error *err)
{
    if (n->type != MSE_TOML_STRING || !mse_hex_decode(at, 32, n->string)) {
        return wrong_type(f, key->name, n, "a string of 64 hexadecimal digits", err);
    }
    return MSE_OK;
}

typedef mse_status (*rd_fn)(void *at, const struct mse_conf_file *f, const struct mse_conf_key *key,
                            const struct mse_toml_node *n, struct mse_error *err);

static rd_fn reader_of(enum mse_conf_kind kind)
{
    switch (kind) {
    case MSE_CONF_STRING:
        return rd_string;
    case MSE_CONF_LIST:
        return rd_list;
    case MSE_CONF_PAIRS:
        return rd_pairs;
    case MSE_CONF_UINT:
        return rd_uint;
    case MSE_CONF_BOOL:
        return rd_bool;
    case MSE_CONF_TIME:
        return rd_time;
    case MSE_CONF_HEX32:
        return rd_hex32;
    case MSE_CONF_TABLE:
        break;
    }
    return NULL;
}

/* One table whose keys hold no further tables. */
static mse_status read_flat(void *out, const struct mse_conf_file *f, const struct mse_toml_node *n,
                            const struct mse_conf_key *keys, struct mse_error *err)
{
    for (size_t i = 0; i < n->num; i++) {
        unsigned line = n->items[i].key_line;
        struct mse_bytes name = n->items[i].key;
        const struct mse_conf_key *key = find_key(keys, name);
        if (key == NULL) {
            return unknown(f, keys, name, line, err);
        }
        rd_fn read = reader_of(key->kind);
        if (read == NULL) {
            continue; /* a table: the caller's */
        }
        mse_status st = read((uint8_t *)out + key->offset, f, key, &n->items[i], err);
        if (st != MSE_OK) {
            return st;
        }
    }
    for (; keys->name != NULL; keys++) {
        if (keys->required && mse_toml_get(n, keys->name) == NULL) {
            return mse_conf_fail(f, n->line, err, "%s is missing", keys->name);
        }
    }
    return MSE_OK;
}

#define MAX_PENDING 16

/* A table that waits to be read. */
struct pending {
    const struct mse_toml_node *node;
    const struct mse_conf_key *keys;
};
struct todo {
    struct pending items[MAX_PENDING];
    size_t num;
};

/* Puts the tables in a table aside, to be read next. */
static mse_status put_aside(struct todo *t, void *out, const struct mse_conf_file *f,
                            const struct pending *now, struct mse_error *err)
{
    for (const struct mse_conf_key *k = now->keys; k->name != NULL; k++) {
        const struct mse_toml_node *n = mse_toml_get(now->node, k->name);
        if (k->kind != MSE_CONF_TABLE || n == NULL) {
            continue;
        }
        if (n->type != MSE_TOML_TABLE) {
            return wrong_type(f, k->name, n, "a table", err);
        }
        *(bool *)((uint8_t *)out + k->offset) = true;
        MSE_ASSERT(t->num < MAX_PENDING);
        struct pending *p = &t->items[t->num++];
        p->node = n;
        p->keys = k->members;
    }
    return MSE_OK;
}

mse_status mse_conf_read(void *out, const struct mse_conf_file *f, const struct mse_conf_key *keys,
                         struct mse_error *err)
{
    struct todo t = { { { f->doc, keys } }, 1 };
    mse_status st = MSE_OK;
    while (st == MSE_OK && t.num > 0) {
        struct pending now = t.items[--t.num];
        st = read_flat(out, f, now.node, now.keys, err);
        if (st == MSE_OK) {
            st = put_aside(&t, out, f, &now, err);
        }
    }
    return st;
}

static void clear_string(char **s)
{
    free(*s);
    *s = NULL;
}

static void clear_list(struct mse_conf_list *l)
{
    for (size_t i = 0; l->items != NULL && l->items[i] != NULL; i++) {
        free(l->items[i]);
    }
    free(l->items);
    l->items = NULL;
    l->num = 0;
}

static void clear_pairs(struct mse_conf_pairs *p)
{
    for (size_t i = 0; i < p->num; i++) {
        free(p->items[i].name);
        free(p->items[i].value);
    }
    free(p->items);
    p->items = NULL;
    p->num = 0;
}

static void clear_one(void *at, enum mse_conf_kind kind)
{
    if (kind == MSE_CONF_STRING) {
        clear_string(at);
    } else if (kind == MSE_CONF_LIST) {
        clear_list(at);
    } else if (kind == MSE_CONF_PAIRS) {
        clear_pairs(at);
    }
}

/* Clears one table; the tables in it are put behind. */
static void clear_table(void *out, const struct mse_conf_key *k, const struct mse_conf_key **todo,
                        size_t *num)
{
    for (; k->name != NULL; k++) {
        clear_one((uint8_t *)out + k->offset, k->kind);
        if (k->kind != MSE_CONF_TABLE) {
            continue;
        }
        MSE_ASSERT(*num < MAX_PENDING);
        todo[(*num)++] = k->members;
    }
}

void mse_conf_clear(void *out, const struct mse_conf_key *keys)
{
    const struct mse_conf_key *todo[MAX_PENDING] = { keys };
    size_t num = 1;
    while (num > 0) {
        const struct mse_conf_key *now = todo[--num];
        clear_table(out, now, todo, &num);
    }
}

unsigned mse_conf_line_of(const struct mse_conf_file *f, const char *path)
{
    char part[MAX_NAME + 1];
    const struct mse_toml_node *n = f->doc;
    while (n != NULL && *path != '\0') {
        size_t len = strcspn(path, ".");
        if (len > MAX_NAME) {
            return 0;
        }
        memcpy(part, path, len);
        part[len] = '\0';
        n = mse_toml_get(n, part);
        path += len + (path[len] == '.' ? 1 : 0);
    }
    return n == NULL ? 0 : n->line;
}
