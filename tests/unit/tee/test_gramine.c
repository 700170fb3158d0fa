/* SPDX-License-Identifier: Apache-2.0 */
/* The driver of Gramine against a file system that behaves as Gramine's /dev/attestation does, over
 * evidence of a made-up vendor: from the launch through the quote and the certificate to the
 * verdict; and each error. */
#include "lib/testlib.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "attest/world.h"
#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "lib/gramine_tree.h"
#include "ratls/identity.h"
#include "tee/driver.h"

#define MANIFEST "{\"version\":1}"

struct enclave {
    struct world *world;
    struct gramine_knobs knobs;
    struct gramine_tree *tree; /* NULL: no FUSE here */
    int error;                 /* no quote can be made */
    bool other_data;           /* the host answers with another quote … */
    bool other_enclave;        /* … of another enclave, once the report was read */
    struct mse_bytes replayed; /* a recorded quote; data NULL: none */
};

static struct mse_verdict verdict;

/* ---- the processor's and the host's side ---- */

static int make_quote(void *arg, struct mse_build *out, const uint8_t report_data[64])
{
    struct enclave *e = arg;
    struct world *w = e->world;
    if (e->error != 0) {
        return e->error;
    }
    if (e->replayed.data != NULL) {
        mse_wr_bytes(out, e->replayed);
        return 0;
    }
    memcpy(w->body.report_data, report_data, 64);
    w->body.report_data[9] ^= e->other_data ? 1 : 0;
    w->body.mr_enclave[3] ^= e->other_enclave ? 1 : 0;
    world_make(w);
    w->body.mr_enclave[3] ^= e->other_enclave ? 1 : 0;
    mse_wr_bytes(out, mse_build_view(&w->quote));
    return 0;
}

/* ---- fixtures ---- */

static int setup(void **state)
{
    struct enclave *e = calloc(1, sizeof *e);
    void *part = NULL;
    assert_non_null(e);
    (void)world_setup(&part);
    e->world = part;
    e->tree = gramine_tree_start(&e->knobs);
    if (e->tree == NULL) {
        print_message("# no FUSE on this machine: the driver's tests are skipped\n");
    }
    *state = e;
    return 0;
}

static int teardown(void **state)
{
    struct enclave *e = *state;
    void *part = e->world;
    if (e->tree != NULL) {
        gramine_tree_stop(e->tree);
    }
    (void)world_teardown(&part);
    free(e);
    return 0;
}

static int defaults(void **state)
{
    struct enclave *e = *state;
    void *part = e->world;
    (void)world_defaults(&part);
    e->error = 0;
    e->other_data = e->other_enclave = false;
    e->replayed = (struct mse_bytes) { 0 };
    e->knobs = (struct gramine_knobs) {
        .type = "dcap",
        .quote = make_quote,
        .arg = e,
        .manifest = mse_bytes_str(MANIFEST),
        .sealing = { { "_sgx_mrenclave", true, { 1, 2, 3 } },
                     { "_sgx_mrsigner", true, { 4, 5, 6 } } },
        .keys = { { .name = "mse_home" }, { .name = "mse_run" } },
    };
    return 0;
}

static mse_status try_open(const struct enclave *e, struct mse_tee **t, struct mse_error *err)
{
    return mse_tee_gramine.open(t, gramine_tree_open(e->tree), err);
}

static struct mse_tee *open_driver(const struct enclave *e)
{
    struct mse_tee *t = NULL;
    struct mse_error err = { 0 };
    mse_status st = try_open(e, &t, &err);
    if (st != MSE_OK) {
        print_message("# %s\n", err.text);
    }
    assert_status(st, MSE_OK);
    return t;
}

