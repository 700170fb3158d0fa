/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a .mse file: canonical JSON (RFC 8785). */
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "package/members.h"
#include "package/parcel.h"

#define STEP    "head"
#define VERSION 1

void mse_parcel_clear(struct mse_parcel *p)
{
    free(p->mse_toml);
    free(p->ssl_chain);
    free(p->client_ca);
    *p = (struct mse_parcel) { 0 };
}

/* A text that may be missing, and a comma behind it. */
static void write_optional(struct mse_build *b, const char *name, const char *text)
{
    if (text != NULL) {
        mse_wr_printf(b, "\"%s\":", name);
        mse_member_write_text(b, text);
        mse_wr_u8(b, ',');
    }
}

void mse_parcel_head_write(struct mse_build *b, const struct mse_parcel *p)
{
    mse_wr_u8(b, '{');
    write_optional(b, "client_ca", p->client_ca);
    mse_wr_str(b, "\"code_digest\":\"");
    mse_wr_hex(b, p->code_digest, sizeof p->code_digest);
    mse_wr_str(b, "\",\"mse_toml\":");
    mse_member_write_text(b, p->mse_toml);
    mse_wr_printf(b, ",\"package\":\"%s\",", p->encrypted ? "encrypted" : "plain");
    write_optional(b, "ssl_certificate_chain", p->ssl_chain);
    mse_wr_str(b, "\"tests_sha256\":\"");
    mse_wr_hex(b, p->tests_sha256, sizeof p->tests_sha256);
    mse_wr_printf(b, "\",\"tests_size\":%llu,\"version\":%d}", (unsigned long long)p->tests_size,
                  VERSION);
}

static bool read_hex(uint8_t out[32], json_t *v)
{
    return json_is_string(v) &&
           mse_hex_decode(out, 32, mse_bytes_of(json_string_value(v), json_string_length(v)));
}

static bool read_optional(char **out, json_t *v)
{
    return v == NULL || (mse_member_read_text(out, v) && **out != '\0');
}

/* A wrong word becomes "plain", which the comparison with the canonical form then finds. */
static mse_status read_members(struct mse_parcel *p, json_t *root, struct mse_error *err)
{
    uint64_t version = 0;
    if (!mse_member_read_uint(&version, json_object_get(root, "version"), UINT32_MAX)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "version: wanted a number");
    }
    if (version != VERSION) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED_VERSION, STEP, "version %llu, wanted %d",
                        (unsigned long long)version, VERSION);
    }
    const char *kind = json_string_value(json_object_get(root, "package"));
    p->encrypted = kind != NULL && strcmp(kind, "encrypted") == 0;
    const struct {
        const char *name;
        bool good;
    } rows[] = {
        { "client_ca", read_optional(&p->client_ca, json_object_get(root, "client_ca")) },
        { "code_digest", read_hex(p->code_digest, json_object_get(root, "code_digest")) },
        { "mse_toml", mse_member_read_text(&p->mse_toml, json_object_get(root, "mse_toml")) },
        { "package", p->encrypted || (kind != NULL && strcmp(kind, "plain") == 0) },
        { "ssl_certificate_chain",
          read_optional(&p->ssl_chain, json_object_get(root, "ssl_certificate_chain")) },
        { "tests_sha256", read_hex(p->tests_sha256, json_object_get(root, "tests_sha256")) },
        { "tests_size", mse_member_read_uint(&p->tests_size, json_object_get(root, "tests_size"),
                                             MSE_PARCEL_MAX_TESTS) },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(rows); i++) {
        if (!rows[i].good) {
            return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "%s is missing or wrong", rows[i].name);
        }
    }
    return MSE_OK;
}

static mse_status check_canonical(const struct mse_parcel *p, struct mse_bytes json,
                                  struct mse_error *err)
{
    struct mse_build b;
    mse_build_heap(&b, MSE_PARCEL_MAX_HEAD);
    mse_parcel_head_write(&b, p);
    bool same = mse_build_ok(&b) && mse_bytes_equal(mse_build_view(&b), json);
    mse_build_clear(&b);
    return same ? MSE_OK
                : MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                           "not in canonical form (RFC 8785), or with unknown members");
}

mse_status mse_parcel_head_parse(struct mse_parcel *out, struct mse_bytes json,
                                 struct mse_error *err)
{
    json_error_t where;
    json_t *root = json_loadb((const char *)json.data, json.len, JSON_REJECT_DUPLICATES, &where);
    struct mse_parcel p = { 0 };
    mse_status st = MSE_OK;
    if (root == NULL || !json_is_object(root)) {
        st = MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "not a JSON object: %s",
                      root == NULL ? where.text : "another type");
    }
    st = st == MSE_OK ? read_members(&p, root, err) : st;
    st = st == MSE_OK ? check_canonical(&p, json, err) : st;
    st = st == MSE_OK ? mse_sha256(p.head_sha256, json) : st;
    if (st == MSE_OK) {
        *out = p;
    } else {
        mse_parcel_clear(&p);
    }
    json_decref(root);
    return st;
}
