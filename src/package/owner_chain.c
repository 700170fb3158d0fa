/* SPDX-License-Identifier: Apache-2.0 */
#include "package/owner_chain.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"

#define STEP     "certificate"
#define MAX_SPKI ((size_t)2048)

void mse_owner_chain_clear(struct mse_owner_chain *c)
{
    mse_build_clear(&c->ders);
    *c = (struct mse_owner_chain) { .not_after = 0 };
}

/* Where each certificate begins in the builder; at[num] is the end. */
struct spans {
    size_t at[MSE_OWNER_CHAIN_CERTS + 1];
    size_t num;
};

static mse_status read_blocks(struct mse_build *ders, struct spans *s, struct mse_bytes pem,
                              struct mse_error *err)
{
    s->num = 0;
    s->at[0] = 0;
    for (;;) {
        size_t len = 0;
        size_t room_len = pem.len / 4 * 3 + 3;
        uint8_t *room = mse_wr_space(ders, room_len);
        if (room == NULL) {
            return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
        }
        mse_status st = mse_pem_next(&pem, "CERTIFICATE", room, room_len, &len);
        ders->len -= room_len;
        if (st == MSE_ERR_NOT_FOUND && s->num > 0) {
            return MSE_OK;
        }
        if (st != MSE_OK) {
            return MSE_FAIL(err, MSE_ERR_TLS_CHAIN, STEP,
                            "certificate %zu of the chain is no PEM block CERTIFICATE; nothing "
                            "else may stand there",
                            s->num + 1);
        }
        if (s->num == MSE_OWNER_CHAIN_CERTS) {
            return MSE_FAIL(err, MSE_ERR_TLS_CHAIN, STEP, "more than %zu certificates",
                            MSE_OWNER_CHAIN_CERTS);
        }
        ders->len += len;
        s->at[++s->num] = ders->len;
    }
}

static mse_status parse_all(struct mse_cert *certs, const struct mse_build *ders,
                            const struct spans *s, struct mse_error *err)
{
    for (size_t i = 0; i < s->num; i++) {
        struct mse_error why = { .status = MSE_OK };
        struct mse_bytes der = { ders->data + s->at[i], s->at[i + 1] - s->at[i] };
        if (mse_cert_parse(&certs[i], der, &why) != MSE_OK) {
            return MSE_FAIL(err, MSE_ERR_TLS_CHAIN, STEP,
                            "certificate %zu of the chain cannot be read: %.200s", i + 1, why.text);
        }
    }
    return MSE_OK;
}

/* depth: how many CAs stand between this one and the leaf. */
static bool may_sign(const struct mse_cert *ca, size_t depth)
{
    return ca->is_ca && (!ca->has_key_usage || (ca->key_usage & MSE_KU_KEY_CERT_SIGN) != 0) &&
           (!ca->has_path_len || ca->path_len >= depth);
}

static bool issued_by(const struct mse_cert *c, const struct mse_cert *issuer)
{
    return mse_bytes_equal(c->issuer, issuer->subject) &&
           mse_cert_verify(NULL, c, &issuer->key) == MSE_OK;
}

static mse_status check_links(const struct mse_cert *certs, size_t num, struct mse_error *err)
{
    if (num == 1 && !issued_by(&certs[0], &certs[0])) {
        return MSE_FAIL(err, MSE_ERR_TLS_CHAIN, STEP,
                        "the chain is not complete: the certificate of who issued the leaf is not "
                        "in it");
    }
    for (size_t i = 0; i + 1 < num; i++) {
        if (!may_sign(&certs[i + 1], i) || !issued_by(&certs[i], &certs[i + 1])) {
            return MSE_FAIL(err, MSE_ERR_TLS_CHAIN, STEP,
                            "certificate %zu of the chain was not issued by the next one, wanted "
                            "the leaf first and each issuer behind",
                            i + 1);
        }
    }
    return MSE_OK;
}

/* What libssl and its clients would not take. */
static mse_status check_leaf(const struct mse_cert *leaf, struct mse_error *err)
{
    bool usage = !leaf->has_key_usage || (leaf->key_usage & MSE_KU_DIGITAL_SIGNATURE) != 0;
    if (!usage || leaf->key.type == MSE_KEY_OTHER) {
        return MSE_FAIL(err, MSE_ERR_TLS_CHAIN, STEP,
                        usage ? "the leaf's key is neither P-256 nor P-384 nor RSA"
                              : "the leaf's key usage has no digitalSignature");
    }
    return MSE_OK;
}

static mse_status read_chain(struct mse_owner_chain *c, struct mse_bytes pem, struct mse_error *err)
{
    struct mse_cert certs[MSE_OWNER_CHAIN_CERTS] = { 0 };
    struct spans s = { 0 };
    mse_status st = read_blocks(&c->ders, &s, pem, err);
    st = st == MSE_OK ? parse_all(certs, &c->ders, &s, err) : st;
    st = st == MSE_OK ? check_links(certs, s.num, err) : st;
    st = st == MSE_OK ? check_leaf(&certs[0], err) : st;
    if (st != MSE_OK) {
        return st;
    }
    c->leaf = certs[0];
    c->not_before = certs[0].not_before;
    c->not_after = certs[0].not_after;
    for (size_t i = 1; i < s.num; i++) {
        c->not_before = certs[i].not_before > c->not_before ? certs[i].not_before : c->not_before;
        c->not_after = certs[i].not_after < c->not_after ? certs[i].not_after : c->not_after;
    }
    return mse_sha256(c->sha256, pem);
}

