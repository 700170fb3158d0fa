/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, checkpoints, cosignatures, entries, proofs and paths of tiles: what is read, and what is
 * refused with which status. */
#include <stdlib.h>
#include <string.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "crypto/ed25519.h"
#include "lib/testlib.h"
#include "tlog/note.h"

static const uint8_t secret[32] = { 1, 2, 3 };
static const uint8_t other_secret[32] = { 9 };
static const char name[] = "example.org/log";

static struct mse_log_key make_key(const char *who, enum mse_log_key_type type,
                                   const uint8_t from[32])
{
    uint8_t public[32];
    struct mse_log_key k;
    assert_status(mse_ed25519_public(public, from), MSE_OK);
    assert_status(mse_log_key_make(&k, who, type, public, NULL), MSE_OK);
    return k;
}

static void wr_base64(struct mse_build *b, struct mse_bytes in)
{
    char text[512];
    assert_true(in.len <= 300);
    mse_base64_encode(text, in);
    mse_wr_str(b, text);
}

static void wr_signature(struct mse_build *b, const struct mse_log_key *k, struct mse_bytes octets)
{
    uint8_t raw[128];
    struct mse_build r;
    mse_build_fixed(&r, raw, sizeof raw);
    mse_wr_u32be(&r, k->id);
    mse_wr_bytes(&r, octets);
    mse_wr_printf(b, "\xe2\x80\x94 %s ", k->name);
    wr_base64(b, mse_build_view(&r));
    mse_wr_str(b, "\n");
}

static void sign_log(struct mse_build *b, const struct mse_log_key *k, const uint8_t by[32],
                     struct mse_bytes text)
{
    uint8_t sig[64];
    assert_status(mse_ed25519_sign(sig, by, text), MSE_OK);
    wr_signature(b, k, mse_bytes_of(sig, sizeof sig));
}

static void sign_witness(struct mse_build *b, const struct mse_log_key *k, const uint8_t by[32],
                         uint64_t at, struct mse_bytes text)
{
    uint8_t message[MSE_LOG_COSIGNED_LEN];
    uint8_t raw[72];
    struct mse_build r;
    size_t len = 0;
    mse_build_fixed(&r, raw, sizeof raw);
    mse_wr_u64be(&r, at);
    assert_true(mse_log_cosigned_message(message, &len, at, text));
    assert_status(mse_ed25519_sign(mse_wr_space(&r, 64), by, mse_bytes_of(message, len)), MSE_OK);
    wr_signature(b, k, mse_build_view(&r));
}

/* A whole checkpoint of one leaf; the text in front of the signatures is the caller's. */
struct made {
    uint8_t buf[4096];
    struct mse_build b;
    struct mse_log_key log;
    struct mse_log_key witness;
    struct mse_bytes text;
};

static void make(struct made *m, const char *text)
{
    m->log = make_key(name, MSE_LOG_KEY_LOG, secret);
    m->witness = make_key("witness.example", MSE_LOG_KEY_WITNESS, other_secret);
    m->text = mse_bytes_str(text);
    mse_build_fixed(&m->b, m->buf, sizeof m->buf);
    mse_wr_str(&m->b, text);
    mse_wr_str(&m->b, "\n");
    sign_log(&m->b, &m->log, secret, m->text);
}

#define ROOT "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define TEXT "example.org/log\n7\n" ROOT "\n"

static mse_status parse(struct mse_log_checkpoint *c, const struct made *m)
{
    assert_true(mse_build_ok(&m->b));
    return mse_log_checkpoint_parse(c, mse_build_view(&m->b), NULL);
}

