/* SPDX-License-Identifier: Apache-2.0 */
/* Fetching single objects of collateral from Intel's PCS (v4), a PCCS or AMD's KDS.
 *
 * One call, mse_fetch, takes a key, tries a list of upstreams in order, with retries, and hands
 * back the body and the issuer chain. Nothing unverified leaves it: chain to the trusted root,
 * signature over the exact bytes, dates at config.at, and that the object is the one that was
 * asked for. The body is what a PCCS serves onwards: signed JSON byte for byte, CRLs and
 * certificates in DER. What the programs keep on disk is cache.h; whole sets are set.h.
 * Not thread-safe per fetcher; several fetchers may be used by several threads. */
#ifndef COLLATERAL_FETCH_H
#define COLLATERAL_FETCH_H

#include <mse/collateral.h>
#include <mse/policy.h>
#include <mse/status.h>

#include "base/build.h"

#define MSE_FETCH_MAX_BODY  ((size_t)1024 * 1024) /* decoded, after gzip */
#define MSE_FETCH_MAX_CHAIN ((size_t)64 * 1024)

enum mse_fetch_kind {
    MSE_FETCH_ROOT_CRL = 1, /* DER; no chain */
    MSE_FETCH_PCK_CRL,      /* DER; chain: CA, root. Uses ca */
    MSE_FETCH_TCB_INFO,     /* the whole reply; chain: TCB signing, root. tee, fmspc, update */
    MSE_FETCH_QE_IDENTITY,  /* likewise. tee, update */
    MSE_FETCH_QVE_IDENTITY, /* likewise, of Intel's quote verification enclave. update */
    MSE_FETCH_EVAL_NUMBERS, /* likewise. tee */
    MSE_FETCH_PCK_CERT,     /* PEM of the leaf; chain: CA, root. pck_request */
    MSE_FETCH_VCEK,         /* DER; chain: ASK, ARK, asked for by itself. product, hwid, tcb */
    MSE_FETCH_AMD_CHAIN,    /* PEM: ASK or ASVK, ARK; no chain. product, vlek */
    MSE_FETCH_AMD_CRL,      /* DER; chain: ASK or ASVK, ARK, asked for by itself. product, vlek */
};

enum mse_fetch_ca {
    MSE_FETCH_CA_PROCESSOR = 0,
    MSE_FETCH_CA_PLATFORM,
};

/* Which set: the standard one, the one that comes with the newest TCB recovery, or a number. */
enum mse_fetch_update {
    MSE_FETCH_STANDARD = 0,
    MSE_FETCH_EARLY,
    MSE_FETCH_NUMBERED,
};

/* What is wanted. Members that the kind does not use are zero. */
struct mse_fetch_key {
    enum mse_fetch_kind kind;
    enum mse_tee_kind tee; /* SGX or TDX */
    enum mse_fetch_ca ca;
    enum mse_fetch_update update;
    uint32_t evaluation_number; /* MSE_FETCH_NUMBERED */
    uint8_t fmspc[6];
    struct { /* what quotes with certification data 2 and 3 carry */
        struct mse_bytes encrypted_ppid;
        struct mse_bytes qe_id; /* 16; only a PCCS is told */
        uint8_t cpu_svn[16];
        uint16_t pce_svn;
        uint8_t pce_id[2]; /* as stored: little-endian */
    } pck_request;
    enum mse_snp_product product;
    bool vlek;
    uint8_t hwid[64]; /* as in the report; of Turin only the first 8 bytes count */
    struct mse_snp_tcb tcb;
};

/* The path and query of a key below the service's root: "/sgx/certification/v4/tcb?fmspc=…". Keys
 * of one path are one object. False if it does not fit or the key is incomplete. */
MSE_MUST_USE bool mse_fetch_path(char *out, size_t cap, const struct mse_fetch_key *key);
/* The response header that carries the issuer chain, its older name in *older (NULL: none); NULL if
 * the answer has none. */
const char *mse_fetch_chain_header(const char **older, const struct mse_fetch_key *key);

/* "TCB info" and so on, for people. */
const char *mse_fetch_name(enum mse_fetch_kind kind);

enum mse_upstream_kind {
    MSE_UPSTREAM_PCS = 1, /* Intel's own: the root CRL lies elsewhere */
    MSE_UPSTREAM_PCCS,
    MSE_UPSTREAM_KDS,
};
/* Intel's and AMD's services. */
#define MSE_PCS_URL      "https://api.trustedservices.intel.com"
#define MSE_ROOT_CRL_URL "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
#define MSE_KDS_URL      "https://kdsintf.amd.com"

