/* SPDX-License-Identifier: Apache-2.0 */
/* mse log: keeping a transparency log, reading one, and watching one. */
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/cli.h"
#include "cli/target.h"
#include "cli/tlog_ask.h"
#include "cli/tlog_cmd.h"
#include "cli/tlog_proof.h"
#include "cli/tlog_seen.h"
#include "cli/tlog_store.h"
#include "cmd/newfile.h"

enum cli_exit cli_log_failed(const struct cli *c, mse_status st, const struct mse_error *err)
{
    if (!cli_log_is_refusal(st)) {
        return cli_failed(c, st, err);
    }
    cli_error(c, "%s: %s", mse_status_text(st), err->text);
    return CLI_REFUSED;
}

json_t *cli_log_text_json(struct mse_bytes text)
{
    return text.len == 0 ? json_null() : json_stringn((const char *)text.data, text.len);
}

static void set_head(json_t *o, const struct mse_log_head *h)
{
    char root[48];
    mse_base64_encode(root, mse_bytes_of(h->root, MSE_SHA256_LEN));
    (void)json_object_set_new(o, "size", json_integer((json_int_t)h->size));
    (void)json_object_set_new(o, "root", json_string(root));
}

json_t *cli_log_head_json(const struct mse_log_checkpoint *k)
{
    json_t *o = json_object();
    (void)json_object_set_new(o, "origin", cli_log_text_json(k->origin));
    set_head(o, &k->head);
    return o;
}

json_t *cli_log_entry_json(uint64_t index, const struct mse_log_entry *e)
{
    json_t *o = json_object();
    char hex[97];
    char date[MSE_TIME_TEXT_LEN];
    (void)json_object_set_new(o, "index", json_integer((json_int_t)index));
    (void)json_object_set_new(o, "kind", json_string(mse_log_kind_name(e->kind)));
    mse_hex_encode(hex, mse_bytes_of(e->fingerprint, 32));
    (void)json_object_set_new(o, "fingerprint", json_string(hex));
    (void)json_object_set_new(o, "name", cli_log_text_json(e->name));
    (void)json_object_set_new(o, "version", cli_log_text_json(e->version));
    mse_hex_encode(hex, mse_bytes_of(e->signer, e->signer_len));
    (void)json_object_set_new(o, "signer", cli_log_text_json(mse_bytes_str(hex)));
    mse_hex_encode(hex, mse_bytes_of(e->manifest, e->has_manifest ? 32 : 0));
    (void)json_object_set_new(o, "manifest", cli_log_text_json(mse_bytes_str(hex)));
    mse_time_format(date, e->date);
    (void)json_object_set_new(o, "date", json_string(date));
    (void)json_object_set_new(o, "note", cli_log_text_json(e->note));
    return o;
}

void cli_log_say_entry(const struct cli *c, uint64_t index, const struct mse_log_entry *e)
{
    char hex[65];
    char date[MSE_TIME_TEXT_LEN];
    mse_hex_encode(hex, mse_bytes_of(e->fingerprint, 32));
    mse_time_format(date, e->date);
    cli_say(c, "%llu  %s  %s  %s  %.*s%s%.*s", (unsigned long long)index, date,
            mse_log_kind_name(e->kind), hex, (int)e->name.len, (const char *)e->name.data,
            e->version.len > 0 ? " " : "", (int)e->version.len,
            e->version.len > 0 ? (const char *)e->version.data : "");
}

/* ---- init and keygen ---- */

static enum cli_exit say_key(const struct cli *c, json_t *o, const struct mse_log_key *key,
                             const char *hint)
{
    char text[CLI_LOG_KEY_TEXT];
    cli_log_key_text(text, key);
    if (c->json) {
        (void)json_object_set_new(o, "key", json_string(text));
        cli_json(c, o);
        return CLI_DONE;
    }
    json_decref(o);
    cli_say(c, "%s", text);
    cli_hint(c, "%s", hint);
    return CLI_DONE;
}

