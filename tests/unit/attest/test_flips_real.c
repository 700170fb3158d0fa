/* SPDX-License-Identifier: Apache-2.0 */
/* A real quote, cut and flipped, where the vectors are at hand. */
#include "lib/testlib.h"

#include "base/bytes.h"
#include "base/util.h"
#include "flips.h"

static struct mse_bytes read_part(const char *dir, const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/sgx-quote/v3-signalapp-dcap-v3-a12f/%s", dir, name);
    return test_read_file(path);
}

#define NOW ((mse_time)1658026591)

struct real {
    struct mse_bytes quote;
    struct mse_collateral c;
};

static struct real read_real(const char *dir)
{
    struct real r = {
        .quote = read_part(dir, "quote.bin"),
        .c = {
            .tcb_info = read_part(dir, "tcb_info.json"),
            .tcb_info_signature = read_part(dir, "tcb_info.sig"),
            .tcb_info_issuer_chain = read_part(dir, "tcb_info_issuer_chain.pem"),
            .qe_identity = read_part(dir, "qe_identity.json"),
            .qe_identity_signature = read_part(dir, "qe_identity.sig"),
            .qe_identity_issuer_chain = read_part(dir, "qe_identity_issuer_chain.pem"),
            .pck_crl = read_part(dir, "pck_crl.der"),
            .root_ca_crl = read_part(dir, "root_ca_crl.der"),
            .pck_cert_chain = read_part(dir, "pck_cert_chain.pem"),
        },
    };
    assert_non_null(r.quote.data);
    return r;
}

static void clear_real(const struct real *r)
{
    const struct mse_bytes parts[] = { r->quote,
                                       r->c.tcb_info,
                                       r->c.tcb_info_signature,
                                       r->c.tcb_info_issuer_chain,
                                       r->c.qe_identity,
                                       r->c.qe_identity_signature,
                                       r->c.qe_identity_issuer_chain,
                                       r->c.pck_crl,
                                       r->c.root_ca_crl,
                                       r->c.pck_cert_chain };
    for (size_t i = 0; i < MSE_ARRAY_LEN(parts); i++) {
        free((void *)(uintptr_t)parts[i].data);
    }
}

static void test_real_quote(void **state)
{
    (void)state;
    const char *dir = test_vectors();
    if (dir == NULL) {
        skip();
    }
    struct real r = read_real(dir);
    struct mse_policy p;
    mse_policy_default(&p);
    p.insecure_any_app = true;
    struct flips_subject s = { (uint8_t *)(uintptr_t)r.quote.data, r.quote.len, &r.c, &p, NOW, 0 };
    flips_cut_and_flip(&s);
    clear_real(&r);
}

/* Where only a simulation is wanted, hardware is as wrong as the other way round, and is named. */
static void test_hardware_is_no_simulation(void **state)
{
    (void)state;
    const char *dir = test_vectors();
    if (dir == NULL) {
        skip();
    }
    struct real r = read_real(dir);
    static struct mse_verdict v;
    struct mse_policy p;
    mse_policy_default(&p);
    p.insecure_any_app = true;
    p.allow_simulation = true;
    p.simulation_only = true;
    p.simulation_root[0] = 1;
    assert_status(mse_appraise_sgx(&v, r.quote, &r.c, &p, NOW, NULL),
                  MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED);
    bool named = false;
    for (size_t i = 0; i < v.num_checks; i++) {
        named = named || v.checks[i].status == MSE_ERR_HARDWARE_NOT_ALLOWED;
    }
    assert_true(named);
    assert_false(v.simulated);
    clear_real(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_real_quote),
                                        cmocka_unit_test(test_hardware_is_no_simulation) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
