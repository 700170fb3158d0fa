/* SPDX-License-Identifier: Apache-2.0 */
/* What all attacks have in common: the live app as its honest clients saw it, the platform that it
 * runs on, and an instance whose key has leaked. Internal to the kit. */
#ifndef ATTACK_LAB_H
#define ATTACK_LAB_H

#include <mse/session.h>

#include "attack/attack.h"
#include "base/build.h"
#include "crypto/sign.h"
#include "ratls/middle.h"
#include "sim/platform.h"

/* An enclave on the platform, or what poses as one. */
struct attack_enclave {
    const struct mse_sim_platform *platform;
    struct mse_sim_report report; /* what is quoted, but for the report data */
    struct mse_privkey *key;      /* its own, unless borrowed */
    bool key_borrowed;
    struct mse_build cert; /* DER, with evidence for the key */
};

struct attack_lab {
    const struct mse_attack_target *t;
    struct mse_sim_platform *platform;
    struct mse_policy policy; /* accepts the live app alone */
    struct mse_build live_cert;
    struct mse_ratls_cert live; /* into live_cert */
    struct mse_build manifest;
    uint8_t manifest_sha256[32];
    struct mse_machine machine; /* the app's */
    struct mse_sim_report report;
    mse_time not_after; /* of the app's certificate */
    /* A second instance of the app: the same code on the same platform, with another key. */
    struct attack_enclave twin;
    struct mse_middle *twin_server;
    /* The instance whose key is out: the app itself, or the twin. */
    struct attack_enclave leaked;
    bool leaked_is_live;
};
/* attack_lab_open verifies the app at levels 0 to 2, shows whose it is, and makes the rest.
 * Statuses of mse_attack_run_fn. attack_lab_close also after failures. */
MSE_MUST_USE mse_status attack_lab_open(struct attack_lab *l, const struct mse_attack_target *t,
                                        struct mse_error *err);
void attack_lab_close(struct attack_lab *l);

/* attack_quote quotes for an enclave (arg): a mse_ratls_quote_fn. */
mse_status attack_quote(void *arg, uint8_t *out, size_t cap, size_t *out_len,
                        const uint8_t report_data[64], struct mse_error *err);
/* attack_enclave_new makes a key, and a certificate over a quote of e->report, for name. */
MSE_MUST_USE mse_status attack_enclave_new(struct attack_enclave *e, const struct attack_lab *l,
                                           const char *name, mse_time not_after,
                                           struct mse_error *err);
void attack_enclave_clear(struct attack_enclave *e);
/* attack_answer answers as the enclave itself does. */
MSE_MUST_USE mse_status attack_answer(struct mse_build *out, struct attack_enclave *e,
                                      const struct attack_lab *l,
                                      const struct mse_middle_question *q,
                                      enum mse_ratls_role role);
/* attack_forward asks the app (live) or the twin, and appends the answer as it came. */
MSE_MUST_USE mse_status attack_forward(struct mse_build *out, const struct attack_lab *l, bool live,
                                       struct mse_bytes question);

/* What the clients are led to, and what they know. */
struct attack_view {
    const struct attack_lab *lab;
    const char *address; /* NULL: the app itself */
    uint16_t port;
    struct mse_bytes pinned; /* what --cacert trusts */
    struct mse_policy policy;
    mse_time at;
};
/* attack_client lets one client connect: MSE_OK, it was led astray, or what it says; why may be
 * empty. */
mse_status attack_client(const struct attack_view *v, enum mse_attack_client client,
                         char why[MSE_ATTACK_WHY_LEN]);
/* The session that such a client reaches; *out is released with mse_session_free. level: 1 or 2.
 */
MSE_MUST_USE mse_status attack_attest(struct mse_session **out, const struct attack_view *v,
                                      uint8_t level, struct mse_error *err);

#endif
