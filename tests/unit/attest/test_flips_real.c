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

static void test_real_quote(void **state)
{
    (void)state;
    const char *dir = test_vectors();
    if (dir == NULL) {
        skip();
    }
    struct mse_bytes quote = read_part(dir, "quote.bin");
    assert_non_null(quote.data);
    struct mse_collateral c = {
        .tcb_info = read_part(dir, "tcb_info.json"),
        .tcb_info_signature = read_part(dir, "tcb_info.sig"),
        .tcb_info_issuer_chain = read_part(dir, "tcb_info_issuer_chain.pem"),
        .qe_identity = read_part(dir, "qe_identity.json"),
        .qe_identity_signature = read_part(dir, "qe_identity.sig"),
        .qe_identity_issuer_chain = read_part(dir, "qe_identity_issuer_chain.pem"),
        .pck_crl = read_part(dir, "pck_crl.der"),
        .root_ca_crl = read_part(dir, "root_ca_crl.der"),
        .pck_cert_chain = read_part(dir, "pck_cert_chain.pem"),
    };
    struct mse_policy p;
    mse_policy_default(&p);
    p.insecure_any_app = true;
    struct flips_subject s = { (uint8_t *)(uintptr_t)quote.data, quote.len, &c, &p, 1658026591, 0 };
    flips_cut_and_flip(&s);
    struct mse_bytes parts[] = { quote,
                                 c.tcb_info,
                                 c.tcb_info_signature,
                                 c.tcb_info_issuer_chain,
                                 c.qe_identity,
                                 c.qe_identity_signature,
                                 c.qe_identity_issuer_chain,
                                 c.pck_crl,
                                 c.root_ca_crl,
                                 c.pck_cert_chain };
    for (size_t i = 0; i < MSE_ARRAY_LEN(parts); i++) {
        free((void *)(uintptr_t)parts[i].data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_real_quote) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
