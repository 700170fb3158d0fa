/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/prepared.h"

#include <stdlib.h>
#include <string.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "evidence/pck.h"
#include "evidence/quote.h"

/* Members of a set. Their order is part of its digest. */
static const size_t members[] = {
    offsetof(struct mse_collateral, tcb_info),
    offsetof(struct mse_collateral, tcb_info_signature),
    offsetof(struct mse_collateral, tcb_info_issuer_chain),
    offsetof(struct mse_collateral, qe_identity),
    offsetof(struct mse_collateral, qe_identity_signature),
    offsetof(struct mse_collateral, qe_identity_issuer_chain),
    offsetof(struct mse_collateral, pck_crl),
    offsetof(struct mse_collateral, pck_crl_issuer_chain),
    offsetof(struct mse_collateral, root_ca_crl),
    offsetof(struct mse_collateral, pck_cert_chain),
    offsetof(struct mse_collateral, vcek),
    offsetof(struct mse_collateral, vcek_issuer_chain),
    offsetof(struct mse_collateral, vcek_crl),
};
_Static_assert(sizeof(struct mse_collateral) ==
                   MSE_ARRAY_LEN(members) * sizeof(struct mse_bytes) + sizeof(void *),
               "every member is listed");

static struct mse_bytes member_of(const struct mse_collateral *c, size_t i)
{
    struct mse_bytes value;
    memcpy(&value, (const uint8_t *)c + members[i], sizeof value);
    return value;
}

static void set_member(struct mse_collateral *c, size_t i, struct mse_bytes value)
{
    memcpy((uint8_t *)c + members[i], &value, sizeof value);
}

/* A part of a digest: its length, 8 bytes, and its bytes. */
static void hash_part(struct mse_sha256_ctx *h, struct mse_bytes part)
{
    uint64_t len = part.len;
    mse_sha256_update(h, &len, sizeof len);
    mse_sha256_update(h, part.data, part.len);
}

mse_status mse_prepared_key(uint8_t key[32], const struct mse_collateral *c)
{
    struct mse_sha256_ctx h;
    mse_status st = mse_sha256_init(&h);
    for (size_t i = 0; st == MSE_OK && i < MSE_ARRAY_LEN(members); i++) {
        hash_part(&h, member_of(c, i));
    }
    if (st == MSE_OK) {
        st = mse_sha256_final(&h, key);
    }
    mse_sha256_clear(&h);
    return st;
}

struct mse_shared *mse_prepared_shared(const struct mse_prepared *p)
{
    return &p->self->shared;
}

const struct mse_prepared *mse_prepared_of(const struct mse_collateral *c)
{
    const struct mse_prepared *p = c->prepared;
    return p != NULL && mse_mem_equal(c, &p->view, sizeof *c) ? p : NULL;
}

bool mse_prepared_has_dcap(const struct mse_prepared *p)
{
    return p != NULL && p->tcb != NULL && p->qe != NULL && p->tcb_info != NULL &&
           p->qe_identity != NULL;
}

static void destroy(struct mse_shared *self)
{
    struct mse_prepared *p = (struct mse_prepared *)self;
    if (p->facts != NULL) {
        mse_shared_unref(&p->facts->shared);
    }
    free(p->bytes);
    free(p->tcb);
    free(p->qe);
    free(p->tcb_info);
    free(p->qe_identity);
    free(p->pck_crl);
    free(p->root_crl);
    free(p->vcek_crl);
    free(p->vcek_chain);
    mse_ec_key_free(p->vcek_key);
    free(p);
}

/* The members one behind the other, and views of them. */
static bool copy_members(struct mse_prepared *p, const struct mse_collateral *c)
{
    size_t total = 1; /* never an allocation of nothing */
    for (size_t i = 0; i < MSE_ARRAY_LEN(members); i++) {
        if (!mse_add_size(total, member_of(c, i).len, &total)) {
            return false;
        }
    }
    p->bytes = malloc(total);
    uint8_t *to = p->bytes;
    for (size_t i = 0; to != NULL && i < MSE_ARRAY_LEN(members); i++) {
        struct mse_bytes in = member_of(c, i);
        if (in.len > 0) {
            memcpy(to, in.data, in.len);
        }
        set_member(&p->view, i, mse_bytes_of(to, in.len));
        to += in.len;
    }
    return to != NULL;
}

/* What does not read well, or for which there is no memory, is left unknown: whoever judges the set
 * will look himself, and say what is wrong. */

static struct mse_known_signed *know_signed(struct mse_bytes body, struct mse_bytes sig,
                                            struct mse_bytes pem, struct mse_curve *curve)
{
    struct mse_known_signed *k = calloc(1, sizeof *k);
    if (k == NULL || mse_chain_read(&k->chain, pem, NULL) != MSE_OK) {
        free(k);
        return NULL;
    }
    const uint8_t *point = mse_point_of(&k->chain.certs[0].key);
    k->signed_by_leaf = point != NULL && sig.len == 64 && body.len > 0 &&
                        mse_p256_verify(curve, point, sig.data, body) == MSE_OK;
    mse_chain_verify(&k->chain, curve);
    return k;
}

