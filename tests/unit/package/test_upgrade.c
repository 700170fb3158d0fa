/* SPDX-License-Identifier: Apache-2.0 */
/* Who may inherit a storage, and who wants to. */
#include "lib/testlib.h"

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/sign.h"
#include "package/upgrade.h"

#define OLD "1111111111111111111111111111111111111111111111111111111111111111"
#define NEW "2222222222222222222222222222222222222222222222222222222222222222"

static const uint8_t *fingerprint(uint8_t out[32], uint8_t byte)
{
    memset(out, byte, 32);
    return out;
}

struct owner {
    struct mse_privkey *key;
    char hex[1025];
    struct mse_build signature;
};

static void owner_init(struct owner *o, bool rsa)
{
    struct mse_build spki;
    mse_build_heap(&spki, 512);
    mse_build_heap(&o->signature, MSE_UPGRADE_SIGNATURE_MAX);
    assert_status(rsa ? mse_privkey_generate_rsa3072_e3(&o->key)
                      : mse_privkey_generate_p256(&o->key),
                  MSE_OK);
    assert_status(mse_privkey_spki(o->key, &spki), MSE_OK);
    mse_hex_encode(o->hex, mse_build_view(&spki));
    mse_build_clear(&spki);
}

static void owner_sign(struct owner *o, struct mse_upgrade *u)
{
    uint8_t message[MSE_UPGRADE_MESSAGE_LEN];
    mse_upgrade_message(message, u);
    mse_build_reset(&o->signature);
    assert_status(mse_privkey_sign(o->key, &o->signature, mse_bytes_of(message, sizeof message)),
                  MSE_OK);
    u->signature = mse_build_view(&o->signature);
}

static void owner_clear(struct owner *o)
{
    mse_privkey_free(o->key);
    mse_build_clear(&o->signature);
}

static mse_status allowed(const struct mse_upgrade_rule *rule, const struct mse_upgrade *u)
{
    struct mse_error err = { .status = MSE_OK };
    mse_status st = mse_upgrade_allowed(rule, u, &err);
    assert_int_equal(st, err.status);
    return st;
}

static void the_message_is_the_documented_one(void **state)
{
    uint8_t old[32];
    uint8_t new[32];
    uint8_t message[MSE_UPGRADE_MESSAGE_LEN];
    const struct mse_upgrade u = { fingerprint(old, 0x11), fingerprint(new, 0x22), { NULL, 0 } };
    char hex[2 * sizeof message + 1];
    (void)state;
    mse_upgrade_message(message, &u);
    mse_hex_encode(hex, mse_bytes_of(message, sizeof message));
    assert_string_equal(hex, "6d73652d757067726164652d763100" OLD NEW);
}

static void none_lets_nobody(void **state)
{
    uint8_t old[32];
    uint8_t new[32];
    const struct mse_upgrade_rule none = { .owner_key = NULL };
    struct mse_upgrade u = { fingerprint(old, 0x11), fingerprint(new, 0x22), { NULL, 0 } };
    (void)state;
    assert_status(allowed(&none, &u), MSE_ERR_UPGRADE_REFUSED);
    u.signature = mse_bytes_str("x");
    assert_status(allowed(&none, &u), MSE_ERR_UPGRADE_REFUSED);
}

static void fingerprints_let_those_in_the_list(void **state)
{
    uint8_t old[32];
    uint8_t new[32];
    char first[] = "0000000000000000000000000000000000000000000000000000000000000000";
    char second[] = NEW;
    char *items[] = { first, second };
    struct mse_upgrade_rule rule = { .fingerprints = { items, 2 } };
    struct mse_upgrade u = { fingerprint(old, 0x11), fingerprint(new, 0x22), { NULL, 0 } };
    (void)state;
    assert_status(allowed(&rule, &u), MSE_OK);
    u.to = fingerprint(new, 0x00);
    assert_status(allowed(&rule, &u), MSE_OK);
    u.to = u.from; /* not even itself */
    assert_status(allowed(&rule, &u), MSE_ERR_UPGRADE_REFUSED);
    u.to = fingerprint(new, 0x22);
    rule.fingerprints.num = 1;
    assert_status(allowed(&rule, &u), MSE_ERR_UPGRADE_REFUSED);
}

