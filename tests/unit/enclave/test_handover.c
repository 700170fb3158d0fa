/* SPDX-License-Identifier: Apache-2.0 */
/* Handing a storage on: two enclaves of one platform, on two threads; each condition of the two
 * rules broken once. Nothing but the right one gets the root. */
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "unit/enclave/side.h"

#define OLD 0x11
#define NEW 0x22

struct upgrade {
    struct lab *lab; /* of the new one; the old one's is that of the group */
    struct side old;
    struct side new;
    struct mse_upgrade_rule old_rule;
    struct mse_upgrade_rule new_rule;
    struct mse_handover_source source;
    uint8_t from[32];
    uint8_t named[32];
    int fd;
    unsigned num_ready;
    mse_status ready_fails;
    mse_status given;
    struct mse_legacy got;
};

static char new_hex[] = "2222222222222222222222222222222222222222222222222222222222222222";
static char *const new_list[] = { new_hex };

/* Everything in order, by fingerprint. */
static void begin(struct upgrade *u, struct lab *l)
{
    memset(u, 0, sizeof *u);
    side_init(&u->old, l, OLD);
    side_init(&u->new, l, NEW);
    u->old_rule.fingerprints = (struct mse_str_list) { (char **)(uintptr_t)new_list, 1 };
    memset(u->from, OLD, sizeof u->from);
    memset(u->named, OLD, sizeof u->named);
    u->source = (struct mse_handover_source) {
        .name = FIXTURE_SAN, .from = u->from, .named = u->named, .by_owner = true
    };
}

static mse_status ready(void *arg, struct mse_legacy *out, struct mse_error *err)
{
    struct upgrade *u = arg;
    (void)err;
    u->num_ready++;
    memset(out->root, 0xaa, sizeof out->root);
    memset(out->index_sha256, 0xbb, sizeof out->index_sha256);
    out->floor = LAB_NOW;
    return u->ready_fails;
}

static void handover(struct mse_handover *out, struct mse_build *text, struct side *s, int fd,
                     const struct mse_upgrade_rule *rule)
{
    mse_build_heap(text, MSE_MANIFEST_MAX_LEN);
    assert_status(mse_party_handover(out, text, &s->me, NULL), MSE_OK);
    assert_ptr_equal(out->rule, &s->m.upgrade);
    out->fd = fd;
    out->peers = &s->peers;
    out->rule = rule;
    out->quiet_ms = 10000;
}

static void *give(void *arg)
{
    struct upgrade *u = arg;
    char rest[256];
    struct mse_error err = { .status = MSE_OK };
    struct mse_build text;
    struct mse_handover h;
    handover(&h, &text, &u->old, u->fd, &u->old_rule);
    u->given = mse_handover_give(&h, ready, u, &err);
    assert_true(u->given == err.status || u->given == u->ready_fails);
    mse_build_clear(&text);
    (void)shutdown(u->fd, SHUT_WR);
    while (read(u->fd, rest, sizeof rest) > 0) { /* what the other still says is taken */
    }
    (void)close(u->fd);
    return NULL;
}

static mse_status take(struct upgrade *u)
{
    int pair[2];
    pthread_t thread;
    struct mse_build text;
    struct mse_handover h;
    static const struct mse_legacy nothing;
    struct mse_error err = { .status = MSE_OK };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    u->fd = pair[1];
    assert_int_equal(pthread_create(&thread, NULL, give, u), 0);
    handover(&h, &text, &u->new, pair[0], &u->new_rule);
    mse_status st = mse_handover_take(&u->got, &h, &u->source, &err);
    assert_int_equal(st, err.status);
    mse_build_clear(&text);
    (void)close(pair[0]);
    assert_int_equal(pthread_join(thread, NULL), 0);
    if (st == MSE_OK) {
        assert_int_equal(u->got.root[31], 0xaa);
        assert_int_equal(u->got.index_sha256[31], 0xbb);
        assert_int_equal(u->got.floor, LAB_NOW);
        assert_int_equal(u->num_ready, 1);
        assert_status(u->given, MSE_OK);
    } else {
        assert_memory_equal(&u->got, &nothing, sizeof nothing);
    }
    return st;
}

static void end(struct upgrade *u)
{
    side_clear(&u->old);
    side_clear(&u->new);
}

static void a_listed_one_inherits(void **state)
{
    static struct upgrade u;
    begin(&u, *state);
    assert_status(take(&u), MSE_OK);
    end(&u);
}