#define NEED_FUSE(e)                                                                               \
    do {                                                                                           \
        if ((e)->tree == NULL) {                                                                   \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

/* The kernel tells of a last close(2) a moment later. */
static void assert_closed(const struct enclave *e)
{
    static const struct timespec pause = { 0, 10000000 };
    for (int i = 0; i < 6000 && gramine_tree_opened(e->tree) > 0; i++) {
        (void)nanosleep(&pause, NULL);
    }
    assert_int_equal(gramine_tree_opened(e->tree), 0);
}

static const uint8_t some_data[64] = { 7, 8, 9, [63] = 1 };

/* ---- from launch to verdict ---- */

static mse_status quote_fn(void *arg, uint8_t *out, size_t cap, size_t *out_len,
                           const uint8_t report_data[64], struct mse_error *err)
{
    struct mse_build b;
    mse_build_fixed(&b, out, cap);
    mse_status st = mse_tee_gramine.quote(arg, &b, report_data, err);
    *out_len = st == MSE_OK ? b.len : 0;
    return st;
}

static void to_verdict(void **state)
{
    struct enclave *e = *state;
    struct mse_build cert;
    struct mse_privkey *key = NULL;
    uint8_t manifest[32];
    enum mse_ratls_binding binding = MSE_BINDING_NONE;
    NEED_FUSE(e);
    struct mse_tee *t = open_driver(e);
    mse_time now = e->world->at;
    struct mse_ratls_identity_params p = { .quote = quote_fn,
                                           .quote_arg = t,
                                           .name = "app.example.org",
                                           .not_before = now - 60,
                                           .not_after = now + 3600,
                                           .manifest = { manifest, 32 } };
    assert_status(mse_tee_gramine.check_manifest(t, mse_bytes_str(MANIFEST), NULL), MSE_OK);
    assert_status(mse_sha256(manifest, mse_bytes_str(MANIFEST)), MSE_OK);
    assert_status(mse_privkey_generate_p256(&key), MSE_OK);
    mse_build_heap(&cert, 65536);
    assert_status(mse_ratls_issue(&cert, key, &p, NULL), MSE_OK);
    assert_status(mse_ratls_appraise(&verdict, NULL, &binding, mse_build_view(&cert),
                                     "app.example.org", &e->world->collateral, &e->world->policy,
                                     now, NULL),
                  MSE_OK);
    assert_int_equal(binding, MSE_BINDING_CLAIMS);
    assert_int_equal(verdict.tee, MSE_TEE_SGX);
    assert_memory_equal(verdict.fingerprint, e->world->body.mr_enclave, 32);
    mse_tee_gramine.close(t);
    mse_privkey_free(key);
    mse_build_clear(&cert);
    assert_int_equal(e->knobs.quotes, 1);
    assert_int_equal(e->knobs.short_writes, 0);
}

/* What a real quoting enclave made comes out byte for byte, and only over its own data. */
static void replayed(void **state)
{
    struct enclave *e = *state;
    const char *root = test_vectors();
    char path[1024];
    struct mse_sgx_quote q;
    struct mse_build out;
    NEED_FUSE(e);
    if (root == NULL) {
        skip();
    }
    (void)snprintf(path, sizeof path, "%s/%s", root,
                   "sgx-quote/v3-automata-sample-quotes-268c/quote.bin");
    struct mse_bytes quote = test_read_file(path);
    if (quote.data == NULL) {
        skip();
    }
    assert_status(mse_sgx_quote_parse(&q, quote, NULL), MSE_OK);
    e->replayed = quote;
    mse_build_heap(&out, 65536);
    struct mse_tee *t = open_driver(e);
    assert_status(mse_tee_gramine.quote(t, &out, q.body.report_data, NULL), MSE_OK);
    assert_bytes(mse_build_view(&out), quote);
    assert_status(mse_tee_gramine.quote(t, &out, some_data, NULL), MSE_ERR_PROTOCOL);
    assert_int_equal(out.len, quote.len);
    mse_tee_gramine.close(t);
    mse_build_clear(&out);
    free((void *)(uintptr_t)quote.data);
}

/* ---- refused at the opening ---- */

static void wrong_types(void **state)
{
    static const char *const types[] = { "none", "epid", "", "dcap\n",
                                         "dcapdcapdcapdcapdcapdcapdcapdcap" };
    struct enclave *e = *state;
    struct mse_tee *t = NULL;
    NEED_FUSE(e);
    for (size_t i = 0; i < MSE_ARRAY_LEN(types); i++) {
        struct mse_error err = { 0 };
        e->knobs.type = types[i];
        assert_status(try_open(e, &t, &err), MSE_ERR_UNSUPPORTED);
        assert_non_null(strstr(err.text, "wanted dcap"));
    }
    struct mse_error err = { 0 };
    e->knobs.type = "far more characters than any type of attestation has";
    assert_status(try_open(e, &t, &err), MSE_ERR_PROTOCOL);
    assert_non_null(strstr(err.text, "attestation_type: too long"));
    assert_null(t);
}

/* Gramine without SGX has keys only. */
static void not_on_sgx(void **state)
{
    struct enclave *e = *state;
    struct mse_tee *t = NULL;
    struct mse_error err = { 0 };
    NEED_FUSE(e);
    e->knobs.type = NULL;
    assert_status(try_open(e, &t, &err), MSE_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "wanted Gramine's, on SGX"));
    assert_null(t);
}

static void no_folder(void **state)
{
    (void)state;
    struct mse_tee *t = NULL;
    char *dir = test_tmpdir();
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_status(mse_tee_gramine.open(&t, fd, NULL), MSE_ERR_UNSUPPORTED);
    assert_null(t);
    test_tmpdir_remove(dir);
}

static void no_report(void **state)
{
    struct enclave *e = *state;
    struct mse_tee *t = NULL;
    struct mse_error err = { 0 };
    NEED_FUSE(e);
    e->error = EIO;
    assert_status(try_open(e, &t, &err), MSE_ERR_IO);
    assert_non_null(strstr(err.text, "/dev/attestation/report: "));
    assert_null(t);
}

/* ---- quotes ---- */

/* Each is refused, leaves what was there, and the next one is made. */
static void refuse_quote(struct enclave *e, struct mse_tee *t, mse_status wanted, const char *text)
{
    struct mse_build out;
    struct mse_error err = { 0 };
    mse_build_heap(&out, 65536);
    mse_wr_str(&out, "before");
    assert_status(mse_tee_gramine.quote(t, &out, some_data, &err), wanted);
    assert_non_null(strstr(err.text, text));
    assert_bytes(mse_build_view(&out), mse_bytes_str("before"));
    assert_closed(e);
    mse_build_clear(&out);
}

static int huge_quote(void *arg, struct mse_build *out, const uint8_t report_data[64])
{
    (void)arg;
    (void)report_data;
    mse_wr_zeros(out, 8193);
    return 0;
}

static int empty_quote(void *arg, struct mse_build *out, const uint8_t report_data[64])
{
    (void)arg;
    (void)out;
    (void)report_data;
    return 0;
}

static void no_quotes(void **state)
{
    struct enclave *e = *state;
    struct mse_build out;
    NEED_FUSE(e);
    struct mse_tee *t = open_driver(e);
    e->error = EIO; /* AESM does not answer: EACCES, as all that fails there */
    refuse_quote(e, t, MSE_ERR_IO, "the quote could not be made");
    e->error = 0;
    e->knobs.type = "none";
    refuse_quote(e, t, MSE_ERR_UNSUPPORTED, "/dev/attestation/quote: ");
    e->knobs.type = "dcap";
    e->knobs.quote = huge_quote;
    refuse_quote(e, t, MSE_ERR_PROTOCOL, "quote: too long");
    e->knobs.quote = empty_quote;
    refuse_quote(e, t, MSE_ERR_MALFORMED, "");
    e->knobs.quote = make_quote;
    mse_build_fixed(&out, (uint8_t[100]) { 0 }, 100);
    assert_status(mse_tee_gramine.quote(t, &out, some_data, NULL), MSE_ERR_NO_SPACE);
    mse_build_heap(&out, 65536);
    assert_status(mse_tee_gramine.quote(t, &out, some_data, NULL), MSE_OK);
    mse_build_clear(&out);
    mse_tee_gramine.close(t);
}

/* What the host brings is held against the processor's report. */
static void foreign_quotes(void **state)
{
    struct enclave *e = *state;
    NEED_FUSE(e);
    struct mse_tee *t = open_driver(e);
    e->other_data = true;
    refuse_quote(e, t, MSE_ERR_PROTOCOL, "over other data");
    e->other_data = false;
    e->other_enclave = true;
    refuse_quote(e, t, MSE_ERR_PROTOCOL, "of another enclave");
    e->other_enclave = false;
    e->knobs.meddler = true; /* somebody wrote to user_report_data behind us */
    refuse_quote(e, t, MSE_ERR_PROTOCOL, "over other data");
    e->knobs.meddler = false;
    uint64_t *const members[] = { &e->world->body.attr_flags, &e->world->body.attr_xfrm };
    for (size_t i = 0; i < MSE_ARRAY_LEN(members); i++) {
        *members[i] ^= 2;
        refuse_quote(e, t, MSE_ERR_PROTOCOL, "of another enclave");
        *members[i] ^= 2;
    }
    e->world->body.cpu_svn[0] ^= 1; /* a quote of before an update of microcode, or behind it */
    refuse_quote(e, t, MSE_ERR_PROTOCOL, "of another enclave");
    mse_tee_gramine.close(t);
}

struct asker {
    struct mse_tee *t;
    uint8_t data[64];
    mse_status st;
};

static void *ask_often(void *arg)
{
    struct asker *a = arg;
    for (int i = 0; i < 8 && a->st == MSE_OK; i++) {
        struct mse_build out;
        mse_build_heap(&out, 65536);
        a->data[1] = (uint8_t)i;
        a->st = mse_tee_gramine.quote(a->t, &out, a->data, NULL);
        mse_build_clear(&out);
    }
    return NULL;
}

/* There is one user_report_data: nobody gets another one's quote. */
static void two_threads(void **state)
{
    struct enclave *e = *state;
    NEED_FUSE(e);
    struct mse_tee *t = open_driver(e);
    struct asker askers[2] = { { .t = t, .data = { 1 } }, { .t = t, .data = { 2 } } };
    pthread_t other;
    assert_int_equal(pthread_create(&other, NULL, ask_often, &askers[0]), 0);
    (void)ask_often(&askers[1]);
    assert_int_equal(pthread_join(other, NULL), 0);
    assert_status(askers[0].st, MSE_OK);
    assert_status(askers[1].st, MSE_OK);
    assert_int_equal(e->knobs.quotes, 16);
    mse_tee_gramine.close(t);
}

/* ---- the manifest ---- */

static void other_manifests(void **state)
{
    struct enclave *e = *state;
    struct mse_error err = { 0 };
    NEED_FUSE(e);
    struct mse_tee *t = open_driver(e);
    assert_status(mse_tee_gramine.check_manifest(t, mse_bytes_str(MANIFEST " "), &err),
                  MSE_ERR_MANIFEST_MISMATCH);
    assert_string_equal(err.text, "it is not the trusted file /mse/manifest.json");
    assert_status(mse_tee_gramine.check_manifest(t, mse_bytes_str("{\"version\":2}"), NULL),
                  MSE_ERR_MANIFEST_MISMATCH);
    e->knobs.manifest = (struct mse_bytes) { 0 };
    assert_status(mse_tee_gramine.check_manifest(t, mse_bytes_str(MANIFEST), NULL),
                  MSE_ERR_MANIFEST_MISMATCH);
    mse_tee_gramine.close(t);
}

/* ---- keys ---- */

static void sealing(void **state)
{
    struct enclave *e = *state;
    uint8_t first[32] = { 0 };
    uint8_t second[32] = { 0 };
    uint8_t raw[16];
    uint8_t version[MSE_TEE_VERSION_LEN];
    struct mse_error err = { 0 };
    NEED_FUSE(e);
    struct mse_tee *t = open_driver(e);
    mse_tee_gramine.seal_version(t, version);
    assert_status(mse_tee_gramine.seal_key(t, first, version, NULL), MSE_OK);
    assert_status(mse_tee_gramine.seal_key(t, second, version, NULL), MSE_OK);
    assert_memory_equal(first, second, 32);
    /* Never Gramine's own key, nor the signer's: MRENCLAVE policy only. */
    memcpy(raw, e->knobs.sealing[0].key, 16);
    assert_memory_not_equal(first, raw, 16);
    e->knobs.sealing[1].key[0] ^= 1;
    assert_status(mse_tee_gramine.seal_key(t, second, version, NULL), MSE_OK);
    assert_memory_equal(first, second, 32);
    /* Behind an update of microcode the processor gives another one. */
    e->knobs.sealing[0].key[0] ^= 1;
    assert_status(mse_tee_gramine.seal_key(t, second, version, NULL), MSE_OK);
    assert_memory_not_equal(first, second, 32);
    memset(second, 0, 32);
    version[3] ^= 1; /* which is known by its CPUSVN: Gramine has no key of another */
    assert_status(mse_tee_gramine.seal_key(t, second, version, &err), MSE_ERR_STATE_FOREIGN);
    assert_non_null(strstr(err.text, "since an update of its microcode"));
    version[3] ^= 1;
    err = (struct mse_error) { 0 };
    memset(e->knobs.sealing[0].key, 0, 16);
    assert_status(mse_tee_gramine.seal_key(t, second, version, &err), MSE_ERR_PROTOCOL);
    assert_non_null(strstr(err.text, "all zeros"));
    e->knobs.sealing[0].key[0] = 1;
    static const size_t wrong[] = { 1, 15, 17, 64 };
    for (size_t i = 0; i < MSE_ARRAY_LEN(wrong); i++) {
        e->knobs.key_len = wrong[i];
        assert_status(mse_tee_gramine.seal_key(t, second, version, NULL), MSE_ERR_PROTOCOL);
    }
    e->knobs.key_len = 0;
    e->knobs.sealing[0].set = false;
    assert_status(mse_tee_gramine.seal_key(t, second, version, NULL), MSE_ERR_PROTOCOL);
    e->knobs.sealing[0].name = NULL;
    assert_status(mse_tee_gramine.seal_key(t, second, version, NULL), MSE_ERR_UNSUPPORTED);
    assert_true(mse_mem_is_zero(second, 32));
    assert_closed(e); /* before a fork */
    mse_tee_gramine.close(t);
}

static void file_keys(void **state)
{
    struct enclave *e = *state;
    static const uint8_t key[16] = { 5, [15] = 6 };
    struct mse_error err = { 0 };
    NEED_FUSE(e);
    struct mse_tee *t = open_driver(e);
    assert_status(mse_tee_gramine.file_key(t, "mse_home", key, NULL), MSE_OK);
    assert_true(e->knobs.keys[0].set);
    assert_memory_equal(e->knobs.keys[0].key, key, 16);
    assert_false(e->knobs.keys[1].set);
    assert_status(mse_tee_gramine.file_key(t, "other", key, NULL), MSE_ERR_UNSUPPORTED);
    assert_status(mse_tee_gramine.file_key(t, "_sgx_mrenclave", key, &err), MSE_ERR_IO);
    assert_non_null(strstr(err.text, "keys/_sgx_mrenclave: "));
    assert_status(
        mse_tee_gramine.file_key(
            t, "a_name_that_is_longer_than_any_name_of_a_key_in_a_manifest_of_ours", key, NULL),
        MSE_ERR_ARGUMENT);
    mse_tee_gramine.close(t);
}

/* ---- the stand-in itself ---- */

static void put(const struct enclave *e, const char *file, const char *text, ssize_t wanted)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/dev/attestation/%s", gramine_tree_dir(e->tree), file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t n = write(fd, text, strlen(text));
    int e_no = errno;
    assert_int_equal(n, wanted);
    assert_true(wanted >= 0 || e_no == EACCES);
    (void)close(fd);
}