mse_status mse_owner_chain_read(struct mse_owner_chain *out, struct mse_bytes pem,
                                struct mse_error *err)
{
    struct mse_owner_chain c = { .not_after = 0 };
    if (pem.len > MSE_OWNER_CHAIN_MAX) {
        return MSE_FAIL(err, MSE_ERR_TLS_CHAIN, STEP, "%zu bytes of PEM, at most %zu", pem.len,
                        MSE_OWNER_CHAIN_MAX);
    }
    /* Room for what is decoded, and for the block that is tried. */
    mse_build_heap(&c.ders, 2 * MSE_OWNER_CHAIN_MAX);
    mse_status st = read_chain(&c, pem, err);
    if (st != MSE_OK) {
        mse_owner_chain_clear(&c);
        return st;
    }
    *out = c;
    return MSE_OK;
}

mse_status mse_owner_chain_suits(const struct mse_owner_chain *c, const char *name, mse_time at,
                                 struct mse_error *err)
{
    char seen[MSE_TIME_TEXT_LEN];
    char now[MSE_TIME_TEXT_LEN];
    mse_time_format(now, at);
    if (!mse_cert_covers_host(&c->leaf, name)) {
        return MSE_FAIL(err, MSE_ERR_CERTIFICATE_NAME, STEP,
                        "the certificate is for other names, wanted %.150s or its wildcard", name);
    }
    if (at < c->not_before) {
        mse_time_format(seen, c->not_before);
        return MSE_FAIL(err, MSE_ERR_CERTIFICATE_NOT_YET_VALID, STEP,
                        "the chain is valid from %s, wanted one for %s", seen, now);
    }
    if (at > c->not_after) {
        mse_time_format(seen, c->not_after);
        return MSE_FAIL(err, MSE_ERR_CERTIFICATE_EXPIRED, STEP,
                        "the chain is valid until %s, wanted one for %s", seen, now);
    }
    return MSE_OK;
}

mse_status mse_owner_chain_key(struct mse_privkey **out, const struct mse_owner_chain *c,
                               struct mse_bytes pem, struct mse_error *err)
{
    uint8_t buf[MAX_SPKI];
    struct mse_build spki;
    struct mse_privkey *key = NULL;
    struct mse_error why = { .status = MSE_OK };
    mse_build_fixed(&spki, buf, sizeof buf);
    mse_status st = pem.len <= MSE_OWNER_CHAIN_MAX ? mse_privkey_from_pem_tls(&key, pem, &why)
                                                   : MSE_ERR_NO_SPACE;
    if (st == MSE_ERR_MEMORY) {
        return MSE_FAIL(err, st, "private key", "out of memory");
    }
    if (st != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_TLS_KEY, "private key", "the private key: %.200s",
                        why.text[0] != '\0' ? why.text : mse_status_text(st));
    }
    st = mse_privkey_spki(key, &spki);
    if (st == MSE_OK && !mse_bytes_equal(mse_build_view(&spki), c->leaf.key.spki)) {
        st = MSE_FAIL(err, MSE_ERR_TLS_KEY_MISMATCH, "private key",
                      "the private key is not the one of the certificate");
    }
    if (st != MSE_OK) {
        mse_privkey_free(key);
        return st;
    }
    *out = key;
    return MSE_OK;
}

static mse_status read_ca(struct mse_bytes *out, struct mse_build *ders, struct mse_bytes pem,
                          struct mse_error *err)
{
    struct mse_cert certs[MSE_OWNER_CHAIN_CERTS] = { 0 };
    struct spans s = { 0 };
    mse_status st = read_blocks(ders, &s, pem, err);
    st = st == MSE_OK ? parse_all(certs, ders, &s, err) : st;
    if (st != MSE_OK) {
        return st;
    }
    if (s.num != 1 || !may_sign(&certs[0], 0)) {
        return MSE_FAIL(
            err, MSE_ERR_TLS_CHAIN, STEP, "client_ca is %s, wanted one certificate of a CA",
            s.num != 1 ? "several certificates" : "a certificate that may not sign others");
    }
    *out = mse_build_view(ders);
    return MSE_OK;
}

mse_status mse_client_ca_read(uint8_t sha256[32], struct mse_build *der, struct mse_bytes pem,
                              struct mse_error *err)
{
    struct mse_build ders;
    struct mse_bytes ca = { NULL, 0 };
    if (pem.len > MSE_OWNER_CHAIN_MAX) {
        return MSE_FAIL(err, MSE_ERR_TLS_CHAIN, STEP, "%zu bytes of PEM, at most %zu", pem.len,
                        MSE_OWNER_CHAIN_MAX);
    }
    mse_build_heap(&ders, 2 * MSE_OWNER_CHAIN_MAX);
    mse_status st = read_ca(&ca, &ders, pem, err);
    st = st == MSE_OK ? mse_sha256(sha256, ca) : st;
    if (st == MSE_OK && der != NULL) {
        mse_wr_bytes(der, ca);
        st = mse_build_ok(der) ? MSE_OK : MSE_ERR_NO_SPACE;
    }
    mse_build_clear(&ders);
    return st;
}