enum cli_exit cmd_log_init(struct cli *c)
{
    struct mse_error err = { 0 };
    struct mse_log_key key;
    const char *dir = c->args[0];
    if (!cli_has(c, "origin")) {
        return cli_trouble(c, "--origin NAME is missing: the log's name, such as example.org/log");
    }
    mse_status st = cli_log_store_init(dir, cli_value(c, "origin"), &key, &err);
    if (st != MSE_OK) {
        return cli_failed(c, st, &err);
    }
    json_t *o = json_object();
    (void)json_object_set_new(o, "folder", json_string(dir));
    (void)json_object_set_new(o, "origin", json_string(key.name));
    return say_key(c, o, &key,
                   "this is the log's public key, for users; serve its folder public/, and back up "
                   "log.key beside it, which nobody else may have");
}

enum cli_exit cmd_log_keygen(struct cli *c)
{
    struct mse_error err = { 0 };
    struct cli_log_signer s;
    if (!cli_has(c, "output")) {
        return cli_trouble(c, "--output FILE is missing: where the private key goes");
    }
    mse_status st = cli_log_signer_make(&s, c->args[0], MSE_LOG_KEY_WITNESS, &err);
    if (st != MSE_OK) {
        return cli_failed(c, st, &err);
    }
    st = cli_log_signer_write(&s, cli_value(c, "output"), cli_has(c, "force"), &err);
    enum cli_exit e = st == MSE_OK ? say_key(c, json_object(), &s.key,
                                             "this is the public key of the witness, for users")
                                   : cli_newfile_failed(c, st, &err);
    cli_log_signer_clear(&s);
    return e;
}

/* ---- reading ---- */

enum cli_exit cli_log_open(struct cli_log_reader *r, const struct cli *c, bool key_needed)
{
    struct mse_error err = { 0 };
    const char *place = c->args[0];
    const char *given = cli_value(c, "log");
    unsigned timeout = 0;
    *r = (struct cli_log_reader) { .source = NULL };
    if (!cli_timeout(&timeout, c)) {
        return CLI_TROUBLE;
    }
    if (given != NULL) {
        mse_status st = cli_log_key_given(&r->key, given, &err);
        if (st != MSE_OK) {
            return cli_trouble(c, "--log: %s", err.text);
        }
        r->has_key = true;
    } else {
        r->has_key = cli_log_store_key(&r->key, place, NULL) == MSE_OK;
    }
    if (key_needed && !r->has_key) {
        return cli_trouble(c, "--log KEY is missing: the public key of the log, as its keeper "
                              "gave it to you (never from the log itself)");
    }
    mse_status st = cli_log_source_open(&r->source, place, timeout, &err);
    st = st == MSE_OK ? cli_log_source_head(r->source, &r->note, &r->checkpoint, &err) : st;
    st = st == MSE_OK && r->has_key ? mse_log_checkpoint_verify(&r->checkpoint, &r->key, &err) : st;
    return st == MSE_OK ? CLI_DONE : cli_log_failed(c, st, &err);
}

void cli_log_close(struct cli_log_reader *r)
{
    cli_log_source_free(r->source);
    cli_file_clear(&r->note);
}

static void say_head(const struct cli *c, const struct cli_log_reader *r)
{
    char text[CLI_LOG_HEAD_TEXT];
    cli_log_head_text(text, &r->checkpoint.head);
    cli_say(c, "Log: %.*s", (int)r->checkpoint.origin.len, (const char *)r->checkpoint.origin.data);
    cli_say(c, "Head: %s", text);
    cli_say(c, "Signature: %s",
            r->has_key ? "good" : "NOT checked; --log KEY names the log's public key");
}

/* A walk over entries that lists them. */
struct listing {
    const struct cli *c;
    json_t *list;
};

static mse_status list_entry(void *user, uint64_t index, struct mse_bytes entry,
                             struct mse_error *err)
{
    const struct listing *l = user;
    struct mse_log_entry e;
    (void)err;
    if (mse_log_entry_parse(&e, entry, NULL) != MSE_OK) {
        cli_say(l->c, "%llu  (no entry of a form that this mse knows)", (unsigned long long)index);
        (void)json_array_append_new(l->list, json_null());
        return MSE_OK;
    }
    cli_log_say_entry(l->c, index, &e);
    (void)json_array_append_new(l->list, cli_log_entry_json(index, &e));
    return MSE_OK;
}