static void test_keys(void **state)
{
    static const char *const wrong[] = {
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        "PeterNeumann+c74f20a+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumanN+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+AhpC2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWAA==",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    };
    static const char known[] =
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    struct mse_log_key k;
    (void)state;
    assert_status(mse_log_key_parse(&k, mse_bytes_str(known), NULL), MSE_OK);
    assert_string_equal(k.name, "PeterNeumann");
    assert_int_equal(k.id, 0xc74f20a3);
    assert_int_equal(k.type, MSE_LOG_KEY_LOG);
    for (size_t i = 0; i < MSE_ARRAY_LEN(wrong); i++) {
        assert_status(mse_log_key_parse(&k, mse_bytes_str(wrong[i]), NULL), MSE_ERR_LOG_KEY);
    }
    for (size_t len = 0; len < sizeof known - 1; len++) {
        assert_status(mse_log_key_parse(&k, mse_bytes_of(known, len), NULL), MSE_ERR_LOG_KEY);
    }
    char longest[MSE_LOG_MAX_NAME + 2];
    memset(longest, 'x', sizeof longest);
    longest[MSE_LOG_MAX_NAME] = '\0';
    assert_status(mse_log_key_make(&k, longest, MSE_LOG_KEY_LOG, secret, NULL), MSE_OK);
    longest[MSE_LOG_MAX_NAME] = 'x';
    longest[MSE_LOG_MAX_NAME + 1] = '\0';
    assert_status(mse_log_key_make(&k, longest, MSE_LOG_KEY_LOG, secret, NULL), MSE_ERR_LOG_KEY);
    assert_status(mse_log_key_make(&k,
                                   "a\xe2\x80\x83"
                                   "b",
                                   MSE_LOG_KEY_LOG, secret, NULL),
                  MSE_ERR_LOG_KEY);
}

static void test_checkpoint(void **state)
{
    struct made m;
    struct mse_log_checkpoint c;
    mse_time at = 0;
    (void)state;
    make(&m, TEXT "an extension\n");
    sign_witness(&m.b, &m.witness, other_secret, 1700000000, m.text);
    assert_status(parse(&c, &m), MSE_OK);
    assert_int_equal(c.head.size, 7);
    assert_bytes(c.text, m.text);
    assert_bytes(c.origin, mse_bytes_str(name));
    assert_status(mse_log_checkpoint_verify(&c, &m.log, NULL), MSE_OK);
    assert_status(mse_log_checkpoint_cosigned(&c, &at, &m.witness, NULL), MSE_OK);
    assert_int_equal(at, 1700000000);

    struct mse_log_key unknown = make_key(name, MSE_LOG_KEY_LOG, other_secret);
    assert_status(mse_log_checkpoint_verify(&c, &unknown, NULL), MSE_ERR_LOG_KEY);
    unknown = make_key("another.example/log", MSE_LOG_KEY_LOG, secret);
    assert_status(mse_log_checkpoint_verify(&c, &unknown, NULL), MSE_ERR_LOG_KEY);
    assert_status(mse_log_checkpoint_verify(&c, &m.witness, NULL), MSE_ERR_LOG_KEY);
    assert_status(mse_log_checkpoint_cosigned(&c, NULL, &m.log, NULL), MSE_ERR_LOG_KEY);
    unknown = make_key("elsewhere.example", MSE_LOG_KEY_WITNESS, other_secret);
    assert_status(mse_log_checkpoint_cosigned(&c, NULL, &unknown, NULL), MSE_ERR_LOG_KEY);
    /* A key of the same name and id, which is another one. */
    unknown = m.log;
    unknown.key[0] ^= 1;
    assert_status(mse_log_checkpoint_verify(&c, &unknown, NULL), MSE_ERR_SIGNATURE);
}

