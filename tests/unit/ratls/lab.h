/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated platform, a key and certificates of any layout over quotes of that platform. Test
 * code: it fails the test on trouble. */
#ifndef TESTS_UNIT_RATLS_LAB_H
#define TESTS_UNIT_RATLS_LAB_H

#include "lib/testlib.h"

#include <mse/ratls.h>

#include "base/build.h"
#include "ratls/make.h"
#include "sim/platform.h"

#define LAB_NOW  ((mse_time)1767225600) /* 2026-01-01 */
#define LAB_DAY  ((mse_time)86400)
#define LAB_HOST "app.example.org"

struct lab {
    mse_time now;
    char *dir;
    struct mse_sim_platform *platform;
    struct mse_bytes json;
    uint8_t *scratch;
    struct mse_bundle bundle;
    struct mse_policy policy;
    struct mse_privkey *key;
    uint64_t attr_flags; /* of every quote, beside those that all have */
    uint8_t spki_sha256[32];
    struct mse_build spki;
    struct mse_build claims;
    struct mse_build quote;
    struct mse_build evidence;
    struct mse_build cert;
};

/* cmocka group fixtures; the platform is made at LAB_NOW. */
int lab_setup(void **state);
int lab_teardown(void **state);
/* The same for those who cannot choose their time. */
int lab_setup_today(void **state);

/* A quote over report_data, in lab->quote. */
void lab_quote(struct lab *l, const uint8_t report_data[64]);
/* The same as an mse_ratls_quote_fn; arg is the struct lab. */
mse_status lab_quote_fn(void *arg, uint8_t *out, size_t cap, size_t *out_len,
                        const uint8_t report_data[64], struct mse_error *err);
/* Claims, quote and evidence for the role; then a certificate as the runtime makes it. */
void lab_evidence(struct lab *l, const struct mse_ratls_claims_params *p);
void lab_cert(struct lab *l);

/* The same of profile R2: evidence of role server-static that names a CA; the certificate and,
 * right behind it, its CA's. */
void lab_cert_r2(struct lab *l, uint8_t ca_sha256[32]);

/* An extension of a certificate made by hand. */
struct lab_ext {
    struct mse_bytes oid;
    struct mse_bytes value;
    bool critical;
};
/* A certificate of any content. */
struct lab_forged {
    const char *subject; /* CN */
    const char *issuer;  /* the same */
    const struct mse_privkey *key;
    const struct mse_privkey *signer;
    mse_time not_before;
    mse_time not_after;
    const struct lab_ext *exts;
    size_t num;
};
/* Appends it. */
void lab_forge_any(struct mse_build *b, const struct lab_forged *f);
/* A self-signed certificate of lab->key with exactly these extensions, in lab->cert. */
void lab_forge(struct lab *l, const struct lab_ext *exts, size_t num);

#endif