static size_t get(const struct enclave *e, const char *file, uint8_t *buf, size_t cap)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/dev/attestation/%s", gramine_tree_dir(e->tree), file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t n = read(fd, buf, cap);
    assert_true(n >= 0);
    (void)close(fd);
    return (size_t)n;
}

/* To the letter: what the reference says of Gramine's files. */
static void to_the_letter(void **state)
{
    struct enclave *e = *state;
    uint8_t buf[16384];
    char long_text[101];
    NEED_FUSE(e);
    assert_int_equal(get(e, "attestation_type", buf, sizeof buf), 4); /* no newline */
    put(e, "user_report_data", "abc", 3); /* shorter: the rest is zero */
    assert_int_equal(get(e, "user_report_data", buf, sizeof buf), 64);
    assert_memory_equal(buf, "abc\0\0", 5);
    memset(long_text, 'x', 100);
    long_text[100] = '\0';
    put(e, "user_report_data", long_text, 100); /* longer: cut off */
    assert_int_equal(get(e, "user_report_data", buf, sizeof buf), 64);
    assert_memory_equal(buf, long_text, 64);
    put(e, "user_report_data", "y", 1); /* each write is the whole value */
    (void)get(e, "user_report_data", buf, sizeof buf);
    assert_memory_equal(buf, "y\0\0\0", 4);
    assert_int_equal(get(e, "target_info", buf, sizeof buf), 512);
    assert_int_equal(get(e, "my_target_info", buf, sizeof buf), 512);
    assert_int_equal(get(e, "report", buf, sizeof buf), 432);
    assert_int_equal(buf[320], 'y');
    assert_int_equal(get(e, "keys/mse_home", buf, sizeof buf), 0); /* unset */
    put(e, "keys/mse_home", "fifteen bytes..", -1);
    put(e, "keys/mse_home", "seventeen bytes..", -1);
    put(e, "keys/_sgx_mrsigner", "sixteen bytes...", -1);
    put(e, "keys/mse_home", "sixteen bytes...", 16);
    assert_int_equal(get(e, "keys/mse_home", buf, sizeof buf), 16);
    assert_int_equal(get(e, "keys/_sgx_mrenclave", buf, sizeof buf), 16);
}

