/* SPDX-License-Identifier: Apache-2.0 */
/* Kind collateral: CRLs, PCK certificates and signed JSON, each on its own. */
#include <dirent.h>

#include "conformance.h"

static struct mse_bytes str(const char *s)
{
    struct mse_bytes b = { (const uint8_t *)s, strlen(s) };
    return b;
}

/* "…,CN=Intel SGX Root CA": the commonName comes last. */
static void want_issuer(const struct conf_case *c, struct conf_outcome *o, struct mse_bytes cn)
{
    const char *issuer = conf_expected_text(c, "issuer");
    const char *at = issuer != NULL ? strstr(issuer, "CN=") : NULL;
    if (at != NULL && !conf_same_bytes(cn, str(at + 3))) {
        conf_differ(o, "issuer", issuer, "another");
    }
}

static const char *without_zeros(const char *hex)
{
    while (*hex == '0') {
        hex++;
    }
    return hex;
}

static void want_serial(const struct conf_case *c, struct conf_outcome *o, struct mse_bytes serial)
{
    char hex[2 * 64 + 1];
    const char *wanted = conf_expected_text(c, "serial");
    conf_hex(hex, serial.data, serial.len < 64 ? serial.len : 64);
    if (wanted != NULL && strcasecmp(without_zeros(hex), without_zeros(wanted)) != 0) {
        conf_differ(o, "serial", wanted, hex);
    }
}

/* CRLs. */

static bool has_serial(const json_t *list, struct mse_bytes serial)
{
    char hex[2 * 64 + 1];
    conf_hex(hex, serial.data, serial.len < 64 ? serial.len : 64);
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        if (json_is_string(item) &&
            strcasecmp(without_zeros(hex), without_zeros(json_string_value(item))) == 0) {
            return true;
        }
    }
    return false;
}

static void want_revoked(const struct conf_case *c, struct conf_outcome *o,
                         const struct mse_crl_info *info)
{
    const json_t *list = json_object_get(c->expected, "revoked");
    struct mse_bytes it = info->revoked;
    struct mse_bytes serial;
    size_t num = 0;
    while (mse_crl_info_next(&it, &serial)) {
        num++;
        if (!has_serial(list, serial)) {
            conf_differ(o, "revoked", "without it", "a serial");
        }
    }
    if (num != json_array_size(list) || num != info->num_revoked) {
        conf_differ(o, "revoked", "all of them", "another number");
    }
}

/* The same CRL in its other encodings must decode to the same DER. */
static void want_same_crl(struct conf_case *c, struct conf_outcome *o, const char *role,
                          struct mse_bytes der)
{
    struct mse_bytes in = conf_file(c, role);
    if (in.data == NULL) {
        return;
    }
    struct mse_error err = { .status = MSE_OK };
    struct mse_bytes out;
    uint8_t *buf = malloc(in.len + 1);
    if (buf == NULL || mse_crl_decode(&out, buf, in.len, in, &err) != MSE_OK ||
        !conf_same_bytes(out, der)) {
        conf_differ(o, role, "the same CRL", err.text);
    }
    free(buf);
}

static void run_crl(struct conf_case *c, struct conf_outcome *o)
{
    struct mse_error err = { .status = MSE_OK };
    struct mse_crl_info info;
    struct mse_bytes der = conf_crl_file(c, conf_has_role(c, "crl")       ? "crl"
                                            : conf_has_role(c, "crl_hex") ? "crl_hex"
                                                                          : "crl_pem");
    mse_status st = mse_crl_info_parse(&info, der, &err);
    bool parsed = st == MSE_OK;
    if (parsed) {
        st = mse_verify_crl(der, conf_file(c, "issuer_chain"), c->trusted_root, c->at, &err);
    }
    conf_judge_status(c, st, err.text, o);
    if (!parsed || strcmp(c->verdict, "ok") != 0) {
        return;
    }
    want_same_crl(c, o, "crl", der);
    want_same_crl(c, o, "crl_hex", der);
    want_same_crl(c, o, "crl_pem", der);
    want_issuer(c, o, info.issuer_cn);
    conf_want_time(c, o, "this_update", info.this_update);
    conf_want_time(c, o, "next_update", info.next_update);
    want_revoked(c, o, &info);
}

