/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence of a living instance, for anybody. The instance makes it, nobody here judges it: whoever
 * asks does. */
#include <jansson.h>

#include "base/bytes.h"
#include "base/util.h"
#include "cmd/bundle.h"
#include "cmd/files.h"
#include "crypto/x509.h"
#include "net/proxy2.h"
#include "operator/api.h"
#include "ratls/connect.h"
#include "ratls/frame.h"
#include "ratls/profile.h"

#define CONNECT_MS     5000U
#define ANSWER_MS      10000U
#define MAX_ASKED      2U /* at a time: an app that does not answer keeps no upload waiting */
#define MAX_PEM        ((size_t)256 * 1024)
#define MAX_COLLATERAL ((size_t)8 * 1024 * 1024)
#define ALPN           "\x0cmse-attest/1"

struct evidence {
    struct api_call *c;
    struct mse_op_app app;
    char address[MSE_OP_DOMAIN_LEN];
    bool fresh;
    uint8_t nonce[32];
    struct mse_build pem;
    struct mse_build answer;
    struct mse_build manifest;
};

static mse_status take_node(void *arg, const struct mse_op_node *n)
{
    struct evidence *e = arg;
    if (strcmp(n->name, e->app.node) == 0) {
        memcpy(e->address, n->address, sizeof e->address);
    }
    return MSE_OK;
}

/* Finds the instance. NULL: it is to be asked. */
static struct mse_reply *find(struct evidence *e)
{
    struct api_call *c = e->c;
    struct mse_error err = { 0 };
    mse_status st = mse_op_app_get(c->store, &e->app, NULL, c->id, &err);
    bool lives = e->app.status == MSE_OP_INITIALIZING || e->app.status == MSE_OP_RUNNING;
    if (st == MSE_OK && (!lives || e->app.port == 0)) {
        return api_problem(HTTP_CONFLICT, "The app is %s: only a living instance gives evidence.",
                           mse_op_status_name(e->app.status));
    }
    if (st == MSE_OK) {
        st = mse_op_node_list(c->store, take_node, e, &err);
    }
    if (st == MSE_OK) {
        st = mse_op_app_manifest(c->store, &e->manifest, e->app.id, &err);
    }
    if (st != MSE_OK) {
        return api_failed(st, &err);
    }
    return e->address[0] != '\0'
               ? NULL
               : api_problem(HTTP_BAD_GATEWAY, "The node of the app is not there.");
}

/* The name under which the enclave's own certificate answers. */
static const char *own_name(const struct mse_op_app *a)
{
    return a->status == MSE_OP_RUNNING && a->mode != MSE_OP_OWNER ? a->domain_name
                                                                  : a->config_domain_name;
}

static mse_status ask(struct evidence *e, struct mse_error *err)
{
    struct mse_ratls_conn *conn = NULL;
    struct mse_build request;
    const struct mse_ratls_dial d = {
        .host = own_name(&e->app),
        .address = e->address,
        .port = e->app.port,
        .alpn = mse_bytes_of((const uint8_t *)ALPN, sizeof ALPN - 1),
        .timeout_ms = CONNECT_MS,
        .greeting = mse_proxy2_local(e->app.proxy_protocol),
    };
    mse_status st = mse_ratls_dial(&conn, &d, err);
    if (st == MSE_OK) {
        mse_ratls_put_pem(&e->pem, mse_ratls_conn_cert(conn));
        st = mse_build_ok(&e->pem) ? MSE_OK : MSE_ERR_MEMORY;
    }
    mse_build_heap(&request, MSE_FRAME_REQUEST_MAX + MSE_FRAME_HEAD);
    if (st == MSE_OK && e->fresh) {
        struct mse_frame_request r = { .fresh = true };
        memcpy(r.nonce.bytes, e->nonce, sizeof r.nonce.bytes);
        st = mse_frame_request_write(&request, &r);
    }
    if (st == MSE_OK && e->fresh) {
        st = mse_ratls_conn_exchange(conn, &e->answer, mse_build_view(&request), ANSWER_MS, err);
    }
    mse_build_clear(&request);
    mse_ratls_conn_free(conn);
    return st;
}

static json_t *hex_of(const uint8_t *p, size_t len)
{
    char text[65];
    mse_hex_encode(text, mse_bytes_of(p, len));
    return json_string(text);
}

static json_t *base64_of(struct mse_bytes b)
{
    char *text = malloc((b.len + 2) / 3 * 4 + 1);
    json_t *v = NULL;
    if (text != NULL) {
        mse_base64_encode(text, b);
        v = json_string(text);
    }
    free(text);
    return v;
}

static json_t *audit_of(const struct mse_nonce_path *p)
{
    json_t *path = json_array();
    for (uint32_t i = 0; i < p->num; i++) {
        (void)json_array_append_new(path, hex_of(p->hashes[i], sizeof p->hashes[i]));
    }
    return json_pack("{s:I, s:I, s:o}", "index", (json_int_t)p->index, "size", (json_int_t)p->size,
                     "path", path);
}

