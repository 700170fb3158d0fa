/* SPDX-License-Identifier: Apache-2.0 */
/* See level1.h. */
#include "cli/level1.h"

#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "cli/cloud.h"
#include "crypto/digest.h"
#include "crypto/x509.h"
#include "ratls/check.h"
#include "ratls/session.h"

#define MAX_EVIDENCE ((size_t)128 * 1024)

/* ---- what comes back ---- */

static bool hash_of(uint8_t out[32], const json_t *v)
{
    const char *hex = json_string_value(v);
    return hex != NULL && strlen(hex) == 64 && mse_hex_decode(out, 32, mse_bytes_str(hex));
}

static bool number_of(uint32_t *out, const json_t *v)
{
    json_int_t n = json_integer_value(v);
    *out = (uint32_t)n;
    return json_is_integer(v) && n >= 0 && n <= (json_int_t)MSE_NONCES_MAX;
}

static bool take_audit(struct mse_nonce_path *out, const json_t *v)
{
    const json_t *path = json_object_get(v, "path");
    size_t num = json_array_size(path);
    bool good = json_is_array(path) && num <= MSE_NONCES_DEPTH &&
                number_of(&out->index, json_object_get(v, "index")) &&
                number_of(&out->size, json_object_get(v, "size"));
    for (size_t i = 0; good && i < num; i++) {
        good = hash_of(out->hashes[i], json_array_get(path, i));
    }
    out->num = (uint32_t)num;
    return good;
}

/* NULL: all is there; else what is wrong with it. */
static const char *take_session(struct cli_level1 *l, const json_t *session)
{
    const json_t *audit = json_object_get(session, "audit");
    const char *text = json_string_value(json_object_get(session, "evidence"));
    size_t len = 0;
    l->evidence = malloc(MAX_EVIDENCE);
    if (l->evidence == NULL) {
        return "out of memory";
    }
    if (text == NULL || !mse_base64_decode(l->evidence, MAX_EVIDENCE, &len, mse_bytes_str(text)) ||
        len == 0) {
        return "it has no evidence for the nonce";
    }
    l->response.evidence = mse_bytes_of(l->evidence, len);
    l->response.has_audit = audit != NULL;
    return audit == NULL || take_audit(&l->response.audit, audit) ? NULL : "its audit path is none";
}

/* One certificate, or one and its CA's. */
static bool take_certificates(struct cli_level1 *l)
{
    struct mse_bytes pem = l->bundle.certificates;
    size_t used = 0;
    size_t len = 0;
    l->der_room = malloc(pem.len + 1);
    for (int i = 0; l->der_room != NULL && i < 2; i++) {
        if (mse_pem_next(&pem, "CERTIFICATE", l->der_room + used, l->bundle.certificates.len - used,
                         &len) != MSE_OK) {
            break;
        }
        used += len;
    }
    l->der = mse_bytes_of(l->der_room, used);
    return used > 0;
}

static enum cli_exit take(struct cli_level1 *l, const struct cloud *k, json_t *body)
{
    static const char what[] = "the evidence";
    struct mse_error err = { .status = MSE_OK };
    const char *wrong = take_session(l, json_object_get(body, "session"));
    if (wrong != NULL) {
        return cloud_nonsense(k, what, wrong);
    }
    (void)json_object_del(body, "session");
    l->text = json_dumps(body, JSON_COMPACT);
    if (l->text == NULL ||
        cli_bundle_load(&l->bundle, &l->scratch, mse_bytes_str(l->text), &err) != MSE_OK) {
        return cloud_nonsense(k, what, err.text[0] != '\0' ? err.text : "it is no bundle");
    }
    l->response.manifest = l->bundle.manifest;
    return take_certificates(l) ? CLI_DONE : cloud_nonsense(k, what, "it has no certificate");
}

/* ---- asking ---- */

