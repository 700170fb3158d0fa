/* SPDX-License-Identifier: Apache-2.0 */
/* Field evidence of the shared vectors, as far as form goes. Skipped where they are absent. */
#include <mse/collateral.h>
#include <mse/evidence.h>

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "crypto/sign.h"
#include "crypto/x509.h"
#include "lib/testlib.h"

/* One case folder. */
struct vcase {
    const char *kind;
    char *dir;
    json_t *json;
    json_t *expected;
    json_t *files;
};

typedef void case_fn(const struct vcase *c);

static char *path_of(const char *dir, const char *name)
{
    char *path = NULL;
    assert_true(asprintf(&path, "%s/%s", dir, name) > 0);
    return path;
}

static void run_case(const char *kind, const char *kind_dir, const char *name, case_fn *fn)
{
    struct vcase c = { .kind = kind, .dir = path_of(kind_dir, name) };
    char *path = path_of(c.dir, "case.json");
    c.json = json_load_file(path, 0, NULL);
    free(path);
    if (c.json == NULL) {
        free(c.dir);
        return;
    }
    c.expected = json_object_get(c.json, "expected");
    c.files = json_object_get(c.json, "files");
    fn(&c);
    json_decref(c.json);
    free(c.dir);
}

/* Runs fn on every case of the kind; at least `least` must be there. */
static void each_case(const char *kind, size_t least, case_fn *fn)
{
    const char *root = test_vectors();
    if (root == NULL) {
        skip();
        return;
    }
    char *dir = path_of(root, kind);
    struct dirent **names = NULL;
    int num = scandir(dir, &names, NULL, alphasort);
    size_t done = 0;
    for (int i = 0; i < num; i++) {
        if (names[i]->d_name[0] != '.') {
            run_case(kind, dir, names[i]->d_name, fn);
            done++;
        }
        free(names[i]);
    }
    free(names);
    free(dir);
    assert_true(done >= least);
}

static struct mse_bytes file_of(const struct vcase *c, const char *role)
{
    struct mse_bytes none = { 0 };
    const char *name = json_string_value(json_object_get(c->files, role));
    if (name == NULL) {
        return none;
    }
    char *path = path_of(c->dir, name);
    struct mse_bytes b = test_read_file(path);
    free(path);
    return b;
}

static const char *want_str(const struct vcase *c, const char *key)
{
    return json_string_value(json_object_get(c->expected, key));
}

static bool has(const struct vcase *c, const char *key)
{
    json_t *v = json_object_get(c->expected, key);
    return v != NULL && !json_is_null(v);
}

static void release(struct mse_bytes b)
{
    union {
        const uint8_t *in;
        void *out;
    } p = { b.data };
    free(p.out);
}

static bool verdict_is(const struct vcase *c, const char *verdict)
{
    return strcmp(want_str(c, "verdict"), verdict) == 0;
}

static void check_hex(const struct vcase *c, const char *key, const void *p, size_t len)
{
    char text[2 * 64 + 1];
    if (!has(c, key)) {
        return;
    }
    assert_true(len <= 64);
    mse_hex_encode(text, mse_bytes_of(p, len));
    if (strcasecmp(text, want_str(c, key)) != 0) {
        fail_msg("%s: %s is %s, wanted %s", c->dir, key, text, want_str(c, key));
    }
}

static void check_int(const struct vcase *c, const char *key, int64_t seen)
{
    if (has(c, key)) {
        assert_int_equal(seen, json_integer_value(json_object_get(c->expected, key)));
    }
}

static void check_time(const struct vcase *c, const char *key, mse_time seen)
{
    char text[MSE_TIME_TEXT_LEN];
    mse_time_format(text, seen);
    assert_string_equal(text, want_str(c, key));
}

/* The signature of a reply by the leaf of its chain. */
static void check_signature(const struct vcase *c, struct mse_bytes body, const uint8_t sig[64])
{
    uint8_t der[4096];
    size_t len = 0;
    struct mse_cert cert;
    struct mse_bytes chain = file_of(c, "issuer_chain");
    struct mse_bytes in = chain;
    assert_status(mse_pem_next(&in, "CERTIFICATE", der, sizeof der, &len), MSE_OK);
    assert_status(mse_cert_parse(&cert, mse_bytes_of(der, len), NULL), MSE_OK);
    assert_int_equal(cert.key.type, MSE_KEY_P256);
    assert_status(mse_p256_verify(NULL, cert.key.raw.data + 1, sig, body), MSE_OK);
    release(chain);
}

