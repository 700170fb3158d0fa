/* SPDX-License-Identifier: Apache-2.0 */
/* What a served cache of collateral keeps: one SQLite file, bound to one trusted root. Nothing goes
 * in or comes out that is not genuine and in date (serve_check.h). Not thread-safe. */
#ifndef COLLATERAL_SERVE_STORE_H
#define COLLATERAL_SERVE_STORE_H

#include "base/build.h"
#include "collateral/serve_check.h"

#define MSE_SERVE_MAX_MANIFEST   ((size_t)256 * 1024)
#define MSE_SERVE_MAX_CERTS      64
#define MSE_SERVE_MAX_REGISTERED 100000
#define MSE_SERVE_SCHEMA         2 /* the version that this program writes */

struct mse_serve_store;
/* mse_serve_store_open opens or makes the file (0600), brings an older schema up to date, and
 * checks the integrity of all of it. MSE_ERR_IO: it cannot be opened or read; MSE_ERR_MALFORMED: no
 * database, not one of ours, or damaged; MSE_ERR_UNSUPPORTED_VERSION: written by a newer program;
 * MSE_ERR_CONFIG: bound to another root. */
MSE_MUST_USE mse_status mse_serve_store_open(struct mse_serve_store **out, const char *path,
                                             const uint8_t root_point[64], struct mse_error *err);
void mse_serve_store_close(struct mse_serve_store *s);

/* mse_serve_store_put checks and stores an object: body and chain of o; a CRL may come in any form
 * and leaves in DER. Errors of mse_serve_check; MSE_ERR_TCB_EVALUATION_NUMBER: lower than the one
 * that is there; MSE_ERR_EXISTS: the one that is there is newer; MSE_ERR_NO_SPACE, MSE_ERR_IO. */
MSE_MUST_USE mse_status mse_serve_store_put(struct mse_serve_store *s,
                                            const struct mse_serve_key *k, struct mse_fetched *o,
                                            mse_time now, struct mse_error *err);
/* mse_serve_store_get reads an object and checks it again; *out is empty or holds another one. A
 * numbered set is found under standard and early too. MSE_ERR_NOT_FOUND: there is none; else what
 * is wrong with it, expiry for one. */
MSE_MUST_USE mse_status mse_serve_store_get(struct mse_serve_store *s, struct mse_fetched *out,
                                            const struct mse_serve_key *k, mse_time now,
                                            struct mse_error *err);
/* The keys of all objects that were fetched or stored before a time, oldest first. Calls each until
 * it returns false. MSE_ERR_IO. */
MSE_MUST_USE mse_status mse_serve_store_each(struct mse_serve_store *s, mse_time fetched_before,
                                             bool (*each)(void *user,
                                                          const struct mse_serve_key *k),
                                             void *user, struct mse_error *err);
MSE_MUST_USE mse_status mse_serve_store_count(struct mse_serve_store *s, uint64_t *objects,
                                              uint64_t *platforms, uint64_t *registered,
                                              struct mse_error *err);

/* Platforms and their PCK certificates. */

/* mse_serve_store_put_certs checks certificates (PEM, one each) of one platform against each other
 * and their issuers, and stores them. all: these are all that it has (the best one is chosen from
 * them), and replace what was there; else one certificate that a service chose for this raw TCB.
 * PCK_*, MSE_ERR_ARGUMENT, MSE_ERR_IO. */
struct mse_serve_certs {
    const struct mse_serve_platform *platform;
    size_t num;
    const struct mse_bytes *pem;
    struct mse_bytes chain;
    bool all;
};
MSE_MUST_USE mse_status mse_serve_store_put_certs(struct mse_serve_store *s,
                                                  const struct mse_serve_certs *c, mse_time now,
                                                  struct mse_error *err);
struct mse_serve_cert {
    struct mse_build pem;
    struct mse_build chain;
    struct mse_serve_pck_facts facts;
};
void mse_serve_cert_init(struct mse_serve_cert *c);
void mse_serve_cert_clear(struct mse_serve_cert *c);
/* mse_serve_store_get_cert finds the certificate for a platform's raw TCB. MSE_ERR_NOT_FOUND. */
MSE_MUST_USE mse_status mse_serve_store_get_cert(struct mse_serve_store *s,
                                                 struct mse_serve_cert *out,
                                                 const struct mse_serve_platform *p, mse_time now,
                                                 struct mse_error *err);

/* mse_serve_store_register keeps a platform for an administrator: as MSE_SERVE_REGISTERED or
 * MSE_SERVE_NOT_AVAILABLE. manifest: as it came, hexadecimal; may be empty. MSE_ERR_NO_SPACE: too
 * many, MSE_ERR_IO. */
MSE_MUST_USE mse_status mse_serve_store_register(struct mse_serve_store *s,
                                                 const struct mse_serve_platform *p,
                                                 struct mse_bytes manifest,
                                                 enum mse_serve_source state,
                                                 struct mse_error *err);
MSE_MUST_USE mse_status mse_serve_store_forget(struct mse_serve_store *s,
                                               const struct mse_serve_platform *p,
                                               struct mse_error *err);
/* mse_serve_store_list appends a JSON array of platforms and counts them; those that were waiting
 * are handed over: they are listed once. */
MSE_MUST_USE mse_status mse_serve_store_list(struct mse_serve_store *s, struct mse_build *out,
                                             size_t *num, const struct mse_serve_request *q,
                                             struct mse_error *err);

#endif
