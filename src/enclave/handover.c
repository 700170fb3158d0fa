/* SPDX-License-Identifier: Apache-2.0 */
/* See handover.h. */
#include "enclave/handover.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"

#define STEP    "upgrade"
#define VERSION 1
#define GIVEN   0 /* first byte of the answer */
#define REFUSED 1
#define LATEST  ((uint64_t)253402300799) /* the end of the year 9999 */

/* ---- messages ---- */

void mse_question_write(struct mse_build *b, struct mse_bytes signature)
{
    mse_wr_u8(b, VERSION);
    mse_wr_u16be(b, (uint16_t)signature.len);
    mse_wr_bytes(b, signature);
}

mse_status mse_question_head_read(size_t *signature_len, const uint8_t head[MSE_QUESTION_HEAD_LEN],
                                  struct mse_error *err)
{
    uint8_t version = 0;
    uint16_t len = 0;
    struct mse_bytes in = mse_bytes_of(head, MSE_QUESTION_HEAD_LEN);
    bool good = mse_rd_u8(&in, &version) && // 0 version
                mse_rd_u16be(&in, &len) &&  // 1 length of the signature
                version == VERSION && len <= MSE_UPGRADE_SIGNATURE_MAX;
    if (!good) {
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP,
                        "version %u, a signature of %u bytes, wanted %u and at most %zu", version,
                        len, VERSION, MSE_UPGRADE_SIGNATURE_MAX);
    }
    *signature_len = len;
    return MSE_OK;
}

void mse_legacy_write(uint8_t out[MSE_LEGACY_LEN], const struct mse_legacy *l)
{
    struct mse_build b;
    mse_build_fixed(&b, out, MSE_LEGACY_LEN);
    mse_wr_copy(&b, l->root, sizeof l->root);
    mse_wr_copy(&b, l->index_sha256, sizeof l->index_sha256);
    mse_wr_u64be(&b, (uint64_t)l->floor);
    MSE_ASSERT(mse_build_ok(&b) && b.len == MSE_LEGACY_LEN);
}

mse_status mse_legacy_read(struct mse_legacy *out, const uint8_t from[MSE_LEGACY_LEN],
                           struct mse_error *err)
{
    struct mse_bytes in = mse_bytes_of(from, MSE_LEGACY_LEN);
    struct mse_bytes root;
    struct mse_bytes digest;
    uint64_t floor = 0;
    bool good = mse_rd_bytes(&in, &root, 32) &&   // 0 root of the storage
                mse_rd_bytes(&in, &digest, 32) && // 32 digest of the index
                mse_rd_u64be(&in, &floor) &&      // 64 time floor
                floor <= LATEST;
    if (!good) {
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP, "a time that there is not");
    }
    memcpy(out->root, root.data, sizeof out->root);
    memcpy(out->index_sha256, digest.data, sizeof out->index_sha256);
    out->floor = (mse_time)floor;
    return MSE_OK;
}

/* ---- both ---- */

struct mse_mutual_config mse_handover_session(const struct mse_handover *h,
                                              const struct mse_policy *policy, const char *host)
{
    const struct mse_session_judge judge = { .policy = policy,
                                             .collateral = &h->peers->bundle.collateral,
                                             .at = h->peers->at,
                                             .host = host };
    const struct mse_mutual_config c = { .key = h->identity->key,
                                         .cert = h->cert,
                                         .self = h->self,
                                         .judge = judge,
                                         .alpn =
                                             h->self.replica ? MSE_REPLICA_ALPN : MSE_UPGRADE_ALPN,
                                         .quiet_ms = h->quiet_ms };
    return c;
}

/* ---- the old one ---- */

static mse_status read_question(struct mse_build *signature, struct mse_mutual *m,
                                struct mse_error *err)
{
    uint8_t head[MSE_QUESTION_HEAD_LEN];
    size_t len = 0;
    mse_status st = mse_mutual_read(m, head, sizeof head, err);
    st = st == MSE_OK ? mse_question_head_read(&len, head, err) : st;
    uint8_t *room = st == MSE_OK && len > 0 ? mse_wr_space(signature, len) : NULL;
    return room == NULL ? st : mse_mutual_read(m, room, len, err);
}

static mse_status write_legacy(struct mse_mutual *m, const struct mse_legacy *l,
                               struct mse_error *err)
{
    static const uint8_t given = GIVEN;
    uint8_t buf[sizeof given + MSE_LEGACY_LEN];
    buf[0] = given;
    mse_legacy_write(buf + sizeof given, l);
    mse_status st = mse_mutual_write(m, buf, sizeof buf, err);
    mse_wipe(buf, sizeof buf);
    return st;
}