static void check_statuses(const struct vcase *c, const enum mse_tcb_status *seen, size_t num)
{
    size_t i = 0;
    json_t *v = NULL;
    json_t *wanted = json_object_get(c->expected, "tcb_statuses");
    for (size_t k = 0; k < num; k++) {
        bool found = false;
        json_array_foreach(wanted, i, v)
        {
            found = found || strcmp(json_string_value(v), mse_tcb_status_name(seen[k])) == 0;
        }
        assert_true(found);
    }
}

static mse_status judge_tcb_info(const struct vcase *c, struct mse_bytes body,
                                 struct mse_error *err)
{
    struct mse_tcb_info *t = malloc(sizeof *t);
    assert_non_null(t);
    mse_status st = mse_tcb_info_parse(t, body, err);
    if (st == MSE_OK && verdict_is(c, "ok")) {
        enum mse_tcb_status seen[MSE_MAX_TCB_LEVELS];
        check_time(c, "issue_date", t->issue_date);
        check_time(c, "next_update", t->next_update);
        check_hex(c, "fmspc", t->fmspc, sizeof t->fmspc);
        check_int(c, "version", t->version);
        check_int(c, "tcb_type", t->tcb_type);
        check_int(c, "tcb_evaluation_data_number", t->tcb_evaluation_number);
        check_int(c, "tcb_levels", (int64_t)t->num_levels);
        for (size_t i = 0; i < t->num_levels; i++) {
            seen[i] = t->levels[i].status;
        }
        check_statuses(c, seen, t->num_levels);
        const char *id = want_str(c, "id");
        assert_int_equal(t->tee, id != NULL && strcmp(id, "TDX") == 0 ? MSE_TEE_TDX : MSE_TEE_SGX);
        json_t *modules = json_object_get(c->expected, "tdx_module_identities");
        assert_int_equal(t->num_tdx_modules, json_array_size(modules));
        for (size_t i = 0; i < t->num_tdx_modules; i++) {
            assert_true(mse_bytes_is_str(t->tdx_modules[i].id,
                                         json_string_value(json_array_get(modules, i))));
            assert_true(t->tdx_modules[i].num_levels > 0);
        }
    }
    free(t);
    return st;
}

static mse_status judge_identity(const struct vcase *c, struct mse_bytes body,
                                 struct mse_error *err)
{
    struct mse_qe_identity *q = malloc(sizeof *q);
    assert_non_null(q);
    mse_status st = mse_qe_identity_parse(q, body, err);
    if (st == MSE_OK && verdict_is(c, "ok")) {
        check_time(c, "issue_date", q->issue_date);
        check_time(c, "next_update", q->next_update);
        check_int(c, "version", q->version);
        check_int(c, "tcb_evaluation_data_number", q->tcb_evaluation_number);
        check_int(c, "tcb_levels", (int64_t)q->num_levels);
        assert_int_equal(q->misc_select_mask, 0xffffffff);
    }
    free(q);
    return st;
}

static mse_status judge_numbers(const struct vcase *c, struct mse_bytes body, struct mse_error *err)
{
    struct mse_tcb_eval_numbers n;
    mse_status st = mse_tcb_eval_numbers_parse(&n, body, err);
    json_t *wanted = json_object_get(c->expected, "tcb_evaluation_numbers");
    if (st == MSE_OK) {
        check_time(c, "issue_date", n.issue_date);
        check_time(c, "next_update", n.next_update);
        assert_int_equal(n.num, json_array_size(wanted));
        for (size_t i = 0; i < n.num; i++) {
            assert_int_equal(n.entries[i].number, json_integer_value(json_array_get(wanted, i)));
        }
    }
    return st;
}

static void judge_reply(const struct vcase *c, const char *type)
{
    struct mse_bytes response = file_of(c, "response");
    struct mse_bytes wanted_body = file_of(c, "signed_body");
    struct mse_bytes body = { 0 };
    uint8_t sig[64];
    struct mse_error err = { 0 };
    mse_status st = mse_signed_json_split(&body, sig, response, type, &err);
    if (st == MSE_OK && wanted_body.data != NULL) {
        assert_bytes(body, wanted_body);
        check_signature(c, body, sig);
    }
    if (st == MSE_OK) {
        st = strcmp(type, "tcbInfo") == 0           ? judge_tcb_info(c, body, &err)
             : strcmp(type, "enclaveIdentity") == 0 ? judge_identity(c, body, &err)
                                                    : judge_numbers(c, body, &err);
    }
    bool reject = verdict_is(c, "reject");
    if (reject && strcmp(want_str(c, "reason"), "signature") == 0) {
        reject = st != MSE_OK; /* form is not what is wrong with it, and there is no chain */
    }
    if ((st != MSE_OK) != reject) {
        fail_msg("%s: %s: %s %s", c->dir, mse_status_name(st), err.step, err.text);
    }
    release(response);
    release(wanted_body);
}