/* PCK certificates. */

static void want_components(const struct conf_case *c, struct conf_outcome *o,
                            const struct mse_pck_ext *e)
{
    const json_t *list = json_object_get(c->expected, "comp_svns");
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        if (i >= sizeof e->comp_svn || json_integer_value(item) != e->comp_svn[i]) {
            conf_differ(o, "comp_svns", "the list", "another");
            return;
        }
    }
}

static void want_extension(const struct conf_case *c, struct conf_outcome *o,
                           const struct mse_pck_ext *e)
{
    static const char *const types[] = { "standard", "scalable", "scalable_with_integrity" };
    conf_want_hex(c, o, "ppid", e->ppid, sizeof e->ppid);
    conf_want_hex(c, o, "fmspc", e->fmspc, sizeof e->fmspc);
    conf_want_hex(c, o, "pce_id", e->pce_id, sizeof e->pce_id);
    conf_want_hex(c, o, "cpusvn", e->cpu_svn, sizeof e->cpu_svn);
    conf_want_number(c, o, "pce_svn", e->pce_svn);
    conf_want_text(c, o, "sgx_type", e->sgx_type < 3 ? types[e->sgx_type] : "unknown");
    want_components(c, o, e);
    const json_t *id = json_object_get(c->expected, "platform_instance_id");
    if (id != NULL && json_is_null(id) == e->has_platform_instance_id) {
        conf_differ(o, "platform_instance_id", "as given", "not so");
    }
    if (e->has_platform_instance_id) {
        conf_want_hex(c, o, "platform_instance_id", e->platform_instance_id, 16);
    }
}

static void run_pck(struct conf_case *c, struct conf_outcome *o)
{
    struct mse_error err = { .status = MSE_OK };
    struct mse_pck_info info;
    struct mse_bytes der = conf_file(c, "certificate");
    mse_status st = mse_pck_info_parse(&info, der, &err);
    bool parsed = st == MSE_OK;
    if (parsed) {
        st = mse_verify_pck(der, conf_file(c, "issuer_chain"), c->trusted_root, c->at, &err);
    }
    conf_judge_status(c, st, err.text, o);
    if (!parsed || strcmp(c->verdict, "ok") != 0) {
        return;
    }
    want_extension(c, o, &info.ext);
    want_issuer(c, o, info.issuer_cn);
    want_serial(c, o, info.serial);
    conf_want_time(c, o, "not_before", info.not_before);
    conf_want_time(c, o, "not_after", info.not_after);
    struct mse_bytes raw = conf_file(c, "sgx_extension");
    struct mse_pck_ext e;
    if (raw.data != NULL && mse_pck_ext_parse(&e, raw, &err) != MSE_OK) {
        conf_differ(o, "sgx_extension", "parsed", err.text);
    } else if (raw.data != NULL) {
        want_extension(c, o, &e);
    }
}

/* Signed JSON. One of the three bodies, large. */

static struct mse_tcb_info tcb_info;
static struct mse_qe_identity identity;
static struct mse_tcb_eval_numbers numbers;

static const char *tee_id(enum mse_tee_kind tee)
{
    return tee == MSE_TEE_TDX ? "TDX" : "SGX";
}

static mse_status parse_body(const char *member, struct mse_bytes body, struct mse_error *err)
{
    if (strcmp(member, "tcbInfo") == 0) {
        return mse_tcb_info_parse(&tcb_info, body, err);
    }
    if (strcmp(member, "enclaveIdentity") == 0) {
        return mse_qe_identity_parse(&identity, body, err);
    }
    return mse_tcb_eval_numbers_parse(&numbers, body, err);
}

/* Distinct statuses, in the order in which they were met. */
struct words {
    size_t num;
    struct mse_bytes items[MSE_TCB_STATUS_COUNT];
};

static void add_status(struct words *w, enum mse_tcb_status s)
{
    struct mse_bytes name = str(mse_tcb_status_name(s));
    for (size_t i = 0; i < w->num; i++) {
        if (conf_same_bytes(w->items[i], name)) {
            return;
        }
    }
    w->items[w->num++] = name;
}