static void an_owner_lets_what_he_signed(void **state)
{
    uint8_t old[32];
    uint8_t new[32];
    (void)state;
    for (int rsa = 0; rsa < 2; rsa++) {
        struct owner o = { .key = NULL };
        struct owner other = { .key = NULL };
        owner_init(&o, rsa == 1);
        owner_init(&other, false);
        const struct mse_upgrade_rule rule = { .owner_key = o.hex };
        struct mse_upgrade u = { fingerprint(old, 0x11), fingerprint(new, 0x22), { NULL, 0 } };
        assert_status(allowed(&rule, &u), MSE_ERR_UPGRADE_SIGNATURE); /* nothing signed */
        owner_sign(&o, &u);
        assert_status(allowed(&rule, &u), MSE_OK);
        /* each other upgrade, the way back among them */
        u.to = fingerprint(new, 0x23);
        assert_status(allowed(&rule, &u), MSE_ERR_UPGRADE_SIGNATURE);
        u.to = fingerprint(new, 0x22);
        u.from = fingerprint(old, 0x10);
        assert_status(allowed(&rule, &u), MSE_ERR_UPGRADE_SIGNATURE);
        fingerprint(old, 0x11);
        u.from = new;
        u.to = old;
        assert_status(allowed(&rule, &u), MSE_ERR_UPGRADE_SIGNATURE);
        u.from = old;
        u.to = new;
        /* cut, changed, of another key */
        for (size_t i = 0; i < o.signature.len; i += 7) {
            o.signature.data[i] ^= 1;
            assert_status(allowed(&rule, &u), MSE_ERR_UPGRADE_SIGNATURE);
            o.signature.data[i] ^= 1;
        }
        u.signature.len--;
        assert_status(allowed(&rule, &u), MSE_ERR_UPGRADE_SIGNATURE);
        owner_sign(&other, &u);
        assert_status(allowed(&rule, &u), MSE_ERR_UPGRADE_SIGNATURE);
        owner_clear(&o);
        owner_clear(&other);
    }
}

static void a_key_that_is_none_lets_nobody(void **state)
{
    uint8_t old[32];
    uint8_t new[32];
    char key[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    const struct mse_upgrade_rule rule = { .owner_key = key };
    const struct mse_upgrade u = { fingerprint(old, 0x11),
                                   fingerprint(new, 0x22),
                                   { (const uint8_t *)"x", 1 } };
    (void)state;
    assert_status(allowed(&rule, &u), MSE_ERR_UPGRADE_SIGNATURE);
}

/* The one that inherits: nothing from whom its owner did not name. */
static void who_inherits_wants_to(void **state)
{
    uint8_t old[32];
    uint8_t new[32];
    uint8_t named[32];
    struct owner o = { .key = NULL };
    const struct mse_upgrade_rule none = { .owner_key = NULL };
    struct mse_upgrade u = { fingerprint(old, 0x11), fingerprint(new, 0x22), { NULL, 0 } };
    (void)state;
    owner_init(&o, false);
    const struct mse_upgrade_rule rule = { .owner_key = o.hex };
    assert_status(mse_upgrade_wanted(&none, &u, NULL, true, NULL), MSE_ERR_UPGRADE_REFUSED);
    assert_status(mse_upgrade_wanted(&none, &u, fingerprint(named, 0x12), true, NULL),
                  MSE_ERR_UPGRADE_REFUSED);
    fingerprint(named, 0x11);
    assert_status(mse_upgrade_wanted(&none, &u, named, true, NULL), MSE_OK);
    /* who configured it may be whoever runs it */
    assert_status(mse_upgrade_wanted(&none, &u, named, false, NULL), MSE_ERR_UPGRADE_REFUSED);
    assert_status(mse_upgrade_wanted(&rule, &u, named, false, NULL), MSE_ERR_UPGRADE_SIGNATURE);
    assert_status(mse_upgrade_wanted(&rule, &u, NULL, true, NULL), MSE_ERR_UPGRADE_SIGNATURE);
    owner_sign(&o, &u);
    assert_status(mse_upgrade_wanted(&rule, &u, NULL, false, NULL), MSE_OK);
    assert_status(mse_upgrade_wanted(&rule, &u, named, false, NULL), MSE_OK);
    /* whoever names another one does not mean this one, whatever is signed */
    assert_status(mse_upgrade_wanted(&rule, &u, fingerprint(named, 0x12), true, NULL),
                  MSE_ERR_UPGRADE_REFUSED);
    assert_status(mse_upgrade_wanted(&none, &u, NULL, true, NULL), MSE_ERR_UPGRADE_REFUSED);
    owner_clear(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_message_is_the_documented_one),
        cmocka_unit_test(none_lets_nobody),
        cmocka_unit_test(fingerprints_let_those_in_the_list),
        cmocka_unit_test(an_owner_lets_what_he_signed),
        cmocka_unit_test(a_key_that_is_none_lets_nobody),
        cmocka_unit_test(who_inherits_wants_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
