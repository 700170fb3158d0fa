/* SPDX-License-Identifier: Apache-2.0 */
/* A made-up AWS Nitro: a root, two authorities and an enclave's key, and documents that it signs,
 * made anew after each change, so that each refusal can be provoked alone on any machine. */
#ifndef TESTS_UNIT_ATTEST_NITRO_WORLD_H
#define TESTS_UNIT_ATTEST_NITRO_WORLD_H

#include <mse/attest.h>

#include "base/build.h"

#define NITRO_NOW ((mse_time)1767225600) /* 2026-01-01 */

/* In the order of the bundle; the leaf behind it. */
enum nitro_cert {
    NITRO_ROOT,
    NITRO_REGION,
    NITRO_INSTANCE,
    NITRO_LEAF,
    NITRO_NUM_CERTS,
};

struct nitro_cert_knobs {
    const char *subject;
    const char *issuer;
    enum nitro_cert signer;
    const char *constraints; /* in OpenSSL's words; NULL: none */
    const char *usage;
    const char *unknown; /* value of an unknown critical extension, or NULL */
    mse_time from;
    mse_time until;
};

struct nitro_world {
    void *keys[NITRO_NUM_CERTS]; /* P-384 */
    void *other;                 /* P-384 */
    void *p256;
    struct mse_policy policy;
    mse_time at;

    /* Knobs; nitro_defaults sets them. */
    struct nitro_cert_knobs certs[NITRO_NUM_CERTS];
    bool leaf_is_p256;
    bool tagged;
    bool indefinite; /* maps and the bundle */
    uint8_t alg;     /* the encoded value of -1 - alg */
    uint64_t timestamp_ms;
    uint8_t pcrs[16][48];
    struct mse_bytes public_key; /* data NULL: null in the document */
    struct mse_bytes user_data;
    struct mse_bytes nonce;
    bool signed_by_other;

    /* Products of nitro_make. */
    struct mse_build der[NITRO_NUM_CERTS];
    struct mse_build payload;
    struct mse_build document;
    struct mse_verdict verdict;
    struct mse_error err;
};

int nitro_setup(void **state);
int nitro_teardown(void **state);
int nitro_defaults(void **state);
/* Certificates, payload and document by the knobs. */
void nitro_make(struct nitro_world *w);
/* The document anew around w->payload, which a test may have written itself. */
void nitro_sign(struct nitro_world *w);
/* The members of the payload, for tests that put them together in their own way. */
void nitro_put_text(struct nitro_world *w, const char *key, const char *value);
void nitro_put_timestamp(struct nitro_world *w);
void nitro_put_pcrs(struct nitro_world *w, size_t num);
void nitro_put_certificates(struct nitro_world *w, size_t num_cabundle);
void nitro_put_data(struct nitro_world *w, const char *key, struct mse_bytes value);
/* The head of a map or array (major 5 or 4), definite or not, and the break behind it. */
void nitro_open(struct nitro_world *w, unsigned major, size_t num);
void nitro_close(struct nitro_world *w);
/* The appraisal of what was made; and make and appraise. */
mse_status nitro_judge(struct nitro_world *w);
mse_status nitro_appraise(struct nitro_world *w);
bool nitro_failed_with(const struct nitro_world *w, mse_status st);

#endif