static void the_old_ones_rule_decides(void **state)
{
    static struct upgrade u;
    begin(&u, *state);
    u.old_rule.fingerprints.num = 0;
    assert_status(take(&u), MSE_ERR_UPGRADE_REFUSED);
    assert_status(u.given, MSE_ERR_UPGRADE_REFUSED);
    assert_int_equal(u.num_ready, 0);
    end(&u);
}

static void another_app_gets_nothing(void **state)
{
    static struct upgrade u;
    begin(&u, *state);
    side_clear(&u.new);
    side_init(&u.new, *state, NEW + 1); /* named by nobody's rule */
    assert_status(take(&u), MSE_ERR_UPGRADE_REFUSED);
    assert_status(u.given, MSE_ERR_UPGRADE_REFUSED);
    assert_int_equal(u.num_ready, 0);
    end(&u);
}

static void another_platform_gets_nothing(void **state)
{
    static struct upgrade u;
    struct lab *other = NULL;
    assert_int_equal(lab_setup((void **)&other), 0);
    begin(&u, *state);
    side_clear(&u.new);
    side_init(&u.new, other, NEW);
    assert_status(take(&u), MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED);
    assert_true(u.given != MSE_OK);
    assert_int_equal(u.num_ready, 0);
    end(&u);
    assert_int_equal(lab_teardown((void **)&other), 0);
}

/* Whose memory the host reads. */
static void a_debug_enclave_gets_and_gives_nothing(void **state)
{
    static struct upgrade u;
    begin(&u, *state);
    u.new.tee.debug = true;
    assert_true(take(&u) != MSE_OK);
    assert_status(u.given, MSE_ERR_DEBUG);
    u.new.tee.debug = false;
    u.old.tee.debug = true;
    assert_status(take(&u), MSE_ERR_DEBUG);
    assert_int_equal(u.num_ready, 0);
    end(&u);
}

/* Who has the token of phase 1 need not be the owner, if the package is plain. */
static void whoever_runs_it_names_nobody(void **state)
{
    static struct upgrade u;
    begin(&u, *state);
    u.source.by_owner = false;
    assert_status(take(&u), MSE_ERR_UPGRADE_REFUSED);
    assert_int_equal(u.num_ready, 0);
    end(&u);
}

static void messages_have_one_form(void **state)
{
    static const uint8_t signature[] = { 1, 2, 3 };
    static const uint8_t year_10000[] = { 0, 0, 0, 0x3a, 0xff, 0xf4, 0x41, 0x80 };
    uint8_t wire[MSE_LEGACY_LEN];
    uint8_t again[MSE_LEGACY_LEN];
    size_t len = 99;
    struct mse_legacy l = { .floor = LAB_NOW };
    struct mse_build b;
    (void)state;
    mse_build_heap(&b, 64);
    mse_question_write(&b, mse_bytes_of(signature, sizeof signature));
    assert_int_equal(b.len, MSE_QUESTION_HEAD_LEN + sizeof signature);
    assert_memory_equal(b.data, "\x01\x00\x03\x01\x02\x03", 6);
    assert_status(mse_question_head_read(&len, b.data, NULL), MSE_OK);
    assert_int_equal(len, 3);
    assert_status(mse_question_head_read(&len, (const uint8_t *)"\x01\x04\x00", NULL), MSE_OK);
    assert_int_equal(len, 1024);
    assert_status(mse_question_head_read(&len, (const uint8_t *)"\x01\x04\x01", NULL),
                  MSE_ERR_PROTOCOL);
    assert_status(mse_question_head_read(&len, (const uint8_t *)"\x02\x00\x00", NULL),
                  MSE_ERR_PROTOCOL);
    assert_int_equal(len, 1024);
    mse_build_clear(&b);

    memset(l.root, 0xaa, sizeof l.root);
    memset(l.index_sha256, 0xbb, sizeof l.index_sha256);
    mse_legacy_write(wire, &l);
    memset(&l, 0, sizeof l);
    assert_status(mse_legacy_read(&l, wire, NULL), MSE_OK);
    assert_int_equal(l.floor, LAB_NOW);
    mse_legacy_write(again, &l);
    assert_memory_equal(wire, again, sizeof wire);
    memcpy(wire + 64, year_10000, sizeof year_10000);
    l.floor = 7;
    assert_status(mse_legacy_read(&l, wire, NULL), MSE_ERR_PROTOCOL);
    assert_int_equal(l.floor, 7);
    wire[71]--;
    assert_status(mse_legacy_read(&l, wire, NULL), MSE_OK);
}