static struct mse_known_crl *know_crl(struct mse_bytes der)
{
    struct mse_known_crl *k = der.len == 0 ? NULL : calloc(1, sizeof *k);
    if (k != NULL) {
        k->parsed = mse_crl_parse(&k->crl, der, NULL) == MSE_OK;
    }
    return k;
}

static void know_documents(struct mse_prepared *p)
{
    const struct mse_collateral *c = &p->view;
    p->tcb_info = c->tcb_info.len == 0 ? NULL : calloc(1, sizeof *p->tcb_info);
    if (p->tcb_info != NULL && mse_tcb_info_parse(p->tcb_info, c->tcb_info, NULL) != MSE_OK) {
        free(p->tcb_info);
        p->tcb_info = NULL;
    }
    p->qe_identity = c->qe_identity.len == 0 ? NULL : calloc(1, sizeof *p->qe_identity);
    if (p->qe_identity != NULL &&
        mse_qe_identity_parse(p->qe_identity, c->qe_identity, NULL) != MSE_OK) {
        free(p->qe_identity);
        p->qe_identity = NULL;
    }
}

static void know_vcek(struct mse_prepared *p, struct mse_curve *curve)
{
    const struct mse_collateral *c = &p->view;
    p->vcek_chain = c->vcek.len == 0 ? NULL : calloc(1, sizeof *p->vcek_chain);
    if (p->vcek_chain == NULL ||
        mse_chain_read_mixed(p->vcek_chain, c->vcek, c->vcek_issuer_chain, NULL) != MSE_OK) {
        free(p->vcek_chain);
        p->vcek_chain = NULL;
        return;
    }
    mse_chain_verify(p->vcek_chain, curve);
    p->vcek_key = mse_ec_key_new(&p->vcek_chain->certs[0].key);
}

struct mse_prepared *mse_prepared_new(const struct mse_collateral *c, struct mse_facts *facts)
{
    struct mse_prepared *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return NULL;
    }
    mse_shared_init(&p->shared, destroy);
    if (!copy_members(p, c)) {
        mse_shared_unref(&p->shared);
        return NULL;
    }
    p->view.prepared = p;
    p->self = p;
    p->facts = facts;
    mse_shared_ref(&facts->shared);
    struct mse_curve curve = { 0 };
    const struct mse_collateral *v = &p->view;
    p->tcb = know_signed(v->tcb_info, v->tcb_info_signature, v->tcb_info_issuer_chain, &curve);
    p->qe =
        know_signed(v->qe_identity, v->qe_identity_signature, v->qe_identity_issuer_chain, &curve);
    know_documents(p);
    p->pck_crl = know_crl(v->pck_crl);
    p->root_crl = know_crl(v->root_ca_crl);
    p->vcek_crl = know_crl(v->vcek_crl);
    know_vcek(p, &curve);
    mse_curve_clear(&curve);
    return p;
}

/* Platforms. */

struct mse_known_chain {
    struct mse_shared shared;
    uint8_t digest[32]; /* of pem */
    struct mse_chain chain;
    struct mse_pck_leaf leaf;
    size_t pem_len;
    uint8_t pem[];
};

struct mse_known_qe {
    struct mse_shared shared;
    uint8_t report[MSE_SGX_REPORT_LEN];
    uint8_t attestation_key[64];
    struct mse_ec_key *key; /* that, ready; NULL: no point on the curve */
};

static void destroy_chain(struct mse_shared *self)
{
    free(self);
}

static void destroy_qe(struct mse_shared *self)
{
    struct mse_known_qe *q = (struct mse_known_qe *)self;
    mse_ec_key_free(q->key);
    free(q);
}

/* Facts are looked for under the digest of a few octets and compared with all the others of which
 * they are facts: to hash them all takes longer than most of what a known platform needs. What has
 * these few in common shares one place, and only one of them is known. */

/* Of a chain: its length, and its beginning, where the leaf's serial number stands. */
#define CHAIN_BEGINNING 96

static bool chain_place(uint8_t place[32], struct mse_bytes pem)
{
    uint8_t len[8];
    struct mse_build b;
    mse_build_fixed(&b, len, sizeof len);
    mse_wr_u64le(&b, pem.len);
    size_t begin = pem.len < CHAIN_BEGINNING ? pem.len : CHAIN_BEGINNING;
    const struct mse_bytes parts[] = { mse_bytes_str("PCK chain"), mse_build_view(&b),
                                       mse_bytes_of(pem.data, begin) };
    return mse_sha256_parts(place, parts, MSE_ARRAY_LEN(parts)) == MSE_OK;
}