static void judge_crl(const struct vcase *c)
{
    static const char *const roles[] = { "crl", "crl_hex", "crl_pem" };
    struct mse_bytes der = file_of(c, "crl");
    for (size_t i = 0; i < MSE_ARRAY_LEN(roles); i++) {
        uint8_t buf[65536];
        struct mse_bytes in = file_of(c, roles[i]);
        struct mse_bytes out = { 0 };
        assert_status(mse_crl_decode(&out, buf, sizeof buf, in, NULL), MSE_OK);
        assert_bytes(out, der);
        release(in);
    }
    struct mse_crl_info info;
    assert_status(mse_crl_info_parse(&info, der, NULL), MSE_OK);
    check_int(c, "this_update", info.this_update);
    check_int(c, "next_update", info.next_update);
    json_t *revoked = json_object_get(c->expected, "revoked");
    assert_int_equal(info.num_revoked, json_array_size(revoked));
    struct mse_bytes it = info.revoked;
    struct mse_bytes serial = { 0 };
    struct mse_crl crl;
    assert_status(mse_crl_parse(&crl, der, NULL), MSE_OK);
    for (size_t i = 0; mse_crl_info_next(&it, &serial); i++) {
        char text[64];
        const char *want = json_string_value(json_array_get(revoked, i));
        mse_hex_encode(text, serial);
        assert_string_equal(strlen(want) % 2 == 1 ? text + 1 : text, want);
        assert_true(mse_crl_is_revoked(&crl, serial));
    }
    struct mse_bytes other = { (const uint8_t *)"\x01\x02", 2 };
    assert_false(mse_crl_is_revoked(&crl, other));
    release(der);
}

static void judge_pck(const struct vcase *c)
{
    struct mse_pck_info info;
    struct mse_bytes der = file_of(c, "certificate");
    assert_status(mse_pck_info_parse(&info, der, NULL), MSE_OK);
    const struct mse_pck_ext *e = &info.ext;
    check_hex(c, "serial", info.serial.data, info.serial.len);
    check_hex(c, "fmspc", e->fmspc, sizeof e->fmspc);
    check_hex(c, "pce_id", e->pce_id, sizeof e->pce_id);
    check_hex(c, "ppid", e->ppid, sizeof e->ppid);
    check_hex(c, "cpusvn", e->cpu_svn, sizeof e->cpu_svn);
    check_int(c, "pce_svn", e->pce_svn);
    json_t *svns = json_object_get(c->expected, "comp_svns");
    for (size_t i = 0; i < 16; i++) {
        assert_int_equal(e->comp_svn[i], json_integer_value(json_array_get(svns, i)));
    }
    static const char *const types[] = { "standard", "scalable", "scalable_with_integrity" };
    assert_string_equal(types[e->sgx_type], want_str(c, "sgx_type"));
    if (has(c, "platform_instance_id")) {
        check_hex(c, "platform_instance_id", e->platform_instance_id, 16);
    }
    assert_int_equal(e->has_platform_instance_id, has(c, "platform_instance_id"));
    release(der);
}

static void judge_collateral(const struct vcase *c)
{
    const char *type = want_str(c, "type");
    if (type == NULL) {
        judge_reply(c, "enclaveIdentity"); /* foreign containers, to be refused */
    } else if (strcmp(type, "crl") == 0) {
        judge_crl(c);
    } else if (strcmp(type, "pck") == 0) {
        judge_pck(c);
    } else {
        judge_reply(c, type);
    }
}

static void test_collateral(void **state)
{
    (void)state;
    each_case("collateral", 60, judge_collateral);
}

static bool reason_is(const struct vcase *c, const char *reason)
{
    const char *r = want_str(c, "reason");
    return r != NULL && strcmp(r, reason) == 0;
}