/* What the instance answered, as a member of the bundle. NULL: *out is it. */
static struct mse_reply *session_of(json_t **out, const struct evidence *e)
{
    struct mse_frame_response r = { .retry_ms = 0 };
    struct mse_error err = { 0 };
    struct mse_bytes frame = mse_build_view(&e->answer);
    size_t len = 0;
    bool good =
        frame.len >= MSE_FRAME_HEAD &&
        mse_frame_len(&len, frame.data, MSE_SESSION_FRAME_MAX, &err) == MSE_OK &&
        len == frame.len - MSE_FRAME_HEAD &&
        mse_frame_response_read(&r, mse_bytes_of(frame.data + MSE_FRAME_HEAD, len), &err) == MSE_OK;
    if (good && mse_bytes_is_str(r.error, MSE_FRAME_BUSY)) {
        return api_problem(HTTP_UNAVAILABLE, "The instance is busy.");
    }
    if (!good || r.error.len > 0) {
        return api_problem(HTTP_BAD_GATEWAY, "The instance does not answer as it should.");
    }
    *out = json_pack("{s:i, s:o, s:o, s:o*}", "level", 1, "nonce",
                     hex_of(e->nonce, sizeof e->nonce), "evidence", base64_of(r.evidence), "audit",
                     r.has_audit ? audit_of(&r.audit) : NULL);
    return *out != NULL ? NULL : api_problem(HTTP_UNAVAILABLE, "The server is out of memory.");
}

/* The collateral of the platform, if this machine has it. */
static void read_collateral(struct cli_file *out, const struct mse_op_config *conf)
{
    char *path =
        conf->node.platform == NULL ? NULL : cli_join(conf->node.platform, "collateral.json");
    if (path != NULL && cli_file_read(out, path, MAX_COLLATERAL, NULL) != MSE_OK) {
        out->len = 0;
    }
    free(path);
}

static struct mse_reply *bundle_of(const struct evidence *e, json_t *session)
{
    struct cli_file collateral = { 0 };
    struct mse_error err = { 0 };
    json_t *v = NULL;
    read_collateral(&collateral, e->c->api->cfg->conf);
    const struct cli_bundle parts = { .collateral = cli_file_view(&collateral),
                                      .certificate = mse_build_view(&e->pem),
                                      .manifest = mse_build_view(&e->manifest),
                                      .now = e->c->now };
    mse_status st = cli_bundle_make(&v, &parts, &err);
    cli_file_clear(&collateral);
    if (st == MSE_OK && session != NULL) {
        st = json_object_set(v, "session", session) == 0 ? MSE_OK : MSE_ERR_MEMORY;
    }
    char *text = st == MSE_OK ? json_dumps(v, JSON_COMPACT) : NULL;
    json_decref(v);
    if (text == NULL) {
        return api_failed(st == MSE_OK ? MSE_ERR_MEMORY : st, &err);
    }
    struct mse_reply *r = api_json(HTTP_OK);
    if (r != NULL) {
        mse_wr_str(&r->body, text);
    }
    free(text);
    return api_done(r);
}

static struct mse_reply *collect(struct evidence *e)
{
    struct mse_error err = { 0 };
    json_t *session = NULL;
    struct mse_reply *r = find(e);
    if (r != NULL) {
        return r;
    }
    _Atomic unsigned *asked = &e->c->api->counts.asked;
    if (atomic_fetch_add(asked, 1) >= MAX_ASKED) {
        (void)atomic_fetch_sub(asked, 1);
        return api_problem(HTTP_UNAVAILABLE, "Too many instances are being asked just now.");
    }
    mse_status st = ask(e, &err);
    (void)atomic_fetch_sub(asked, 1);
    if (st != MSE_OK) {
        return api_problem(HTTP_BAD_GATEWAY, "The instance does not answer: %s.",
                           err.text[0] != '\0' ? err.text : mse_status_text(st));
    }
    r = e->fresh ? session_of(&session, e) : NULL;
    r = r != NULL ? r : bundle_of(e, session);
    json_decref(session);
    return r;
}

struct mse_reply *api_app_evidence(struct api_call *c)
{
    const char *nonce = api_value(c, "nonce");
    struct evidence e = { .c = c, .fresh = nonce != NULL };
    if (nonce != NULL && !mse_hex_decode(e.nonce, sizeof e.nonce, mse_bytes_str(nonce))) {
        return api_problem(HTTP_UNPROCESSABLE, "nonce: wanted 64 hexadecimal digits.");
    }
    struct mse_reply *r = api_limit(c);
    if (r != NULL) {
        return r;
    }
    mse_build_heap(&e.pem, MAX_PEM);
    mse_build_heap(&e.answer, MSE_SESSION_FRAME_MAX + MSE_FRAME_HEAD);
    mse_build_heap(&e.manifest, MSE_OP_MAX_MANIFEST);
    r = collect(&e);
    mse_build_clear(&e.pem);
    mse_build_clear(&e.answer);
    mse_build_clear(&e.manifest);
    return r;
}
