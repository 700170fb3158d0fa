/* SPDX-License-Identifier: Apache-2.0 */
/* From stored objects to HTTP, in the encodings that the quote provider library expects. */
#include "collateral/serve_reply.h"

#include <pthread.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/x509.h"

#define SLOTS         ((size_t)2048) /* a power of two */
#define MAX_ENTRIES   (SLOTS / 2)
#define MAX_KEPT      ((size_t)32 * 1024 * 1024)
#define ENCODED_MAX   (3 * MSE_FETCH_MAX_CHAIN + 1)
#define FNV_START     1469598103934665603ULL
#define FNV_PRIME     1099511628211ULL
#define TYPE_JSON     "application/json"
#define TYPE_PEM      "application/x-pem-file"
#define TYPE_CRL      "application/pkix-crl"
#define STATUS_OK     200U
#define V3_ENDED      "299 - \"version 3 of this interface has ended: use version 4\""
#define KEEP_CERT     ((mse_time)3600)
#define HEX_CERT_TCBM 37

/* Percent-encoding of all but the unreserved characters (RFC 3986 §2.3). */
static bool add_chain(struct mse_reply *r, const char *name, const struct mse_build *chain)
{
    struct mse_build text;
    mse_build_heap(&text, ENCODED_MAX);
    for (size_t i = 0; i < chain->len; i++) {
        uint8_t c = chain->data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.' || c == '~';
        if (plain) {
            mse_wr_u8(&text, c);
        } else {
            mse_wr_printf(&text, "%%%02X", c);
        }
    }
    const char *s = mse_build_cstr(&text);
    bool good = s != NULL && mse_reply_add(r, name, s);
    mse_build_clear(&text);
    return good;
}

static bool add_warning(struct mse_reply *r, const struct mse_serve_request *q)
{
    return q->version == 4 || mse_reply_add(r, "Warning", V3_ENDED);
}

/* Upper case, as the services write it. */
static void hex_upper(char *out, struct mse_bytes in)
{
    mse_hex_encode(out, in);
    for (char *p = out; *p != '\0'; p++) {
        *p = (char)(*p >= 'a' && *p <= 'f' ? *p - 'a' + 'A' : *p);
    }
}

static void write_crl(struct mse_build *b, struct mse_bytes der, enum mse_serve_encoding as)
{
    char two[3];
    switch (as) {
    case MSE_SERVE_DER:
        mse_wr_bytes(b, der);
        return;
    case MSE_SERVE_PEM:
        mse_pem_write(b, "X509 CRL", der);
        return;
    case MSE_SERVE_HEX:
        for (size_t i = 0; i < der.len; i++) {
            mse_hex_encode(two, mse_bytes_of(der.data + i, 1));
            mse_wr_str(b, two);
        }
        return;
    }
}

static const char *chain_header(enum mse_serve_kind k)
{
    struct mse_serve_key key = { .kind = k };
    struct mse_fetch_key f;
    const char *older = NULL;
    mse_serve_fetch_key(&f, &key);
    return mse_fetch_chain_header(&older, &f);
}

struct mse_reply *mse_reply_of_object(const struct mse_serve_request *q,
                                      const struct mse_fetched *o)
{
    bool crl = mse_serve_is_crl(q->key.kind);
    const char *type = !crl ? TYPE_JSON : q->encoding == MSE_SERVE_DER ? TYPE_CRL : TYPE_PEM;
    struct mse_reply *r = mse_reply_new(STATUS_OK);
    if (r == NULL) {
        return NULL;
    }
    r->until = o->until;
    if (crl) {
        write_crl(&r->body, mse_build_view(&o->body), q->encoding);
    } else {
        mse_wr_bytes(&r->body, mse_build_view(&o->body));
    }
    bool good = mse_reply_add(r, "Content-Type", type) && add_warning(r, q) &&
                (!q->with_chain || add_chain(r, chain_header(q->key.kind), &o->chain));
    return mse_reply_finish(r, good);
}