static void want_tcb_info(const struct conf_case *c, struct conf_outcome *o)
{
    struct words w = { .num = 0 };
    for (size_t i = 0; i < tcb_info.num_levels; i++) {
        add_status(&w, tcb_info.levels[i].status);
    }
    struct mse_bytes modules[MSE_MAX_TDX_MODULES];
    for (size_t i = 0; i < tcb_info.num_tdx_modules; i++) {
        modules[i] = tcb_info.tdx_modules[i].id;
    }
    if (tcb_info.version > 2) {
        conf_want_text(c, o, "id", tee_id(tcb_info.tee));
    }
    conf_want_number(c, o, "version", tcb_info.version);
    conf_want_time(c, o, "issue_date", tcb_info.issue_date);
    conf_want_time(c, o, "next_update", tcb_info.next_update);
    conf_want_hex(c, o, "fmspc", tcb_info.fmspc, 6);
    conf_want_number(c, o, "tcb_type", tcb_info.tcb_type);
    conf_want_number(c, o, "tcb_evaluation_data_number", tcb_info.tcb_evaluation_number);
    conf_want_number(c, o, "tcb_levels", (long long)tcb_info.num_levels);
    conf_want_set(c, o, "tcb_statuses", w.items, w.num);
    conf_want_set(c, o, "tdx_module_identities", modules, tcb_info.num_tdx_modules);
}

static void want_identity(const struct conf_case *c, struct conf_outcome *o)
{
    static const char *const ids[] = { "QE", "QVE", "TD_QE" };
    struct words w = { .num = 0 };
    for (size_t i = 0; i < identity.num_levels; i++) {
        add_status(&w, identity.levels[i].status);
    }
    conf_want_text(c, o, "id", ids[identity.id]);
    conf_want_number(c, o, "version", identity.version);
    conf_want_time(c, o, "issue_date", identity.issue_date);
    conf_want_time(c, o, "next_update", identity.next_update);
    conf_want_number(c, o, "tcb_evaluation_data_number", identity.tcb_evaluation_number);
    conf_want_number(c, o, "tcb_levels", (long long)identity.num_levels);
    conf_want_set(c, o, "tcb_statuses", w.items, w.num);
}

static void want_numbers(const struct conf_case *c, struct conf_outcome *o)
{
    const json_t *list = json_object_get(c->expected, "tcb_evaluation_numbers");
    conf_want_text(c, o, "id", tee_id(numbers.tee));
    conf_want_number(c, o, "version", numbers.version);
    conf_want_time(c, o, "issue_date", numbers.issue_date);
    conf_want_time(c, o, "next_update", numbers.next_update);
    bool same = !json_is_array(list) || json_array_size(list) == numbers.num;
    for (size_t i = 0; same && i < json_array_size(list); i++) {
        same = json_integer_value(json_array_get(list, i)) == numbers.entries[i].number;
    }
    if (!same) {
        conf_differ(o, "tcb_evaluation_numbers", "the list", "another");
    }
}

static void want_body(const struct conf_case *c, struct conf_outcome *o, const char *member)
{
    if (strcmp(member, "tcbInfo") == 0) {
        want_tcb_info(c, o);
    } else if (strcmp(member, "enclaveIdentity") == 0) {
        want_identity(c, o);
    } else {
        want_numbers(c, o);
    }
}

/* A response whose issuer chain is not among the files: the signer is looked for in the chains of
 * the other cases, for Intel has one at a time. The verdict is that of a chain that is good. */