/* A quote is of the moment at which its file was opened. */
static void quote_snapshot(void **state)
{
    struct enclave *e = *state;
    uint8_t buf[16384];
    char path[512];
    NEED_FUSE(e);
    (void)snprintf(path, sizeof path, "%s/dev/attestation/quote", gramine_tree_dir(e->tree));
    put(e, "user_report_data", "first", 5);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    put(e, "user_report_data", "second", 6);
    ssize_t n = read(fd, buf, sizeof buf);
    assert_true(n > 48 + 384);
    assert_memory_equal(buf + 48 + 320, "first", 6);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(to_verdict, defaults),
        cmocka_unit_test_setup(replayed, defaults),
        cmocka_unit_test_setup(wrong_types, defaults),
        cmocka_unit_test_setup(not_on_sgx, defaults),
        cmocka_unit_test(no_folder),
        cmocka_unit_test_setup(no_report, defaults),
        cmocka_unit_test_setup(no_quotes, defaults),
        cmocka_unit_test_setup(foreign_quotes, defaults),
        cmocka_unit_test_setup(two_threads, defaults),
        cmocka_unit_test_setup(other_manifests, defaults),
        cmocka_unit_test_setup(sealing, defaults),
        cmocka_unit_test_setup(file_keys, defaults),
        cmocka_unit_test_setup(to_the_letter, defaults),
        cmocka_unit_test_setup(quote_snapshot, defaults),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
