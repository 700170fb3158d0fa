/* SPDX-License-Identifier: Apache-2.0 */
/* What a quote needs, and the set that is gathered for it: out of a cache, without a network. */
#include "lib/testlib.h"

#include "base/bytes.h"
#include "base/util.h"
#include "collateral/store.h"
#include "unit/attest/world.h"

#define PPID_LEN 384

struct fixture {
    struct world *w;
    uint8_t point[64];
    struct mse_fetch_config config;
};

static struct fixture begin(void **state)
{
    struct fixture f = { .w = *state, .config = { .at = WORLD_NOW } };
    world_make(f.w);
    assert_status(mse_privkey_point(f.w->keys[WORLD_KEY_ROOT], f.point), MSE_OK);
    return f;
}

/* The world's quote with other certification data: the signatures do not cover it. */
static void other_data(struct mse_build *out, const struct world *w, uint16_t type,
                       struct mse_bytes data)
{
    size_t front = w->quote.len - w->chain_pem.len - 6;
    mse_build_heap(out, 65536);
    mse_wr_copy(out, w->quote.data, 432);
    mse_wr_u32le(out, (uint32_t)(front - 436 + 6 + data.len));
    mse_wr_copy(out, w->quote.data + 436, front - 436);
    mse_wr_u16le(out, type);
    mse_wr_u32le(out, (uint32_t)data.len);
    mse_wr_bytes(out, data);
    assert_true(mse_build_ok(out));
}

/* Encrypted PPID, CPUSVN, PCESVN, PCEID. */
static struct mse_bytes machine(uint8_t room[PPID_LEN + 20], const struct world *w)
{
    memset(room, 0x11, PPID_LEN);
    memcpy(room + PPID_LEN, w->ext.cpu_svn, 16);
    room[PPID_LEN + 16] = (uint8_t)w->ext.pce_svn;
    room[PPID_LEN + 17] = (uint8_t)(w->ext.pce_svn >> 8);
    memcpy(room + PPID_LEN + 18, w->ext.pce_id, 2);
    return mse_bytes_of(room, PPID_LEN + 20);
}

static void test_need_of_chain(void **state)
{
    struct fixture f = begin(state);
    struct mse_need n = { .tee = MSE_TEE_NONE };
    struct mse_bytes quote = mse_build_view(&f.w->quote);
    assert_status(mse_need_of(&n, quote, &f.config, NULL), MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED);
    assert_int_equal(n.tee, MSE_TEE_NONE);
    f.config.root_point = f.point;
    assert_status(mse_need_of(&n, quote, &f.config, NULL), MSE_OK);
    assert_int_equal(n.tee, MSE_TEE_SGX);
    assert_int_equal(n.ca, MSE_FETCH_CA_PLATFORM);
    assert_memory_equal(n.fmspc, f.w->ext.fmspc, 6);
    assert_false(n.has_pck_request);
    f.config.at = WORLD_NOW + (mse_time)100 * 366 * WORLD_DAY;
    assert_status(mse_need_of(&n, quote, &f.config, NULL), MSE_ERR_PCK_CHAIN_EXPIRED);
    f.config.at = WORLD_NOW;
    f.w->chain_len = 2;
    world_make(f.w);
    assert_status(mse_need_of(&n, mse_build_view(&f.w->quote), &f.config, NULL),
                  MSE_ERR_PCK_CHAIN_MALFORMED);
    assert_status(mse_need_of(&n, mse_bytes_str("no evidence"), &f.config, NULL),
                  MSE_ERR_UNSUPPORTED_VERSION);
}

static void test_need_of_machine(void **state)
{
    struct fixture f = begin(state);
    uint8_t room[PPID_LEN + 20];
    struct mse_bytes data = machine(room, f.w);
    struct mse_need n = { .tee = MSE_TEE_NONE };
    struct mse_build quote;
    other_data(&quote, f.w, MSE_CERT_TYPE_PPID_RSA3072, data);
    assert_status(mse_need_of(&n, mse_build_view(&quote), &f.config, NULL), MSE_OK);
    assert_true(n.has_pck_request);
    assert_int_equal(n.pck.pck_request.encrypted_ppid.len, PPID_LEN);
    assert_int_equal(n.pck.pck_request.pce_svn, f.w->ext.pce_svn);
    assert_memory_equal(n.qe_id, f.w->quote.data + 28, 16);
    mse_build_clear(&quote);
    static const struct {
        uint16_t type;
        size_t len;
    } bad[] = {
        { MSE_CERT_TYPE_PPID_RSA3072, PPID_LEN + 19 },
        { MSE_CERT_TYPE_PPID_RSA2048, PPID_LEN + 20 },
        { MSE_CERT_TYPE_PPID_PLAIN, 36 },
        { MSE_CERT_TYPE_PCK_LEAF, 36 },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        other_data(&quote, f.w, bad[i].type, mse_bytes_of(room, bad[i].len));
        assert_status(mse_need_of(&n, mse_build_view(&quote), &f.config, NULL),
                      MSE_ERR_UNSUPPORTED_CERT_TYPE);
        mse_build_clear(&quote);
    }
}

struct object {
    struct mse_cache *cache;
    struct mse_cache_root root;
    struct mse_fetch_key key;
};