static void judge_sigstruct(const struct vcase *c)
{
    struct mse_sigstruct s;
    uint8_t signer[32];
    struct mse_bytes in = file_of(c, "sigstruct");
    mse_status st = mse_sigstruct_parse(&s, in, NULL);
    if (st == MSE_OK) {
        st = mse_sigstruct_verify(&s, NULL);
    }
    if (verdict_is(c, "ok")) {
        assert_status(st, MSE_OK);
        assert_status(mse_sigstruct_mrsigner(signer, &s), MSE_OK);
        check_hex(c, "mrsigner", signer, sizeof signer);
        check_hex(c, "mrenclave", s.enclave_hash, sizeof s.enclave_hash);
        check_int(c, "vendor", s.vendor);
        check_int(c, "isvprodid", s.isv_prod_id);
        check_int(c, "isvsvn", s.isv_svn);
    } else {
        assert_string_equal(mse_status_name(st), want_str(c, "reason"));
    }
    release(in);
}

static void test_sigstruct(void **state)
{
    (void)state;
    each_case("sigstruct", 15, judge_sigstruct);
}

/* Reasons that the parser alone finds. */
static bool is_form_reason(const struct vcase *c)
{
    return reason_is(c, "malformed") || reason_is(c, "unsupported_version") ||
           reason_is(c, "unsupported_ak_type") || reason_is(c, "unsupported_qe_vendor") ||
           (reason_is(c, "unsupported_cert_type") && strstr(c->dir, "cert-type-7") != NULL);
}

static void judge_quote(const struct vcase *c)
{
    struct mse_sgx_quote q;
    struct mse_error err = { 0 };
    struct mse_bytes in = file_of(c, "quote");
    mse_status st = mse_sgx_quote_parse(&q, in, &err);
    if (is_form_reason(c)) {
        if (strcmp(mse_status_name(st), want_str(c, "reason")) != 0) {
            fail_msg("%s: %s, wanted %s (%s)", c->dir, mse_status_name(st), want_str(c, "reason"),
                     err.text);
        }
    } else {
        if (st != MSE_OK) {
            fail_msg("%s: %s: %s", c->dir, mse_status_name(st), err.text);
        }
        check_hex(c, "mrenclave", q.body.mr_enclave, 32);
        check_hex(c, "mrsigner", q.body.mr_signer, 32);
        check_hex(c, "report_data", q.body.report_data, 64);
        check_int(c, "isvprodid", q.body.isv_prod_id);
        check_int(c, "isv_prod_id", q.body.isv_prod_id);
        check_int(c, "isvsvn", q.body.isv_svn);
        check_int(c, "isv_svn", q.body.isv_svn);
    }
    release(in);
}

static void test_quotes(void **state)
{
    (void)state;
    each_case("sgx-quote", 111, judge_quote);
}

static void judge_bundle(const struct vcase *c)
{
    struct mse_bundle b;
    struct mse_error err = { 0 };
    struct mse_bytes json = file_of(c, "evidence");
    uint8_t *scratch = malloc(2 * json.len + 1);
    assert_non_null(scratch);
    mse_status st = mse_bundle_parse(&b, scratch, 2 * json.len, json, &err);
    if (reason_is(c, "malformed") || reason_is(c, "malformed_or_ok")) {
        assert_status(st, MSE_ERR_MALFORMED);
        assert_string_equal(err.step, "tcb_info");
    } else {
        assert_status(st, MSE_OK);
        assert_int_equal(b.form, MSE_BUNDLE_OLDER);
        assert_true(b.certificates.len > 0 && b.signer_pk.len > 0);
    }
    struct mse_bytes crl = file_of(c, "pck_crl");
    if (crl.data != NULL) {
        struct mse_bytes tcb = file_of(c, "tcb_info");
        struct mse_bytes sig = file_of(c, "tcb_info_signature");
        struct mse_bytes qe = file_of(c, "qe_identity");
        struct mse_bytes root = file_of(c, "root_ca_crl");
        assert_bytes(b.collateral.tcb_info, tcb);
        assert_bytes(b.collateral.tcb_info_signature, sig);
        assert_bytes(b.collateral.qe_identity, qe);
        assert_bytes(b.collateral.root_ca_crl, root);
        if (strstr(c->dir, "fresh") == NULL) {
            assert_bytes(b.collateral.pck_crl, crl);
        }
        release(tcb);
        release(sig);
        release(qe);
        release(root);
    }
    release(crl);
    free(scratch);
    release(json);
}

static void test_older_bundles(void **state)
{
    (void)state;
    each_case("cosmian-evidence", 9, judge_bundle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_collateral),
        cmocka_unit_test(test_sigstruct),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_older_bundles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