/* Whatever bit is changed: it does not pass for what was signed. */
static void test_checkpoint_flips(void **state)
{
    struct made m;
    struct mse_log_checkpoint c;
    (void)state;
    make(&m, TEXT);
    for (size_t i = 0; i < 8 * m.b.len; i++) {
        m.b.data[i / 8] ^= (uint8_t)(1U << i % 8);
        mse_status st = parse(&c, &m);
        st = st == MSE_OK ? mse_log_checkpoint_verify(&c, &m.log, NULL) : st;
        assert_true(st == MSE_ERR_LOG_FORM || st == MSE_ERR_LOG_KEY || st == MSE_ERR_SIGNATURE);
        m.b.data[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    for (size_t len = 0; len < m.b.len; len++) {
        assert_status(mse_log_checkpoint_parse(&c, mse_bytes_of(m.b.data, len), NULL),
                      MSE_ERR_LOG_FORM);
    }
    mse_wr_str(&m.b, "x");
    assert_status(parse(&c, &m), MSE_ERR_LOG_FORM);
}

static void test_checkpoint_form(void **state)
{
    static const char *const texts[] = {
        "\n7\n" ROOT "\n",
        "example.org/log\n07\n" ROOT "\n",
        "example.org/log\n-1\n" ROOT "\n",
        "example.org/log\n9223372036854775808\n" ROOT "\n",
        "example.org/log\n7\nAAAA\n",
        "example.org/log\n7\n",
        "example.org/log\n",
        "example.org/log\n7\n" ROOT "\n\n",
        "example.org/log\n7\n" ROOT "\nan\n\nextension\n",
        "example.org/log\n7\n" ROOT "\nbell \x07\n",
        "example.org/log\n7\n" ROOT "\nno UTF-8 \xff\n",
        "example.org/log\r\n7\n" ROOT "\n",
    };
    struct made m;
    struct mse_log_checkpoint c;
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(texts); i++) {
        make(&m, texts[i]);
        assert_status(parse(&c, &m), MSE_ERR_LOG_FORM);
    }
    make(&m, "example.org/log\n9223372036854775807\n" ROOT "\n");
    assert_status(parse(&c, &m), MSE_OK);
    static const char *const lines[] = {
        "\xe2\x80\x94 a+b AAAAAAAA\n", "\xe2\x80\x94 a AAAAAAA\n", "\xe2\x80\x94 a AAAA\n",
        "\xe2\x80\x94 AAAAAAAA\n",     "- a AAAAAAAA\n",           "\n",
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(lines); i++) {
        make(&m, TEXT);
        mse_wr_str(&m.b, lines[i]);
        assert_status(parse(&c, &m), MSE_ERR_LOG_FORM);
    }
    /* Signatures of others, of whatever kind, are no matter; those of a known key must fit. */
    make(&m, TEXT);
    mse_wr_str(&m.b, "\xe2\x80\x94 a AAAAAAAA\n");
    assert_status(parse(&c, &m), MSE_OK);
    assert_status(mse_log_checkpoint_verify(&c, &m.log, NULL), MSE_OK);
    mse_build_reset(&m.b);
    mse_wr_str(&m.b, TEXT "\n");
    wr_signature(&m.b, &m.log, mse_bytes_str("short"));
    assert_status(parse(&c, &m), MSE_OK);
    assert_status(mse_log_checkpoint_verify(&c, &m.log, NULL), MSE_ERR_SIGNATURE);
    /* A time that is none, and a message that was signed for another time. */
    make(&m, TEXT);
    sign_witness(&m.b, &m.witness, other_secret, (uint64_t)INT64_MAX + 1, m.text);
    assert_status(parse(&c, &m), MSE_OK);
    assert_status(mse_log_checkpoint_cosigned(&c, NULL, &m.witness, NULL), MSE_ERR_SIGNATURE);
}

static void test_largest(void **state)
{
    struct mse_log_checkpoint c;
    struct mse_build b;
    (void)state;
    mse_build_heap(&b, (size_t)2 * MSE_LOG_MAX_NOTE);
    mse_wr_str(&b, TEXT);
    while (b.len < MSE_LOG_MAX_TEXT - 1) {
        mse_wr_str(&b, "x");
    }
    mse_wr_str(&b, "\n\n");
    while (b.len + 14 <= MSE_LOG_MAX_NOTE) {
        mse_wr_str(&b, "\xe2\x80\x94 a AAAAAAAA\n");
    }
    assert_status(mse_log_checkpoint_parse(&c, mse_build_view(&b), NULL), MSE_OK);
    assert_int_equal(c.text.len, MSE_LOG_MAX_TEXT);
    mse_wr_str(&b, "\xe2\x80\x94 a AAAAAAAA\n");
    assert_status(mse_log_checkpoint_parse(&c, mse_build_view(&b), NULL), MSE_ERR_LOG_FORM);
    mse_build_reset(&b);
    mse_wr_str(&b, TEXT);
    while (b.len < MSE_LOG_MAX_TEXT) {
        mse_wr_str(&b, "x");
    }
    mse_wr_str(&b, "\n\n\xe2\x80\x94 a AAAAAAAA\n");
    assert_status(mse_log_checkpoint_parse(&c, mse_build_view(&b), NULL), MSE_ERR_LOG_FORM);
    mse_build_clear(&b);
}

static struct mse_log_entry full_entry(void)
{
    struct mse_log_entry e = { .kind = MSE_LOG_SNP,
                               .name = mse_bytes_str("Größe"),
                               .version = mse_bytes_str("1.0"),
                               .signer_len = 48,
                               .has_manifest = true,
                               .date = 1700000000,
                               .note = mse_bytes_str("first release") };
    memset(e.fingerprint, 0xab, 32);
    memset(e.signer, 0xcd, 48);
    memset(e.manifest, 0xef, 32);
    return e;
}

static void test_entries(void **state)
{
    static const char wanted[] =
        "mse-log-entry/1\nkind sgx\nfingerprint "
        "0000000000000000000000000000000000000000000000000000000000000000\n"
        "name hello\ndate 1970-01-01T00:00:00Z\n";
    uint8_t out[MSE_LOG_MAX_ENTRY];
    size_t len = 0;
    struct mse_log_entry e = { .name = mse_bytes_str("hello") };
    (void)state;
    assert_status(mse_log_entry_write(out, &len, &e, NULL), MSE_OK);
    assert_bytes(mse_bytes_of(out, len), mse_bytes_str(wanted));
    e = full_entry();
    assert_status(mse_log_entry_write(out, &len, &e, NULL), MSE_OK);
    struct mse_log_entry again;
    assert_status(mse_log_entry_parse(&again, mse_bytes_of(out, len), NULL), MSE_OK);
    assert_int_equal(again.kind, MSE_LOG_SNP);
    assert_int_equal(again.date, 1700000000);
    assert_int_equal(again.signer_len, 48);
    assert_true(again.has_manifest);
    assert_bytes(again.note, e.note);
    assert_bytes(again.version, e.version);
    for (size_t cut = 0; cut < len; cut++) { /* the note is the one line that may be missing */
        mse_status st = mse_log_entry_parse(&again, mse_bytes_of(out, cut), NULL);
        assert_status(st, cut == len - strlen("note first release\n") ? MSE_OK : MSE_ERR_LOG_FORM);
    }
    out[len] = '\n';
    assert_status(mse_log_entry_parse(&again, mse_bytes_of(out, len + 1), NULL), MSE_ERR_LOG_FORM);
    for (unsigned k = 0; k < MSE_LOG_KIND_COUNT; k++) {
        enum mse_log_kind kind = MSE_LOG_KIND_COUNT;
        const char *word = mse_log_kind_name((enum mse_log_kind)k);
        assert_true(mse_log_kind_parse(&kind, mse_bytes_str(word)));
        assert_int_equal(kind, k);
    }
    assert_string_equal(mse_log_kind_name(MSE_LOG_KIND_COUNT), "unknown");
}

static void test_entries_refused(void **state)
{
    static const char *const wrong[][2] = {
        { "mse-log-entry/1", "mse-log-entry/2" },
        { "kind snp", "kind sev" },
        { "kind snp\n", "" },
        { "abab", "ABab" },
        { "abab", "ab" },
        { "name Gr", "name \x1bGr" },
        { "name ", "name\n" },
        { "version 1.0", "version " },
        { "cdcd", "cd" },
        { "efef", "ef" },
        { "date 2023", "date 23" },
        { "note first", "note first\nnote second" },
        { "version 1.0\n", "version 1.0\nversion 1.0\n" },
        { "first release", "right to left \xe2\x80\xae" },
        { "first release", "\xff" },
    };
    uint8_t out[MSE_LOG_MAX_ENTRY];
    uint8_t changed[2 * MSE_LOG_MAX_ENTRY];
    size_t len = 0;
    struct mse_log_entry e = full_entry();
    struct mse_log_entry again;
    (void)state;
    assert_status(mse_log_entry_write(out, &len, &e, NULL), MSE_OK);
    for (size_t i = 0; i < MSE_ARRAY_LEN(wrong); i++) {
        struct mse_build b;
        size_t at = mse_bytes_find(mse_bytes_of(out, len), mse_bytes_str(wrong[i][0]));
        size_t end = at + strlen(wrong[i][0]);
        assert_true(at != SIZE_MAX);
        mse_build_fixed(&b, changed, sizeof changed);
        mse_wr_copy(&b, out, at);
        mse_wr_str(&b, wrong[i][1]);
        mse_wr_copy(&b, out + end, len - end);
        assert_status(mse_log_entry_parse(&again, mse_build_view(&b), NULL), MSE_ERR_LOG_FORM);
    }
    char longest[MSE_LOG_MAX_ENTRY_TEXT + 2];
    memset(longest, 'x', sizeof longest);
    e.name = mse_bytes_of(longest, MSE_LOG_MAX_ENTRY_TEXT);
    assert_status(mse_log_entry_write(out, &len, &e, NULL), MSE_OK);
    e.name.len++;
    assert_status(mse_log_entry_write(out, &len, &e, NULL), MSE_ERR_LOG_FORM);
    e.name.len--;
    e.version = e.name;
    e.note = e.name;
    assert_status(mse_log_entry_write(out, &len, &e, NULL), MSE_ERR_LOG_FORM); /* too long */
    e = full_entry();
    e.date = -1;
    assert_status(mse_log_entry_write(out, &len, &e, NULL), MSE_ERR_LOG_FORM);
    e = full_entry();
    e.signer_len = 47;
    assert_status(mse_log_entry_write(out, &len, &e, NULL), MSE_ERR_LOG_FORM);
    e = full_entry();
    e.kind = MSE_LOG_KIND_COUNT;
    assert_status(mse_log_entry_write(out, &len, &e, NULL), MSE_ERR_LOG_FORM);
    e = full_entry();
    e.name.len = 0;
    assert_status(mse_log_entry_write(out, &len, &e, NULL), MSE_ERR_LOG_FORM);
}

/* A proof: the entry, if with is set a consistency proof, two hashes, a checkpoint. */
static void make_proof(struct mse_build *b, const char *extra, const char *index, size_t hashes)
{
    struct made m;
    make(&m, TEXT);
    mse_wr_str(b, "c2sp.org/tlog-proof@v1\n");
    if (extra != NULL) {
        mse_wr_str(b, "extra ");
        wr_base64(b, mse_bytes_str(extra));
        mse_wr_str(b, "\n");
    }
    mse_wr_printf(b, "index %s\n", index);
    for (size_t i = 0; i < hashes; i++) {
        mse_wr_str(b, ROOT "\n");
    }
    mse_wr_str(b, "\n");
    mse_wr_bytes(b, mse_build_view(&m.b));
}

static void test_proofs(void **state)
{
    struct mse_log_proof *p = calloc(1, sizeof *p);
    struct mse_build b;
    (void)state;
    assert_non_null(p);
    mse_build_heap(&b, 65536);
    make_proof(&b, "entry\n\nsince 5\n" ROOT "\n", "6", 2);
    assert_status(mse_log_proof_parse(p, mse_build_view(&b), NULL), MSE_OK);
    assert_bytes(p->entry, mse_bytes_str("entry\n"));
    assert_true(p->has_link);
    assert_int_equal(p->link_size, 5);
    assert_int_equal(p->num_link, 1);
    assert_int_equal(p->num_path, 2);
    assert_int_equal(p->index, 6);
    assert_int_equal(p->checkpoint.head.size, 7);
    for (size_t len = 0; len < b.len; len++) {
        assert_status(mse_log_proof_parse(p, mse_bytes_of(b.data, len), NULL), MSE_ERR_LOG_FORM);
    }
    mse_wr_str(&b, "x");
    assert_status(mse_log_proof_parse(p, mse_build_view(&b), NULL), MSE_ERR_LOG_FORM);
    static const struct {
        const char *extra;
        const char *index;
        size_t hashes;
        mse_status want;
    } cases[] = {
        { NULL, "0", 0, MSE_OK },
        { "entry\n", "0", MSE_LOG_MAX_PATH, MSE_OK },
        { "entry\n", "0", MSE_LOG_MAX_PATH + 1, MSE_ERR_LOG_FORM },
        { "entry\n", "00", 0, MSE_ERR_LOG_FORM },
        { "entry\n", "-1", 0, MSE_ERR_LOG_FORM },
        { "entry\n", "9223372036854775808", 0, MSE_ERR_LOG_FORM },
        { "entry\n\nsince 05\n", "0", 0, MSE_ERR_LOG_FORM },
        { "entry\n\nsince 5\nhash\n", "0", 0, MSE_ERR_LOG_FORM },
        { "entry\n\nsince 5", "0", 0, MSE_ERR_LOG_FORM },
        { "entry\n\n", "0", 0, MSE_ERR_LOG_FORM },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        mse_build_reset(&b);
        make_proof(&b, cases[i].extra, cases[i].index, cases[i].hashes);
        assert_status(mse_log_proof_parse(p, mse_build_view(&b), NULL), cases[i].want);
    }
    mse_build_clear(&b);
    free(p);
}

static void test_tile_paths(void **state)
{
    static const struct {
        const char *path;
        int level;
        uint64_t index;
        unsigned width;
    } cases[] = {
        { "tile/0/000", 0, 0, 256 },
        { "tile/0/x001/x234/067", 0, 1234067, 256 },
        { "tile/7/x001/000.p/17", 7, 1000, 17 },
        { "tile/entries/999.p/255", MSE_LOG_TILE_ENTRIES, 999, 255 },
        { "tile/1/x018/x446/x744/x073/x709/x551/615.p/1", 1, UINT64_MAX, 1 },
    };
    char path[MSE_LOG_TILE_PATH_LEN];
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        assert_status(mse_log_tile_path(path, cases[i].level, cases[i].index, cases[i].width),
                      MSE_OK);
        assert_string_equal(path, cases[i].path);
    }
    assert_status(mse_log_tile_path(path, 8, 0, 1), MSE_ERR_ARGUMENT);
    assert_status(mse_log_tile_path(path, -2, 0, 1), MSE_ERR_ARGUMENT);
    assert_status(mse_log_tile_path(path, 0, 0, 0), MSE_ERR_ARGUMENT);
    assert_status(mse_log_tile_path(path, 0, 0, 257), MSE_ERR_ARGUMENT);
}