static enum cli_exit show(const struct cli *c, struct cli_log_reader *r)
{
    struct mse_error err = { 0 };
    struct listing l = { c, json_array() };
    say_head(c, r);
    mse_status st = cli_log_source_entries(r->source, 0, list_entry, &l, &err);
    if (st != MSE_OK) {
        json_decref(l.list);
        return cli_log_failed(c, st, &err);
    }
    if (c->json) {
        json_t *o = cli_log_head_json(&r->checkpoint);
        (void)json_object_set_new(o, "signature_checked", json_boolean(r->has_key));
        (void)json_object_set_new(o, "entries", json_incref(l.list));
        cli_json(c, o);
    }
    json_decref(l.list);
    return CLI_DONE;
}

enum cli_exit cmd_log_show(struct cli *c)
{
    struct cli_log_reader r;
    enum cli_exit e = cli_log_open(&r, c, false);
    e = e == CLI_DONE ? show(c, &r) : e;
    cli_log_close(&r);
    return e;
}

/* ---- prove ---- */

/* What the command line asks for: kind, fingerprint, and since which size. */
static enum cli_exit read_question(const struct cli *c, enum mse_log_kind *kind,
                                   uint8_t fingerprint[32], uint64_t *since)
{
    const char *word = cli_value(c, "kind");
    const char *size = cli_value(c, "since");
    *kind = MSE_LOG_KIND_COUNT;
    *since = 0;
    if (!mse_hex_decode(fingerprint, 32, mse_bytes_str(c->args[1]))) {
        return cli_trouble(c, "the fingerprint is %s, wanted 64 hexadecimal digits", c->args[1]);
    }
    if (word != NULL && !mse_log_kind_parse(kind, mse_bytes_str(word))) {
        return cli_trouble(c, "--kind is %s, wanted " CLI_LOG_KINDS, word);
    }
    if (size != NULL && !mse_u64_parse(since, mse_bytes_str(size), CLI_LOG_MAX_SIZE)) {
        return cli_trouble(c, "--since is %s, wanted a number of entries", size);
    }
    return cli_has(c, "output") ? CLI_DONE
                                : cli_trouble(c, "--output FILE is missing: where the proof goes");
}

static mse_status make_proof(struct mse_build *out, struct cli_log_found *found,
                             struct cli_log_reader *r, const struct mse_log_head *since,
                             struct mse_error *err)
{
    const struct cli_log_question q = { .found = found,
                                        .checkpoint = &r->checkpoint,
                                        .note = cli_file_view(&r->note),
                                        .since = since };
    return cli_log_prove(out, r->source, &q, err);
}

static enum cli_exit prove(const struct cli *c, struct cli_log_reader *r)
{
    struct mse_error err = { 0 };
    struct cli_log_found found;
    struct mse_log_head before;
    struct mse_build b;
    enum mse_log_kind kind = MSE_LOG_KIND_COUNT;
    uint8_t fingerprint[32];
    uint64_t since = 0;
    const char *output = cli_value(c, "output");
    enum cli_exit e = read_question(c, &kind, fingerprint, &since);
    if (e != CLI_DONE) {
        return e;
    }
    mse_build_heap(&b, (size_t)128 * 1024);
    mse_status st = cli_log_find(&found, r->source, kind, fingerprint, &err);
    st = st == MSE_OK ? cli_log_head_at(&before, r->source, since, &err) : st;
    st = st == MSE_OK ? make_proof(&b, &found, r, cli_has(c, "since") ? &before : NULL, &err) : st;
    if (st == MSE_OK) {
        st = cli_newfile_put(output, mse_build_view(&b), 0644, cli_has(c, "force"), &err);
        e = st == MSE_OK ? CLI_DONE : cli_newfile_failed(c, st, &err);
    } else {
        e = cli_log_failed(c, st, &err);
    }
    mse_build_clear(&b);
    if (e == CLI_DONE && c->json) {
        json_t *o = cli_log_head_json(&r->checkpoint);
        (void)json_object_set_new(o, "index", json_integer((json_int_t)found.index));
        (void)json_object_set_new(o, "output", json_string(output));
        cli_json(c, o);
    } else if (e == CLI_DONE && strcmp(output, "-") != 0) {
        cli_say(c, "entry %llu of %llu: the proof has been saved at: %s",
                (unsigned long long)found.index, (unsigned long long)r->checkpoint.head.size,
                output);
    }
    return e;
}