/* Refusals are told in one byte; the reason stays here. */
static mse_status answer(struct mse_mutual *m, mse_status st, const struct mse_legacy *l,
                         struct mse_error *err)
{
    static const uint8_t no = REFUSED;
    if (st == MSE_OK) {
        return write_legacy(m, l, err);
    }
    (void)!mse_mutual_write(m, &no, sizeof no, NULL);
    return st;
}

mse_status mse_handover_give(const struct mse_handover *h, mse_handover_ready_fn *ready, void *arg,
                             struct mse_error *err)
{
    struct mse_mutual *m = NULL;
    struct mse_legacy legacy = { .floor = 0 };
    uint8_t buf[MSE_UPGRADE_SIGNATURE_MAX];
    struct mse_build signature;
    const struct mse_mutual_config c = mse_handover_session(h, &h->peers->policy, NULL);
    struct mse_verdict *v = malloc(sizeof *v);
    if (v == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    mse_build_fixed(&signature, buf, sizeof buf);
    mse_status st = mse_mutual_server(&m, v, h->fd, &c, err);
    if (st == MSE_OK) {
        st = read_question(&signature, m, err);
    }
    if (st == MSE_OK) {
        const struct mse_upgrade u = { .from = h->peers->own_fingerprint,
                                       .to = v->fingerprint,
                                       .signature = mse_build_view(&signature) };
        st = v->has_fingerprint ? mse_upgrade_allowed(h->rule, &u, err)
                                : MSE_FAIL(err, MSE_ERR_UPGRADE_REFUSED, STEP,
                                           "the peer's evidence has no fingerprint");
        st = st == MSE_OK ? ready(arg, &legacy, err) : st;
        st = answer(m, st, &legacy, err);
    }
    mse_wipe(&legacy, sizeof legacy);
    mse_mutual_free(m);
    free(v);
    return st;
}

/* ---- the new one ---- */

static mse_status write_question(struct mse_mutual *m, struct mse_bytes signature,
                                 struct mse_error *err)
{
    uint8_t buf[MSE_QUESTION_HEAD_LEN + MSE_UPGRADE_SIGNATURE_MAX];
    struct mse_build b;
    mse_build_fixed(&b, buf, sizeof buf);
    mse_question_write(&b, signature);
    MSE_ASSERT(mse_build_ok(&b)); /* its length was looked at */
    return mse_mutual_write(m, b.data, b.len, err);
}

static mse_status read_legacy(struct mse_legacy *out, struct mse_mutual *m, struct mse_error *err)
{
    uint8_t first = REFUSED;
    uint8_t buf[MSE_LEGACY_LEN];
    mse_status st = mse_mutual_read(m, &first, sizeof first, err);
    if (st == MSE_OK && first != GIVEN) {
        return MSE_FAIL(err, MSE_ERR_UPGRADE_REFUSED, STEP,
                        "the other enclave does not hand its storage on; its log says why");
    }
    st = st == MSE_OK ? mse_mutual_read(m, buf, sizeof buf, err) : st;
    st = st == MSE_OK ? mse_legacy_read(out, buf, err) : st;
    mse_wipe(buf, sizeof buf);
    return st;
}

mse_status mse_handover_take(struct mse_legacy *out, const struct mse_handover *h,
                             const struct mse_handover_source *s, struct mse_error *err)
{
    struct mse_mutual *m = NULL;
    const struct mse_upgrade u = { .from = s->from,
                                   .to = h->peers->own_fingerprint,
                                   .signature = s->signature };
    if (s->signature.len > MSE_UPGRADE_SIGNATURE_MAX) {
        return MSE_FAIL(err, MSE_ERR_UPGRADE_SIGNATURE, STEP,
                        "a signature of %zu bytes, at most "
                        "%zu",
                        s->signature.len, MSE_UPGRADE_SIGNATURE_MAX);
    }
    mse_status st = mse_upgrade_wanted(h->rule, &u, s->named, s->by_owner, err);
    if (st != MSE_OK) {
        return st;
    }
    struct mse_policy *policy = mse_peers_only(h->peers, s->from);
    if (policy == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    const struct mse_mutual_config c = mse_handover_session(h, policy, s->name);
    st = mse_mutual_client(&m, NULL, h->fd, &c, err);
    st = st == MSE_OK ? write_question(m, s->signature, err) : st;
    st = st == MSE_OK ? read_legacy(out, m, err) : st;
    mse_mutual_free(m);
    free(policy);
    return st;
}