/* An enclave of the host's own making cannot pass off its storage. */
static void the_new_one_takes_from_the_named_one_only(void **state)
{
    static struct upgrade u;
    begin(&u, *state);
    u.source.named = NULL;
    assert_status(take(&u), MSE_ERR_UPGRADE_REFUSED);
    assert_int_equal(u.num_ready, 0);
    u.source.named = u.named;
    u.from[0] ^= 1;
    assert_status(take(&u), MSE_ERR_UPGRADE_REFUSED);
    assert_int_equal(u.num_ready, 0);
    u.named[0] ^= 1; /* named, but it is another one that answers */
    assert_status(take(&u), MSE_ERR_MRENCLAVE_MISMATCH);
    assert_int_equal(u.num_ready, 0);
    end(&u);
}

static void another_name_is_refused(void **state)
{
    static struct upgrade u;
    begin(&u, *state);
    u.source.name = "other.example.org";
    assert_status(take(&u), MSE_ERR_CERTIFICATE_NAME);
    assert_int_equal(u.num_ready, 0);
    end(&u);
}

static void an_owners_signature_lets_both(void **state)
{
    static struct upgrade u;
    struct lab *l = *state;
    uint8_t old[32];
    uint8_t new[32];
    uint8_t message[MSE_UPGRADE_MESSAGE_LEN];
    char hex[2 * 512 + 1];
    struct mse_build signature;
    begin(&u, l);
    mse_hex_encode(hex, mse_build_view(&l->spki));
    u.old_rule = (struct mse_upgrade_rule) { .owner_key = hex };
    u.new_rule = u.old_rule;
    u.source.named = NULL;
    assert_status(take(&u), MSE_ERR_UPGRADE_SIGNATURE); /* nothing was signed */
    memset(old, OLD, sizeof old);
    memset(new, NEW, sizeof new);
    const struct mse_upgrade words = { old, new, { NULL, 0 } };
    mse_upgrade_message(message, &words);
    mse_build_heap(&signature, MSE_UPGRADE_SIGNATURE_MAX);
    assert_status(mse_privkey_sign(l->key, &signature, mse_bytes_of(message, sizeof message)),
                  MSE_OK);
    u.source.signature = mse_build_view(&signature);
    assert_status(take(&u), MSE_OK);
    u.num_ready = 0;
    memset(&u.got, 0, sizeof u.got);
    /* named by the owner's configuration, and signed for by the old one's rule only */
    u.new_rule.owner_key = NULL;
    u.source.named = u.named;
    assert_status(take(&u), MSE_OK);
    u.num_ready = 0;
    memset(&u.got, 0, sizeof u.got);
    u.source.signature.len--; /* the new one does not look at it, the old one does */
    assert_status(take(&u), MSE_ERR_UPGRADE_REFUSED);
    assert_status(u.given, MSE_ERR_UPGRADE_SIGNATURE);
    assert_int_equal(u.num_ready, 0);
    mse_build_clear(&signature);
    end(&u);
}

static void a_snapshot_that_fails_gives_nothing(void **state)
{
    static struct upgrade u;
    begin(&u, *state);
    u.ready_fails = MSE_ERR_STORAGE_LIMIT;
    assert_status(take(&u), MSE_ERR_UPGRADE_REFUSED);
    assert_status(u.given, MSE_ERR_STORAGE_LIMIT);
    assert_int_equal(u.num_ready, 1);
    end(&u);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listed_one_inherits),
        cmocka_unit_test(the_old_ones_rule_decides),
        cmocka_unit_test(another_app_gets_nothing),
        cmocka_unit_test(another_platform_gets_nothing),
        cmocka_unit_test(a_debug_enclave_gets_and_gives_nothing),
        cmocka_unit_test(whoever_runs_it_names_nobody),
        cmocka_unit_test(messages_have_one_form),
        cmocka_unit_test(the_new_one_takes_from_the_named_one_only),
        cmocka_unit_test(another_name_is_refused),
        cmocka_unit_test(an_owners_signature_lets_both),
        cmocka_unit_test(a_snapshot_that_fails_gives_nothing),
    };
    return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