static mse_status verify_with_known_signers(struct conf_case *c, struct mse_bytes body,
                                            const uint8_t sig[64], const char *member,
                                            struct mse_error *err)
{
    char parent[CONF_PATH_LEN];
    char path[CONF_PATH_LEN];
    conf_join(parent, c->dir, "..");
    DIR *d = opendir(parent);
    mse_status st = MSE_ERR_QE_IDENTITY_CHAIN_MALFORMED;
    const struct dirent *e = d != NULL ? readdir(d) : NULL;
    for (; e != NULL; e = readdir(d)) {
        conf_join(path, parent, e->d_name);
        conf_join(path, path, "issuer_chain.pem");
        struct mse_bytes chain = conf_read_file(path);
        struct mse_error one = { .status = MSE_OK };
        mse_status now = MSE_ERR_QE_IDENTITY_MISSING;
        if (chain.data != NULL) {
            now = mse_verify_signed_json(body, sig, chain, member, c->trusted_root, c->at, &one);
        }
        conf_free(&chain);
        if (now == MSE_OK || now == MSE_ERR_QE_IDENTITY_SIGNATURE ||
            now == MSE_ERR_TCB_INFO_SIGNATURE) {
            st = now;
            *err = one;
        }
        if (now == MSE_OK) {
            break;
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    return st;
}

static mse_status verify(struct conf_case *c, struct mse_bytes body, const uint8_t sig[64],
                         const char *member, struct mse_error *err)
{
    struct mse_bytes chain = conf_file(c, "issuer_chain");
    return chain.data != NULL
               ? mse_verify_signed_json(body, sig, chain, member, c->trusted_root, c->at, err)
               : verify_with_known_signers(c, body, sig, member, err);
}

/* The service's own form, {"<member>": {…}, "signature": "…"}. */
static const char *member_of_response(struct mse_bytes response)
{
    static const char *const members[] = { "tcbInfo", "enclaveIdentity",
                                           "tcbEvaluationDataNumbers" };
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        struct mse_bytes body;
        uint8_t sig[64];
        if (mse_signed_json_split(&body, sig, response, members[i], NULL) == MSE_OK) {
            return members[i];
        }
    }
    return NULL;
}

static bool is_schema_case(const struct conf_case *c)
{
    return !c->has_time;
}

/* Schema cases: the reasons name members, our statuses name the document; which member it was is in
 * the text. */
static void judge_schema(const struct conf_case *c, mse_status st, const struct mse_error *err,
                         struct conf_outcome *o)
{
    bool refused = st == MSE_ERR_MALFORMED || st == MSE_ERR_TCB_INFO_MALFORMED ||
                   st == MSE_ERR_TCB_INFO_UNSUPPORTED_VERSION ||
                   st == MSE_ERR_QE_IDENTITY_MALFORMED ||
                   st == MSE_ERR_QE_IDENTITY_UNSUPPORTED_VERSION;
    conf_say(o->got, "%s%s%s", mse_status_name(st), err->text[0] != '\0' ? ": " : "", err->text);
    bool good = strcmp(c->verdict, "reject") == 0 ? refused : st == MSE_OK;
    o->result = good ? CONF_PASS : CONF_FAIL;
}

/* The library judges the dates of a document with the quote that it serves; here there is none. */
static mse_status judge_window(const struct conf_case *c, const char *member)
{
    bool is_identity = strcmp(member, "enclaveIdentity") == 0;
    bool is_info = strcmp(member, "tcbInfo") == 0;
    mse_time from =
        is_identity ? identity.issue_date : (is_info ? tcb_info.issue_date : numbers.issue_date);
    mse_time until =
        is_identity ? identity.next_update : (is_info ? tcb_info.next_update : numbers.next_update);
    if (c->at < from) {
        return is_identity ? MSE_ERR_QE_IDENTITY_NOT_YET_VALID : MSE_ERR_TCB_INFO_NOT_YET_VALID;
    }
    if (c->at > until) {
        return is_identity ? MSE_ERR_QE_IDENTITY_EXPIRED : MSE_ERR_TCB_INFO_EXPIRED;
    }
    return MSE_OK;
}

static void run_signed(struct conf_case *c, struct conf_outcome *o, const char *member)
{
    struct mse_error err = { .status = MSE_OK };
    struct mse_bytes body = { NULL, 0 };
    uint8_t sig[64];
    mse_status st = mse_signed_json_split(&body, sig, conf_file(c, "response"), member, &err);
    if (st == MSE_OK) {
        st = parse_body(member, body, &err);
    }
    if (is_schema_case(c)) {
        judge_schema(c, st, &err, o);
        return;
    }
    bool parsed = st == MSE_OK;
    if (body.len > 0) {
        /* A wrong signature comes before a wrong content: that is what most verifiers look at. */
        struct mse_error sig_err = { .status = MSE_OK };
        mse_status sig_st = verify(c, body, sig, member, &sig_err);
        st = sig_st != MSE_OK ? sig_st : st;
        err = sig_st != MSE_OK ? sig_err : err;
    }
    st = st == MSE_OK ? judge_window(c, member) : st;
    conf_judge_status(c, st, err.text, o);
    if (parsed && strcmp(c->verdict, "ok") == 0) {
        want_body(c, o, member);
        struct mse_bytes exact = conf_file(c, "signed_body");
        struct mse_bytes raw = conf_file(c, "signature");
        struct mse_bytes mine = { sig, sizeof sig };
        bool same = (exact.data == NULL || conf_same_bytes(exact, body)) &&
                    (raw.data == NULL || conf_same_bytes(raw, mine));
        if (!same) {
            conf_differ(o, "response", "the signed bytes", "other bytes");
        }
    }
}

/* Another container: the signed bytes as a string, a DER signature as an array of numbers, the
 * chain as an array of PEM texts. */

/* One INTEGER of an ECDSA signature into 32 bytes. */
static bool rd_integer(const uint8_t **at, const uint8_t *end, uint8_t out[32])
{
    if (end - *at < 2 || (*at)[0] != 0x02 || (*at)[1] > 33 || end - *at < 2 + (*at)[1]) {
        return false;
    }
    size_t len = (*at)[1];
    const uint8_t *p = *at + 2;
    *at += 2 + len;
    for (; len > 32; len--) {
        if (*p++ != 0) {
            return false;
        }
    }
    for (size_t i = 0; i < 32; i++) {
        out[i] = i < 32 - len ? 0 : p[i - (32 - len)];
    }
    return true;
}

static bool rd_der_signature(const json_t *list, uint8_t sig[64])
{
    uint8_t der[80];
    size_t len = json_array_size(list);
    if (len < 8 || len > sizeof der) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        der[i] = (uint8_t)json_integer_value(json_array_get(list, i));
    }
    const uint8_t *at = der + 2;
    return der[0] == 0x30 && der[1] == len - 2 && rd_integer(&at, der + len, sig) &&
           rd_integer(&at, der + len, sig + 32) && at == der + len;
}