#define MSE_URL_MAX 512
struct mse_upstream {
    enum mse_upstream_kind kind;
    char url[MSE_URL_MAX]; /* scheme://host[:port][/prefix], no slash at the end */
};
/* mse_upstream_parse reads a URL of http or https, as Intel's qcnl configuration writes it too: a
 * /sgx/certification/v4 at the end is dropped, one of v2 or v3 is refused (those services are
 * retired). No user, query or fragment. Intel's host makes it a PCS. kind: MSE_UPSTREAM_PCCS or
 * _KDS. MSE_ERR_CONFIG. */
MSE_MUST_USE mse_status mse_upstream_parse(struct mse_upstream *out, enum mse_upstream_kind kind,
                                           const char *url, struct mse_error *err);

#define MSE_FETCH_MAX_UPSTREAMS 8
struct mse_fetch_config {
    size_t num_upstreams;
    struct mse_upstream upstreams[MSE_FETCH_MAX_UPSTREAMS]; /* tried in order, those of a kind that
                                                               has the object */
    const char *ca_file; /* PEM, for the TLS of a PCCS; NULL: the system's */
    const char *proxy;   /* NULL: as curl reads it from the environment; "": none */
    const char *api_key; /* of Intel's PCS, for MSE_FETCH_PCK_CERT; NULL: none */
    unsigned connect_ms;
    unsigned request_ms; /* one request */
    unsigned total_ms;   /* all tries of one object, waits included */
    unsigned attempts;   /* per upstream, at least 1 */
    unsigned backoff_ms; /* the first wait; doubles, at most 30 s, with jitter; Retry-After wins */
    /* Trust: the root key of Intel's kinds (X || Y; NULL: Intel's), for AMD's the compiled-in ARKs
     * and the policy's simulated root. The policy outlives the fetcher. */
    const uint8_t *root_point;
    const struct mse_policy *policy;
    mse_time at;
    /* Optional. progress: while bytes arrive and while it waits (total 0: not known). */
    void (*progress)(void *user, uint64_t bytes, uint64_t total);
    /* Optional, asked as often as progress is told: true ends the fetch, MSE_ERR_TIMEOUT. */
    bool (*cancelled)(void *user);
    void *user;
};
/* 10 s to connect, 30 s a request, 60 s in all, 4 attempts, waits from 500 ms; at is now; no
 * upstream, no policy. */
void mse_fetch_config_default(struct mse_fetch_config *c);

struct mse_fetcher;
/* mse_fetcher_new loads libcurl. MSE_ERR_UNSUPPORTED: it is not there, or too old; MSE_ERR_MEMORY.
 * The configuration is copied, what it points to is borrowed. */
MSE_MUST_USE mse_status mse_fetcher_new(struct mse_fetcher **out, const struct mse_fetch_config *c,
                                        struct mse_error *err);
void mse_fetcher_free(struct mse_fetcher *f);

/* One object, on the heap. */
struct mse_fetched {
    struct mse_build body;
    struct mse_build chain; /* PEM, leaf first, as it came in the header, percent-decoded */
    const char *upstream;   /* its URL, borrowed from the fetcher; NULL: out of a cache */
    mse_time from;  /* dates that the object itself bears: thisUpdate, issueDate, notBefore */
    mse_time until; /* nextUpdate, notAfter */
    uint32_t evaluation_number; /* TCB info and QE identity */
};
void mse_fetched_init(struct mse_fetched *o);
void mse_fetched_clear(struct mse_fetched *o);

/* mse_fetch gets one object. Errors: MSE_ERR_NOT_FOUND (no upstream has it), MSE_ERR_TIMEOUT,
 * MSE_ERR_IO (no upstream could be reached), MSE_ERR_PROTOCOL (an answer that is none), and those
 * of verification (TCB_INFO_*, QE_IDENTITY_*, PCK_CRL_*, ROOT_CRL_*, PCK_CHAIN_*, VCEK_*). The text
 * names the upstream. */
MSE_MUST_USE mse_status mse_fetch(struct mse_fetched *out, struct mse_fetcher *f,
                                  const struct mse_fetch_key *key, struct mse_error *err);

/* mse_fetched_verify judges an object that came from elsewhere as mse_fetch does, and fills its
 * dates and number. */
MSE_MUST_USE mse_status mse_fetched_verify(struct mse_fetched *o, const struct mse_fetch_key *key,
                                           const struct mse_fetch_config *c, struct mse_error *err);

#endif