struct mse_reply *mse_reply_of_cert(const struct mse_serve_request *q,
                                    const struct mse_serve_cert *c)
{
    char tcbm[HEX_CERT_TCBM];
    char fmspc[13];
    struct mse_reply *r = mse_reply_new(STATUS_OK);
    if (r == NULL) {
        return NULL;
    }
    hex_upper(tcbm, mse_bytes_of(c->facts.tcbm, sizeof c->facts.tcbm));
    hex_upper(fmspc, mse_bytes_of(c->facts.fmspc, sizeof c->facts.fmspc));
    mse_wr_bytes(&r->body, mse_build_view(&c->pem));
    if (c->pem.len > 0 && c->pem.data[c->pem.len - 1] != '\n') {
        mse_wr_str(&r->body, "\n"); /* clients put the chain right behind it */
    }
    /* A revocation shows in the store at once; this bounds what a chain's end would do. */
    mse_time soon = (mse_time)time(NULL) + KEEP_CERT;
    r->until = c->facts.not_after < soon ? c->facts.not_after : soon;
    bool good = mse_reply_add(r, "Content-Type", TYPE_PEM) && mse_reply_add(r, "SGX-TCBm", tcbm) &&
                mse_reply_add(r, "SGX-FMSPC", fmspc) &&
                mse_reply_add(r, "SGX-PCK-Certificate-CA-Type",
                              c->facts.platform_ca ? "platform" : "processor") &&
                add_warning(r, q) && add_chain(r, "SGX-PCK-Certificate-Issuer-Chain", &c->chain);
    return mse_reply_finish(r, good);
}

/* The table. */

struct entry {
    char *target;
    struct mse_reply *reply;
};

struct mse_replies {
    pthread_mutex_t lock;
    uint64_t epoch;
    size_t num;
    size_t kept;
    struct entry slots[SLOTS]; /* linear probing */
};

struct mse_replies *mse_replies_new(void)
{
    struct mse_replies *t = calloc(1, sizeof *t);
    if (t != NULL && pthread_mutex_init(&t->lock, NULL) != 0) {
        free(t);
        return NULL;
    }
    return t;
}

static void empty(struct mse_replies *t)
{
    for (size_t i = 0; t->num > 0 && i < SLOTS; i++) {
        struct entry none = { 0 };
        free(t->slots[i].target);
        mse_reply_unref(t->slots[i].reply);
        t->slots[i] = none;
    }
    t->num = 0;
    t->kept = 0;
}

void mse_replies_free(struct mse_replies *t)
{
    if (t != NULL) {
        empty(t);
        (void)pthread_mutex_destroy(&t->lock);
        free(t);
    }
}

/* The slot of a target, or the free one where it would go. */
static struct entry *slot_of(struct mse_replies *t, const char *target)
{
    uint64_t h = FNV_START;
    for (const char *p = target; *p != '\0'; p++) {
        h = (h ^ (uint8_t)*p) * FNV_PRIME;
    }
    size_t i = (size_t)(h ^ (h >> 32)) & (SLOTS - 1);
    while (t->slots[i].target != NULL && strcmp(t->slots[i].target, target) != 0) {
        i = (i + 1) & (SLOTS - 1);
    }
    return &t->slots[i];
}

struct mse_reply *mse_replies_get(struct mse_replies *t, const char *target, mse_time now)
{
    (void)pthread_mutex_lock(&t->lock);
    const struct entry *e = slot_of(t, target);
    struct mse_reply *r =
        e->reply != NULL && now <= e->reply->until ? mse_reply_ref(e->reply) : NULL;
    (void)pthread_mutex_unlock(&t->lock);
    return r;
}

uint64_t mse_replies_epoch(struct mse_replies *t)
{
    (void)pthread_mutex_lock(&t->lock);
    uint64_t epoch = t->epoch;
    (void)pthread_mutex_unlock(&t->lock);
    return epoch;
}

void mse_replies_put(struct mse_replies *t, const char *target, struct mse_reply *r, uint64_t epoch)
{
    size_t size = r->body.len + ENCODED_MAX / 16;
    char *copy = r->until == 0 ? NULL : strdup(target);
    if (copy == NULL) {
        return; /* it is made again the next time */
    }
    (void)pthread_mutex_lock(&t->lock);
    if (t->num >= MAX_ENTRIES || t->kept + size > MAX_KEPT) {
        empty(t);
    }
    struct entry *e = slot_of(t, target);
    if (t->epoch == epoch && e->target == NULL) {
        e->target = copy;
        e->reply = mse_reply_ref(r);
        t->num++;
        t->kept += size;
        copy = NULL;
    } else if (t->epoch == epoch) {
        mse_reply_unref(e->reply);
        e->reply = mse_reply_ref(r);
    }
    (void)pthread_mutex_unlock(&t->lock);
    free(copy);
}

void mse_replies_forget(struct mse_replies *t)
{
    (void)pthread_mutex_lock(&t->lock);
    t->epoch++;
    empty(t);
    (void)pthread_mutex_unlock(&t->lock);
}