static void join_chain(char *out, size_t cap, const json_t *list)
{
    size_t i;
    const json_t *item;
    size_t len = 0;
    out[0] = '\0';
    json_array_foreach(list, i, item)
    {
        const char *pem = json_is_string(item) ? json_string_value(item) : "";
        size_t n = strlen(pem);
        if (n + 2 > cap - len) {
            return;
        }
        for (size_t k = 0; k < n; k++) {
            out[len++] = pem[k];
        }
        if (n > 0 && pem[n - 1] != '\n') {
            out[len++] = '\n';
        }
        out[len] = '\0';
    }
}

static bool run_container(struct conf_case *c, struct conf_outcome *o)
{
    struct mse_bytes text = conf_file(c, "response");
    json_t *j = json_loadb((const char *)text.data, text.len, 0, NULL);
    const char *id = json_string_value(json_object_get(j, "raw_enclave_identity"));
    const char *tcb = json_string_value(json_object_get(j, "raw_tcb_info"));
    if (id == NULL && tcb == NULL) {
        json_decref(j);
        return false;
    }
    struct mse_error err = { .status = MSE_OK };
    static char chain[32768];
    uint8_t sig[64];
    mse_status st = MSE_ERR_SIGNATURE;
    join_chain(chain, sizeof chain, json_object_get(j, "ca_chain"));
    if (rd_der_signature(json_object_get(j, "signature"), sig)) {
        st = mse_verify_signed_json(str(id != NULL ? id : tcb), sig, str(chain),
                                    id != NULL ? "enclaveIdentity" : "tcbInfo", c->trusted_root,
                                    c->at, &err);
    }
    conf_judge_status(c, st, err.text, o);
    json_decref(j);
    return true;
}

void conf_run_collateral(struct conf_case *c, struct conf_outcome *o)
{
    const char *type = conf_expected_text(c, "type");
    if (type == NULL && run_container(c, o)) {
        return;
    }
    if (type == NULL) {
        type = member_of_response(conf_file(c, "response"));
    }
    if (type == NULL) {
        conf_judge_status(c, MSE_ERR_MALFORMED, "no form that is known", o);
    } else if (strcmp(type, "crl") == 0) {
        run_crl(c, o);
    } else if (strcmp(type, "pck") == 0) {
        run_pck(c, o);
    } else {
        run_signed(c, o, type);
    }
}
