/* SPDX-License-Identifier: Apache-2.0 */
/* Somebody in the middle, for the attack kit: a TLS 1.3 server of one's own on the loopback
 * interface, and the plain TLS client that trusts one certificate. No part of the libraries. */
#ifndef RATLS_MIDDLE_H
#define RATLS_MIDDLE_H

#include "base/build.h"
#include "crypto/sign.h"
#include "ratls/frame.h"

/* What a client of an attested session asks in the middle. */
struct mse_middle_question {
    struct mse_frame_request request;
    struct mse_bytes frame; /* as it came, head and body */
    uint8_t exporter[32];   /* of the client's session with the middle, for its nonce */
};

struct mse_middle_config {
    const struct mse_privkey *key;
    struct mse_bytes cert; /* DER, of that key; its CA's behind it, if it has one */
    const char *alpn;      /* the one protocol that it takes; NULL: none at all */
    /* Appends a whole frame, or a part of one; called on the server's thread, one at a time. NULL:
     * no question is read. */
    mse_status (*answer)(void *arg, struct mse_build *out, const struct mse_middle_question *q);
    void *arg;
};

struct mse_middle;
/* mse_middle_start listens on 127.0.0.1, any free port, and serves one connection after the other
 * on a thread of its own. Everything in c is borrowed until mse_middle_stop (which takes NULL).
 * MSE_ERR_IO, MSE_ERR_CRYPTO, MSE_ERR_MEMORY. */
MSE_MUST_USE mse_status mse_middle_start(struct mse_middle **out, const struct mse_middle_config *c,
                                         struct mse_error *err);
uint16_t mse_middle_port(const struct mse_middle *m);
void mse_middle_stop(struct mse_middle *m);

#define MSE_PLAIN_WHY_LEN 96
/* mse_plain_check does what curl --cacert does: TLS to address:port (address as mse_resolve takes
 * it), for host, trusting nothing but the one certificate (DER; its CA's may stand behind it).
 * MSE_OK, MSE_ERR_CERTIFICATE_SIGNATURE if TLS refused the server (why has its words), MSE_ERR_IO.
 */
MSE_MUST_USE mse_status mse_plain_check(const char *host, const char *address, uint16_t port,
                                        struct mse_bytes trusted, char why[MSE_PLAIN_WHY_LEN]);

#endif