/* Of a QE report: whose signature it is, and that. */
static bool qe_place(uint8_t place[32], const uint8_t chain_key[32],
                     const struct mse_quote_auth *auth)
{
    const struct mse_bytes parts[] = {
        mse_bytes_str("QE report"),
        mse_bytes_of(chain_key, 32),
        mse_bytes_of(auth->qe_report_signature, sizeof auth->qe_report_signature),
    };
    return mse_sha256_parts(place, parts, MSE_ARRAY_LEN(parts)) == MSE_OK;
}

const struct mse_chain *mse_platform_find_chain(struct mse_known_platform *p,
                                                const struct mse_prepared *k, struct mse_bytes pem)
{
    if (k == NULL || !chain_place(p->chain_place, pem)) {
        return NULL;
    }
    p->memo = k->facts->memo;
    p->chain = (struct mse_known_chain *)mse_memo_get(p->memo, p->chain_place);
    if (p->chain != NULL && mse_bytes_equal(mse_bytes_of(p->chain->pem, p->chain->pem_len), pem)) {
        memcpy(p->chain_key, p->chain->digest, sizeof p->chain_key);
        return &p->chain->chain;
    }
    mse_shared_unref(p->chain != NULL ? &p->chain->shared : NULL);
    p->chain = NULL;
    if (mse_sha256(p->chain_key, pem) != MSE_OK) {
        p->memo = NULL;
    }
    return NULL;
}

void mse_pck_leaf_read(struct mse_pck_leaf *out, const struct mse_chain *c, struct mse_error *err)
{
    struct mse_bytes ca = mse_name_common_name(c->certs[0].issuer);
    out->has_ext = mse_pck_ext_parse(&out->ext, c->sgx_extension, err) == MSE_OK;
    out->ca_is_platform = mse_bytes_find(ca, mse_bytes_str("Platform")) != SIZE_MAX;
}

const struct mse_pck_leaf *mse_platform_leaf(const struct mse_known_platform *p)
{
    return p->chain != NULL && p->chain->leaf.has_ext ? &p->chain->leaf : NULL;
}

void mse_platform_learn_chain(struct mse_known_platform *p, struct mse_bytes pem)
{
    size_t size = 0;
    if (p->memo == NULL || p->chain != NULL ||
        !mse_add_size(sizeof(struct mse_known_chain), pem.len, &size)) {
        return;
    }
    struct mse_known_chain *c = calloc(1, size);
    if (c == NULL) {
        return;
    }
    mse_shared_init(&c->shared, destroy_chain);
    memcpy(c->digest, p->chain_key, sizeof c->digest);
    memcpy(c->pem, pem.data, pem.len);
    c->pem_len = pem.len;
    if (mse_chain_read(&c->chain, pem, NULL) == MSE_OK) {
        c->chain.verified = true;
        if (c->chain.has_sgx_extension) {
            mse_pck_leaf_read(&c->leaf, &c->chain, NULL);
        }
        mse_memo_put(p->memo, p->chain_place, &c->shared);
    }
    mse_shared_unref(&c->shared);
}

static bool is_qe(const struct mse_known_qe *q, const struct mse_quote_auth *auth)
{
    return mse_bytes_equal(auth->qe_report_raw, mse_bytes_of(q->report, sizeof q->report)) &&
           mse_mem_equal(auth->attestation_key, q->attestation_key, sizeof q->attestation_key);
}

bool mse_platform_find_qe(struct mse_known_platform *p, const struct mse_quote_auth *auth)
{
    if (p->memo == NULL) {
        return false;
    }
    if (!qe_place(p->qe_place, p->chain_key, auth)) {
        p->memo = NULL;
        return false;
    }
    struct mse_known_qe *q = (struct mse_known_qe *)mse_memo_get(p->memo, p->qe_place);
    if (q != NULL && !is_qe(q, auth)) {
        mse_shared_unref(&q->shared);
        q = NULL;
    }
    p->qe = q;
    return q != NULL;
}

void mse_platform_learn_qe(struct mse_known_platform *p, const struct mse_quote_auth *auth)
{
    struct mse_known_qe *q = p->memo == NULL || p->qe != NULL ? NULL : calloc(1, sizeof *q);
    struct mse_bytes report = auth->qe_report_raw;
    if (q == NULL || !mse_rd_copy(&report, q->report, sizeof q->report)) {
        free(q);
        return;
    }
    mse_shared_init(&q->shared, destroy_qe);
    memcpy(q->attestation_key, auth->attestation_key, sizeof q->attestation_key);
    q->key = mse_ec_key_of_point(auth->attestation_key);
    mse_memo_put(p->memo, p->qe_place, &q->shared);
    p->qe = q;
}

const struct mse_ec_key *mse_platform_attestation_key(const struct mse_known_platform *p)
{
    return p->qe != NULL ? p->qe->key : NULL;
}

void mse_platform_clear(struct mse_known_platform *p)
{
    if (p->chain != NULL) {
        mse_shared_unref(&p->chain->shared);
    }
    if (p->qe != NULL) {
        mse_shared_unref(&p->qe->shared);
    }
    struct mse_known_platform empty = { .memo = NULL };
    *p = empty;
}