enum cli_exit cmd_log_prove(struct cli *c)
{
    struct cli_log_reader r;
    enum cli_exit e = cli_log_open(&r, c, false);
    e = e == CLI_DONE ? prove(c, &r) : e;
    cli_log_close(&r);
    return e;
}

/* ---- check ---- */

/* A walk over all entries: what they hash to, against the tiles, and what is new. */
struct audit {
    struct listing list;
    struct mse_log_nodes nodes;
    struct mse_log_tree tree;   /* over all so far */
    struct mse_log_tree bundle; /* over the last whole or partial tile */
    const struct mse_log_head *since;
    bool since_good;
};

static mse_status same_node(struct audit *a, unsigned level, uint64_t index,
                            const uint8_t wanted[MSE_SHA256_LEN], struct mse_error *err)
{
    uint8_t seen[MSE_SHA256_LEN];
    mse_status st = a->nodes.node(a->nodes.user, seen, level, index, err);
    if (st == MSE_OK && !mse_mem_equal(seen, wanted, sizeof seen)) {
        st = MSE_FAIL(err, MSE_ERR_LOG_TILE, "log",
                      "hash %llu of level %u is not that of the entries", (unsigned long long)index,
                      level / 8);
    }
    return st;
}

static mse_status look_back(struct audit *a)
{
    uint8_t root[MSE_SHA256_LEN];
    if (a->since == NULL || a->tree.size != a->since->size) {
        return MSE_OK;
    }
    mse_status st = mse_log_tree_root(root, &a->tree);
    a->since_good = st == MSE_OK && mse_mem_equal(root, a->since->root, sizeof root);
    return st;
}

static mse_status audit_entry(void *user, uint64_t index, struct mse_bytes entry,
                              struct mse_error *err)
{
    struct audit *a = user;
    uint8_t leaf[MSE_SHA256_LEN];
    uint8_t root[MSE_SHA256_LEN];
    mse_status st = mse_log_leaf_hash(leaf, entry);
    st = st == MSE_OK ? same_node(a, 0, index, leaf, err) : st;
    st = st == MSE_OK ? mse_log_tree_add(&a->tree, leaf) : st;
    st = st == MSE_OK ? mse_log_tree_add(&a->bundle, leaf) : st;
    if (st == MSE_OK && a->bundle.size == MSE_LOG_TILE_WIDTH) {
        st = mse_log_tree_root(root, &a->bundle);
        st = st == MSE_OK ? same_node(a, 8, index / MSE_LOG_TILE_WIDTH, root, err) : st;
        a->bundle.size = 0;
    }
    st = st == MSE_OK ? look_back(a) : st;
    if (st != MSE_OK || (a->since != NULL && index < a->since->size)) {
        return st;
    }
    return list_entry(&a->list, index, entry, err);
}

static mse_status audit_all(struct audit *a, struct cli_log_reader *r, struct mse_error *err)
{
    uint8_t root[MSE_SHA256_LEN];
    const struct mse_log_head *head = &r->checkpoint.head;
    mse_status st = look_back(a);
    st = st == MSE_OK ? cli_log_source_entries(r->source, 0, audit_entry, a, err) : st;
    st = st == MSE_OK ? mse_log_tree_root(root, &a->tree) : st;
    if (st == MSE_OK && !mse_mem_equal(root, head->root, sizeof root)) {
        st = MSE_FAIL(err, MSE_ERR_LOG_TILE, "log",
                      "the %llu entries do not hash to the root that is signed",
                      (unsigned long long)head->size);
    }
    /* Levels that the entries alone do not reach. */
    st = st == MSE_OK ? mse_log_root_at(root, &a->nodes, head->size, err) : st;
    if (st == MSE_OK && !mse_mem_equal(root, head->root, sizeof root)) {
        st = MSE_FAIL(err, MSE_ERR_LOG_TILE, "log",
                      "the tiles do not hash to the root that is signed");
    }
    if (st == MSE_OK && a->since != NULL && !a->since_good) {
        char now[CLI_LOG_HEAD_TEXT];
        char before[CLI_LOG_HEAD_TEXT];
        cli_log_head_text(now, head);
        cli_log_head_text(before, a->since);
        st = MSE_FAIL(err,
                      a->since->size > head->size ? MSE_ERR_LOG_ROLLBACK : MSE_ERR_LOG_CONSISTENCY,
                      "log", "%s, before: %s", now, before);
    }
    return st;
}

