/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/flow.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"

static const char step[] = "login";

/* ---- where the user logs in */

/* spec: RFC 3986 §2.3: what is not unreserved is encoded. */
static void put_encoded(struct mse_build *b, const char *s)
{
    for (; *s != '\0'; s++) {
        bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
                     (*s >= '0' && *s <= '9') || strchr("-._~", *s) != NULL;
        if (plain) {
            mse_wr_u8(b, (uint8_t)*s);
        } else {
            mse_wr_printf(b, "%%%02X", (unsigned)(uint8_t)*s);
        }
    }
}

void cli_flow_put(struct mse_build *b, const char *name, const char *value)
{
    mse_wr_str(b, name);
    put_encoded(b, value);
}

/* spec: OpenID Connect Core 1.0, 3.1.2.1 */
mse_status cli_flow_url(struct mse_build *b, const char *endpoint, const struct cli_flow *f,
                        struct mse_error *err)
{
    uint8_t hash[32];
    char challenge[CLI_FLOW_SECRET_LEN];
    if (mse_sha256(hash, mse_bytes_str(f->verifier)) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_CRYPTO, step, "no SHA-256");
    }
    mse_base64url_encode(challenge, mse_bytes_of(hash, sizeof hash));
    mse_wr_str(b, endpoint);
    mse_wr_str(b, strchr(endpoint, '?') == NULL ? "?" : "&");
    cli_flow_put(b, "response_type=code&client_id=", f->client_id);
    cli_flow_put(b, "&redirect_uri=", f->redirect_uri);
    cli_flow_put(b, "&scope=", f->scopes);
    cli_flow_put(b, "&state=", f->state);
    cli_flow_put(b, "&nonce=", f->nonce);
    cli_flow_put(b, "&code_challenge_method=S256&code_challenge=", challenge);
    return mse_build_cstr(b) != NULL
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_NO_SPACE, step, "the page's address gets too long");
}

/* ---- what the browser brings */

enum field {
    FIELD_CODE,
    FIELD_STATE,
    FIELD_ISS,
    FIELD_ERROR,
    FIELD_DESCRIPTION,
    NUM_FIELDS,
};
static const char *const field_names[NUM_FIELDS] = { "code", "state", "iss", "error",
                                                     "error_description" };

struct answer {
    bool has[NUM_FIELDS];
    char text[NUM_FIELDS][CLI_FLOW_CODE_LEN];
};

struct mse_bytes cli_flow_cut(struct mse_bytes *rest, char stop)
{
    const uint8_t *at = rest->len == 0 ? NULL : memchr(rest->data, stop, rest->len);
    size_t len = at == NULL ? rest->len : (size_t)(at - rest->data);
    struct mse_bytes part = mse_bytes_of(rest->data, len);
    size_t skip = at == NULL ? len : len + 1;
    *rest = mse_bytes_of(rest->data + skip, rest->len - skip);
    return part;
}

/* spec: WHATWG URL, 5.1; without NUL. */
static bool decode(char *out, size_t cap, struct mse_bytes in)
{
    struct mse_build b;
    mse_build_fixed(&b, out, cap);
    while (in.len > 0) {
        uint8_t ch = in.data[0];
        size_t skip = 1;
        if (ch == '%') {
            if (in.len < 3 || !mse_hex_decode(&ch, 1, mse_bytes_of(in.data + 1, 2))) {
                return false;
            }
            skip = 3;
        } else if (ch == '+') {
            ch = ' ';
        }
        if (ch == '\0') {
            return false;
        }
        mse_wr_u8(&b, ch);
        in = mse_bytes_of(in.data + skip, in.len - skip);
    }
    return mse_build_cstr(&b) != NULL;
}

/* Fields that are not known are left out; one that is there twice could hide the other. */
static bool read_query(struct answer *a, struct mse_bytes query)
{
    while (query.len > 0) {
        struct mse_bytes value = cli_flow_cut(&query, '&');
        struct mse_bytes name = cli_flow_cut(&value, '=');
        for (size_t i = 0; i < NUM_FIELDS; i++) {
            if (!mse_bytes_is_str(name, field_names[i])) {
                continue;
            }
            if (a->has[i] || !decode(a->text[i], sizeof a->text[i], value)) {
                return false;
            }
            a->has[i] = true;
        }
    }
    return true;
}

static mse_status judge(struct answer *a, const char *wanted, const char *issuer,
                        struct mse_error *err)
{
    const char *state = a->text[FIELD_STATE];
    if (!a->has[FIELD_STATE] || strlen(state) != strlen(wanted) ||
        !mse_ct_equal(state, wanted, strlen(state))) {
        return MSE_FAIL(err, MSE_ERR_TOKEN_NONCE, step,
                        "the browser brought the answer to another login: begin again");
    }
    /* spec: RFC 9207 §2.4. */
    if (a->has[FIELD_ISS] && strcmp(a->text[FIELD_ISS], issuer) != 0) {
        return MSE_FAIL(err, MSE_ERR_TOKEN_ISSUER, step,
                        "the browser came back from \"%.120s\", wanted \"%.120s\"",
                        a->text[FIELD_ISS], issuer);
    }
    if (a->has[FIELD_ERROR]) {
        mse_utf8_printable(a->text[FIELD_ERROR]);
        mse_utf8_printable(a->text[FIELD_DESCRIPTION]);
        return MSE_FAIL(err, MSE_ERR_PEER_REFUSED, step, "the issuer says %.64s%s%.160s",
                        a->text[FIELD_ERROR], a->has[FIELD_DESCRIPTION] ? ": " : "",
                        a->text[FIELD_DESCRIPTION]);
    }
    if (a->text[FIELD_CODE][0] == '\0') {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, step, "the browser brought no code");
    }
    return MSE_OK;
}

mse_status cli_flow_answer(char code[CLI_FLOW_CODE_LEN], struct mse_bytes query, const char *state,
                           const char *issuer, struct mse_error *err)
{
    struct answer a = { .has = { false } };
    mse_status st = read_query(&a, query)
                        ? judge(&a, state, issuer, err)
                        : MSE_FAIL(err, MSE_ERR_MALFORMED, step,
                                   "the browser brought an answer that is not understood");
    if (st == MSE_OK) {
        memcpy(code, a.text[FIELD_CODE], CLI_FLOW_CODE_LEN);
    }
    mse_wipe(&a, sizeof a);
    return st;
}
