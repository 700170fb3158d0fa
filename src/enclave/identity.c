/* SPDX-License-Identifier: Apache-2.0 */
/* See identity.h. What the certificate is made of is ratls' matter; here it is tied to the manifest
 * and to the driver. */
#include "enclave/identity.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "crypto/x25519.h"
#include "enclave/config.h"
#include "enclave/state.h"
#include "ratls/identity.h"
#include "ratls/profile.h"

#define MAX_CERT ((size_t)64 * 1024)
#define EARLY    3600 /* clocks of verifiers may be behind */

static mse_status quote(void *arg, uint8_t *out, size_t cap, size_t *out_len,
                        const uint8_t report_data[64], struct mse_error *err)
{
    const struct mse_enclave_tee *tee = arg;
    struct mse_build b;
    mse_build_fixed(&b, out, cap);
    mse_status st = tee->ops->quote(tee->t, &b, report_data, err);
    if (st == MSE_OK) {
        *out_len = b.len;
    }
    return st;
}

static mse_status make_keys(struct mse_identity *id)
{
    mse_status st = mse_privkey_generate_p256(&id->key);
    if (st == MSE_OK) {
        st = mse_privkey_spki_sha256(id->key, id->spki_sha256);
    }
    if (st == MSE_OK) {
        st = mse_x25519_generate(id->x25519_secret, id->x25519_public);
    }
    return st == MSE_OK ? mse_random(id->boot, sizeof id->boot) : st;
}

/* Which CA the evidence for sessions has to name. */
static mse_status know_ca(struct mse_identity *id)
{
    const struct mse_build *cert = id->cert.len > 0 ? &id->cert : &id->config_cert;
    return mse_ratls_ca_sha256(id->ca_sha256, &id->has_ca, mse_build_view(cert));
}

mse_status mse_identity_make(struct mse_identity *out, const struct mse_manifest *m,
                             const uint8_t manifest_digest[32], const struct mse_enclave_tee *tee,
                             struct mse_error *err)
{
    struct mse_enclave_tee driver = *tee;
    struct mse_identity id = { .key = NULL };
    const struct mse_ratls_identity_params p = {
        .quote = quote,
        .quote_arg = &driver,
        .not_before = m->created_at - EARLY,
        .not_after = m->expires_at,
        .manifest = mse_bytes_of(manifest_digest, 32),
        .x25519 = mse_bytes_of(id.x25519_public, sizeof id.x25519_public),
        .boot = mse_bytes_of(id.boot, sizeof id.boot),
        .legacy_extension = m->legacy_extension,
        .ca = m->certificate == MSE_CERTIFICATE_CA,
    };
    struct mse_build *const certs[] = { &id.config_cert, &id.cert };
    const char *const names[] = { m->config_domain_name, m->san };
    size_t from = mse_config_needed(m) ? 0 : 1;
    size_t to = m->origin == MSE_ORIGIN_OWNER ? 1 : 2;
    mse_build_heap(&id.cert, MAX_CERT);
    mse_build_heap(&id.config_cert, MAX_CERT);
    mse_status st = make_keys(&id);
    st = st == MSE_OK
             ? mse_ratls_issue_names(certs + from, names + from, to - from, id.key, &p, err)
             : MSE_FAIL(err, st, "identity", "no keys can be made");
    st = st == MSE_OK ? know_ca(&id) : st;
    if (st != MSE_OK) {
        mse_identity_clear(&id);
        return st;
    }
    *out = id;
    mse_wipe(id.x25519_secret, sizeof id.x25519_secret);
    return MSE_OK;
}

static mse_status restore(struct mse_identity *id, const struct mse_state *s)
{
    memcpy(id->x25519_secret, s->x25519.data, sizeof id->x25519_secret);
    mse_wr_bytes(&id->cert, s->cert);
    mse_wr_bytes(&id->config_cert, s->config_cert);
    mse_status st = mse_privkey_from_pem(&id->key, s->key, NULL);
    st = st == MSE_OK ? mse_privkey_spki_sha256(id->key, id->spki_sha256) : st;
    st = st == MSE_OK ? mse_x25519_public(id->x25519_public, id->x25519_secret) : st;
    st = st == MSE_OK ? mse_random(id->boot, sizeof id->boot) : st;
    st = st == MSE_OK ? know_ca(id) : st;
    return st != MSE_OK || (mse_build_ok(&id->cert) && mse_build_ok(&id->config_cert))
               ? st
               : MSE_ERR_NO_SPACE;
}

mse_status mse_identity_restore(struct mse_identity *out, const struct mse_state *s,
                                struct mse_error *err)
{
    struct mse_identity id = { .key = NULL };
    mse_build_heap(&id.cert, MAX_CERT);
    mse_build_heap(&id.config_cert, MAX_CERT);
    mse_status st = restore(&id, s);
    if (st != MSE_OK) {
        mse_identity_clear(&id);
        return MSE_FAIL(err, MSE_ERR_STATE_DAMAGED, "sealed state", "keys: %s",
                        mse_status_text(st));
    }
    *out = id;
    mse_wipe(id.x25519_secret, sizeof id.x25519_secret);
    return MSE_OK;
}

void mse_identity_clear(struct mse_identity *id)
{
    mse_privkey_free(id->key);
    mse_build_clear(&id->cert);
    mse_build_clear(&id->config_cert);
    id->key = NULL;
    mse_wipe(id->x25519_secret, sizeof id->x25519_secret);
}