static mse_status check_witnesses(const struct cli *c, const struct cli_log_reader *r,
                                  struct mse_error *err)
{
    mse_status st = MSE_OK;
    for (size_t i = 0; st == MSE_OK && i < cli_num_values(c, "log-witness"); i++) {
        struct mse_log_key k;
        st = cli_log_key_given(&k, cli_value_at(c, "log-witness", i), err);
        if (st == MSE_OK && mse_log_checkpoint_cosigned(&r->checkpoint, NULL, &k, err) != MSE_OK) {
            st = MSE_ERR_LOG_WITNESSES;
        }
    }
    return st;
}

/* --since FILE: an older checkpoint of the same key. */
static mse_status read_since(struct mse_log_head *out, const struct cli *c,
                             const struct cli_log_reader *r, struct mse_error *err)
{
    struct cli_file f = { 0 };
    struct mse_log_checkpoint k;
    mse_status st = cli_file_read(&f, cli_value(c, "since"), MSE_LOG_MAX_NOTE, err);
    st = st == MSE_OK ? mse_log_checkpoint_parse(&k, cli_file_view(&f), err) : st;
    st = st == MSE_OK ? mse_log_checkpoint_verify(&k, &r->key, err) : st;
    if (st == MSE_OK) {
        *out = k.head;
    }
    cli_file_clear(&f);
    return st;
}

static void say_checked(const struct cli *c, const struct cli_log_reader *r, const struct audit *a)
{
    if (!c->json) {
        uint64_t before = a->since == NULL ? 0 : a->since->size;
        cli_say(c, "New: %llu of %llu entries",
                (unsigned long long)(r->checkpoint.head.size - before),
                (unsigned long long)r->checkpoint.head.size);
        cli_say_good(c, "Log: consistent");
        return;
    }
    json_t *o = cli_log_head_json(&r->checkpoint);
    (void)json_object_set_new(
        o, "since", a->since == NULL ? json_null() : json_integer((json_int_t)a->since->size));
    (void)json_object_set_new(o, "new", json_incref(a->list.list));
    cli_json(c, o);
}

static mse_status check(const struct cli *c, struct cli_log_reader *r, struct cli_log_seen *seen,
                        struct audit *a, struct mse_error *err)
{
    struct mse_log_head before = { .size = 0 };
    bool needed = false;
    mse_status st = cli_log_seen_open(seen, &r->key, NULL, err);
    st = st == MSE_OK ? cli_log_seen_judge(seen, &needed, &r->checkpoint.head, false, err) : st;
    st = st == MSE_OK && cli_has(c, "since") ? read_since(&before, c, r, err) : st;
    if (st != MSE_OK) {
        return st;
    }
    a->since = cli_has(c, "since") ? &before : cli_log_seen_newest(seen);
    st = check_witnesses(c, r, err);
    st = st == MSE_OK ? audit_all(a, r, err) : st;
    if (st == MSE_OK && needed && cli_has(c, "since")) { /* and that which was seen here */
        uint8_t link[MSE_LOG_MAX_LINK][MSE_SHA256_LEN];
        size_t num = 0;
        st = cli_log_link(link, &num, r->source, &r->checkpoint.head, cli_log_seen_newest(seen),
                          err);
    }
    if (st == MSE_OK) {
        st = cli_log_seen_keep(seen, &r->key, &r->checkpoint.head, err);
    }
    if (st == MSE_OK) {
        say_checked(c, r, a);
    }
    a->since = NULL;
    return st;
}

enum cli_exit cmd_log_check(struct cli *c)
{
    struct cli_log_reader r;
    struct cli_log_seen seen = { .path = NULL };
    struct mse_error err = { 0 };
    enum cli_exit e = cli_log_open(&r, c, true);
    if (e == CLI_DONE) {
        struct audit a = { .list = { c, json_array() }, .nodes = cli_log_source_nodes(r.source) };
        say_head(c, &r);
        mse_status st = check(c, &r, &seen, &a, &err);
        e = st == MSE_OK ? CLI_DONE : cli_log_failed(c, st, &err);
        json_decref(a.list.list);
    }
    cli_log_seen_close(&seen);
    cli_log_close(&r);
    return e;
}