static void keep(const struct object *t, struct mse_bytes body, struct mse_bytes chain,
                 uint32_t number)
{
    struct mse_fetched o;
    mse_fetched_init(&o);
    mse_wr_bytes(&o.body, body);
    mse_wr_bytes(&o.chain, chain);
    o.from = WORLD_NOW - WORLD_DAY;
    o.until = WORLD_NOW + WORLD_DAY;
    o.evaluation_number = number;
    assert_status(mse_cache_put(t->cache, &t->root, &t->key, &o, WORLD_NOW, NULL), MSE_OK);
    mse_fetched_clear(&o);
}

static void keep_signed(const struct object *t, const char *member, const struct mse_build *body,
                        const uint8_t sig[64], const struct world *w)
{
    char hex[129];
    struct mse_build reply;
    mse_build_heap(&reply, 65536);
    mse_hex_encode(hex, mse_bytes_of(sig, 64));
    mse_wr_printf(&reply, "{\"%s\":", member);
    mse_wr_bytes(&reply, mse_build_view(body));
    mse_wr_printf(&reply, ",\"signature\":\"%s\"}", hex);
    keep(t, mse_build_view(&reply), mse_build_view(&w->signing_pem), 20);
    mse_build_clear(&reply);
}

static void keep_all(struct object *t, const struct world *w, const struct mse_need *n)
{
    struct mse_build cas;
    struct mse_build leaf;
    mse_build_heap(&cas, 65536);
    mse_build_heap(&leaf, 65536);
    mse_pem_write(&cas, "CERTIFICATE", mse_build_view(&w->der[WORLD_CA]));
    mse_pem_write(&cas, "CERTIFICATE", mse_build_view(&w->der[WORLD_ROOT]));
    mse_pem_write(&leaf, "CERTIFICATE", mse_build_view(&w->der[WORLD_PCK]));
    t->key = n->pck;
    t->key.pck_request.qe_id = mse_bytes_of(n->qe_id, sizeof n->qe_id);
    keep(t, mse_build_view(&leaf), mse_build_view(&cas), 0);
    struct mse_fetch_key key = { .kind = MSE_FETCH_TCB_INFO,
                                 .tee = MSE_TEE_SGX,
                                 .ca = MSE_FETCH_CA_PLATFORM };
    memcpy(key.fmspc, w->ext.fmspc, sizeof key.fmspc);
    t->key = key;
    keep_signed(t, "tcbInfo", &w->tcb_body, w->tcb_sig, w);
    t->key.kind = MSE_FETCH_QE_IDENTITY;
    keep_signed(t, "enclaveIdentity", &w->qe_body, w->qe_sig, w);
    t->key.kind = MSE_FETCH_PCK_CRL;
    keep(t, mse_build_view(&w->pck_crl_der), mse_build_view(&cas), 0);
    t->key.kind = MSE_FETCH_ROOT_CRL;
    struct mse_bytes none = { 0 };
    keep(t, mse_build_view(&w->root_crl_der), none, 0);
    mse_build_clear(&cas);
    mse_build_clear(&leaf);
}

/* A quote that only names its machine: the PCK certificate comes with the set, which then serves
 * its appraisal. */
static void test_gather(void **state)
{
    struct fixture f = begin(state);
    uint8_t room[PPID_LEN + 20];
    struct mse_need n;
    struct mse_build quote;
    struct mse_build text;
    struct mse_set set;
    struct object t;
    char *dir = test_tmpdir();
    f.config.root_point = f.point;
    other_data(&quote, f.w, MSE_CERT_TYPE_PPID_RSA3072, machine(room, f.w));
    assert_status(mse_need_of(&n, mse_build_view(&quote), &f.config, NULL), MSE_OK);
    assert_status(mse_cache_open(&t.cache, dir, true, NULL), MSE_OK);
    assert_status(mse_cache_root_of(&t.root, &f.config, false), MSE_OK);
    struct mse_store s = { .config = f.config, .cache = t.cache, .offline = true };
    mse_set_init(&set);
    assert_status(mse_set_gather(&set, &s, &n, NULL), MSE_ERR_NOT_FOUND);
    keep_all(&t, f.w, &n);
    assert_status(mse_set_gather(&set, &s, &n, NULL), MSE_OK);
    assert_int_equal(s.num_cached, 5);
    mse_build_heap(&text, MSE_BUNDLE_MAX_LEN);
    assert_status(mse_set_write(&text, &set, WORLD_NOW, NULL), MSE_OK);
    struct mse_bundle b;
    uint8_t *scratch = malloc(2 * text.len);
    assert_non_null(scratch);
    assert_status(mse_bundle_parse(&b, scratch, 2 * text.len, mse_build_view(&text), NULL), MSE_OK);
    assert_bytes(b.collateral.tcb_info, mse_build_view(&f.w->tcb_body));
    assert_status(mse_appraise_sgx(&f.w->verdict, mse_build_view(&quote), &b.collateral,
                                   &f.w->policy, WORLD_NOW, NULL),
                  MSE_OK);
    free(scratch);
    mse_build_clear(&text);
    mse_build_clear(&quote);
    mse_set_clear(&set);
    mse_store_clear(&s);
    mse_cache_close(t.cache);
    test_tmpdir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_need_of_chain, world_defaults),
        cmocka_unit_test_setup(test_need_of_machine, world_defaults),
        cmocka_unit_test_setup(test_gather, world_defaults),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