/* HOST[/apps/UUID]: cuts what stands behind the host off; id is the UUID in it, or what it was. */
static enum cli_exit split(const struct cli *c, char *url, const char **id)
{
    static const char apps[] = "/apps/";
    char *scheme = strstr(url, "://");
    char *path = scheme == NULL ? NULL : strchr(scheme + 3, '/');
    if (path != NULL && strncmp(path, apps, sizeof apps - 1) == 0) {
        *id = path + sizeof apps - 1;
        *path = '\0';
    }
    if (*id == NULL) {
        cli_error(c,
                  "which app of the operator? The URL has no /apps/UUID, and there is no context");
        cli_hint(c, "--level-1-from https://OPERATOR/apps/UUID, or --context FILE");
        return CLI_TROUBLE;
    }
    if (strlen(*id) != CLOUD_ID_LEN - 1 || strspn(*id, "0123456789abcdef-") != CLOUD_ID_LEN - 1) {
        return cli_trouble(c, "%.60s is no UUID of an app", *id);
    }
    return CLI_DONE;
}

static enum cli_exit ask(struct cli_level1 *l, struct cloud *k, const char *id)
{
    char hex[65];
    json_t *body = NULL;
    mse_hex_encode(hex, mse_bytes_of(l->nonce.bytes, sizeof l->nonce.bytes));
    enum cli_exit e = cloud_get(k, &body, "/apps/%s/evidence?nonce=%s", id, hex);
    if (e == CLI_DONE) {
        e = take(l, k, body);
        json_decref(body);
    }
    return e;
}

enum cli_exit cli_level1_ask(struct cli_level1 *l, const struct cli *c, const char *url,
                             const char *app_id)
{
    struct cloud k = { .c = c };
    char *text = strdup(url);
    l->c = c;
    if (text == NULL || mse_random(l->nonce.bytes, sizeof l->nonce.bytes) != MSE_OK) {
        free(text);
        return cli_trouble(c, "no memory, or no random numbers");
    }
    enum cli_exit e = split(c, text, &app_id);
    e = e == CLI_DONE ? cloud_url_check(&k.url, c, text) : e;
    if (e == CLI_DONE) {
        /* The CA that login keeps, if it is that operator's. Nobody is told the token. */
        char *last = cloud_last_url();
        k.ca_file = last != NULL && strcmp(last, k.url) == 0 ? cloud_ca_path() : NULL;
        if (k.ca_file != NULL && !cli_file_exists(k.ca_file)) {
            free(k.ca_file);
            k.ca_file = NULL;
        }
        free(last);
        e = ask(l, &k, app_id);
    }
    cloud_close(&k);
    free(text);
    return e;
}

void cli_level1_clear(struct cli_level1 *l)
{
    free(l->text);
    free(l->scratch);
    free(l->evidence);
    free(l->der_room);
}

/* ---- judging ---- */

/* The quote that is to be judged; empty if there is none. */
static struct mse_bytes quote_of(const struct cli_level1 *l)
{
    struct mse_ratls_cert e;
    const struct mse_bytes none = { NULL, 0 };
    return mse_ratls_read_loose_evidence(&e, l->response.evidence, NULL) == MSE_OK ? e.quote : none;
}

void cli_level1_judge(const struct cli_level1 *l, struct cli_finding *out,
                      struct cli_choice *choice, struct cli_judge *j, const char *host,
                      struct mse_bytes manifest)
{
    cli_judge_choose(choice, j, l->c, quote_of(l), &l->bundle.collateral);
    const struct mse_session_judge judge = { .policy = &j->policy,
                                             .collateral = choice->collateral,
                                             .at = j->at,
                                             .host = host,
                                             .manifest = manifest };
    const struct mse_session_facts facts = { .tls13 = true, .peer_cert = l->der };
    struct mse_session_ask question = { .role = MSE_ROLE_SERVER_FRESH, .level = 1 };
    memcpy(question.nonce, l->nonce.bytes, sizeof question.nonce);
    (void)!mse_session_appraise(&out->verdict, &out->cert, &facts, &l->response, &question, &judge,
                                NULL); /* it is in the verdict */
}