/* RFC 8032 section 7.1, tests 1 and 2. */
static void test_ed25519(void **state)
{
    static const struct {
        const char *secret;
        const char *public;
        const char *message;
        const char *sig;
    } cases[] = {
        { "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
          "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
          "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
          "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b" },
        { "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
          "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
          "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
          "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
    };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        uint8_t s[32];
        uint8_t want[64];
        uint8_t p[32];
        uint8_t m[1];
        uint8_t sig[64];
        assert_true(mse_hex_decode(s, 32, mse_bytes_str(cases[i].secret)));
        assert_status(mse_ed25519_public(p, s), MSE_OK);
        assert_true(mse_hex_decode(want, 32, mse_bytes_str(cases[i].public)));
        assert_bytes(mse_bytes_of(p, 32), mse_bytes_of(want, 32));
        struct mse_bytes message = { m, strlen(cases[i].message) / 2 };
        assert_true(mse_hex_decode(m, message.len, mse_bytes_str(cases[i].message)));
        assert_status(mse_ed25519_sign(sig, s, message), MSE_OK);
        assert_true(mse_hex_decode(want, 64, mse_bytes_str(cases[i].sig)));
        assert_bytes(mse_bytes_of(sig, 64), mse_bytes_of(want, 64));
        assert_status(mse_ed25519_verify(p, sig, message), MSE_OK);
        sig[63] ^= 1;
        assert_status(mse_ed25519_verify(p, sig, message), MSE_ERR_SIGNATURE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ed25519),         cmocka_unit_test(test_keys),
        cmocka_unit_test(test_checkpoint),      cmocka_unit_test(test_checkpoint_flips),
        cmocka_unit_test(test_checkpoint_form), cmocka_unit_test(test_largest),
        cmocka_unit_test(test_entries),         cmocka_unit_test(test_entries_refused),
        cmocka_unit_test(test_proofs),          cmocka_unit_test(test_tile_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
