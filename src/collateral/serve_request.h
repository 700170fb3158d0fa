/* SPDX-License-Identifier: Apache-2.0 */
/* What a client of a PCCS asks for: a request target (path and query) becomes a struct. Form only;
 * nothing is allocated. */
#ifndef COLLATERAL_SERVE_REQUEST_H
#define COLLATERAL_SERVE_REQUEST_H

#include <mse/status.h>

#define MSE_SERVE_MAX_TARGET ((size_t)8192)
#define MSE_SERVE_MAX_FMSPCS 16
#define MSE_SERVE_PPID_LEN   384

/* Objects that belong to no single platform. */
enum mse_serve_kind {
    MSE_SERVE_TCB_SGX = 1,
    MSE_SERVE_TCB_TDX,
    MSE_SERVE_QE_SGX,
    MSE_SERVE_QE_TDX,
    MSE_SERVE_QVE,
    MSE_SERVE_NUMBERS_SGX,
    MSE_SERVE_NUMBERS_TDX,
    MSE_SERVE_CRL_PLATFORM,
    MSE_SERVE_CRL_PROCESSOR,
    MSE_SERVE_CRL_ROOT,
    MSE_SERVE_KIND_END
};

/* Which set. A number of 0 or more is a tcbEvaluationDataNumber. */
#define MSE_SERVE_STANDARD (-1)
#define MSE_SERVE_EARLY    (-2)

struct mse_serve_key {
    enum mse_serve_kind kind;
    int64_t set;      /* TCB info and identities; else MSE_SERVE_STANDARD */
    uint8_t fmspc[6]; /* TCB info; else zero */
};
MSE_MUST_USE bool mse_serve_is_tcb(enum mse_serve_kind k);
MSE_MUST_USE bool mse_serve_is_identity(enum mse_serve_kind k);
MSE_MUST_USE bool mse_serve_is_crl(enum mse_serve_kind k);
/* "sgx/tcb/00906ED50000/standard": for logs. */
#define MSE_SERVE_NAME_LEN 64
void mse_serve_key_name(char out[MSE_SERVE_NAME_LEN], const struct mse_serve_key *k);

enum mse_serve_endpoint {
    MSE_SERVE_OBJECT = 1,          /* GET; key */
    MSE_SERVE_PCK_CERT,            /* GET; platform */
    MSE_SERVE_PLATFORMS,           /* POST (user), GET (administrator) */
    MSE_SERVE_PLATFORM_COLLATERAL, /* PUT (administrator) */
    MSE_SERVE_REFRESH,             /* GET or POST (administrator) */
    MSE_SERVE_HEALTH,              /* GET */
};

enum mse_serve_encoding {
    MSE_SERVE_HEX, /* of DER: what a PCCS answers unless asked for something else */
    MSE_SERVE_DER,
    MSE_SERVE_PEM,
};

/* One machine in one state, with the byte orders of the request. */
struct mse_serve_platform {
    uint8_t qe_id[16];
    uint8_t pce_id[2];
    uint8_t cpu_svn[16];
    uint8_t pce_svn[2];
    bool has_ppid;
    uint8_t encrypted_ppid[MSE_SERVE_PPID_LEN];
};

enum mse_serve_source {
    MSE_SERVE_REGISTERED,    /* waiting for collateral */
    MSE_SERVE_NOT_AVAILABLE, /* tried without success */
    MSE_SERVE_CACHED,        /* with certificates; fmspcs narrow it down, none: all */
};

struct mse_serve_request {
    enum mse_serve_endpoint endpoint;
    unsigned version; /* of the path: 3 or 4; 0: health */
    struct mse_serve_key key;
    enum mse_serve_encoding encoding; /* of a CRL */
    bool with_chain;                  /* the issuer chain goes into a header */
    struct mse_serve_platform platform;
    enum mse_serve_source source;
    size_t num_fmspcs;
    uint8_t fmspcs[MSE_SERVE_MAX_FMSPCS][6];
};

/* mse_serve_request_parse reads the target of a request line. Parameters that nobody knows are
 * ignored (the quote provider library lets its users add some). MSE_ERR_NOT_FOUND: no such path;
 * MSE_ERR_UNSUPPORTED: a path that Intel has retired; MSE_ERR_MALFORMED: a parameter is missing,
 * stands twice or has another form; the text names it. */
MSE_MUST_USE mse_status mse_serve_request_parse(struct mse_serve_request *out,
                                                struct mse_bytes target, struct mse_error *err);

#endif
