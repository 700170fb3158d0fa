/* SPDX-License-Identifier: Apache-2.0 */
/* Profile R2: a certificate and its CA, made and judged; every CA that is not exactly what an
 * enclave makes is refused by its status. */
#include "lab.h"

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/x509.h"
#include "ratls/identity.h"
#include "ratls/oids.h"
#include "ratls/profile.h"

#define BEGIN (LAB_NOW - 3600)
#define END   (LAB_NOW + 30 * LAB_DAY)
#define MAX   ((size_t)65536)

static struct mse_verdict verdict;

/* A CA's key with its hash, and the CN that goes with it. */
struct authority {
    struct mse_privkey *key;
    uint8_t sha256[32];
    char cn[64];
    uint8_t key_id[MSE_PROFILE_KEY_ID_LEN];
};

static void authority_make(struct authority *a)
{
    uint8_t point[65] = { 4 };
    assert_status(mse_privkey_generate_p256(&a->key), MSE_OK);
    assert_status(mse_privkey_spki_sha256(a->key, a->sha256), MSE_OK);
    assert_status(mse_privkey_point(a->key, point + 1), MSE_OK);
    assert_status(mse_profile_key_id(a->key_id, MSE_OID(point)), MSE_OK);
    (void)snprintf(a->cn, sizeof a->cn, "RA-TLS CA ");
    mse_hex_encode(a->cn + 10, mse_bytes_of(a->sha256, 16));
}

/* Evidence that names this CA; NULL: none. */
static void evidence(struct lab *l, const struct authority *a)
{
    const struct mse_ratls_claims_params p = {
        .role = MSE_ROLE_SERVER_STATIC,
        .ca_sha256 = mse_bytes_of(a == NULL ? NULL : a->sha256, a == NULL ? 0 : 32)
    };
    lab_evidence(l, &p);
}

/* The certificate as the runtime makes it under this CA, in lab->cert. */
static void leaf(struct lab *l, const struct authority *a)
{
    const struct mse_ratls_cert_params p = { .key = l->key,
                                             .dns_name = LAB_HOST,
                                             .not_before = BEGIN,
                                             .not_after = END,
                                             .evidence = mse_build_view(&l->evidence),
                                             .ca = a->key };
    mse_build_reset(&l->cert);
    assert_status(mse_ratls_cert_make(&l->cert, &p, NULL), MSE_OK);
}

static void append_ca(struct lab *l, const struct authority *a)
{
    const struct mse_ratls_ca_params p = {
        .key = a->key, .dns_name = LAB_HOST, .not_before = BEGIN, .not_after = END
    };
    assert_status(mse_ratls_ca_make(&l->cert, &p, NULL), MSE_OK);
}

static mse_status judge_at(const struct lab *l, const char *host)
{
    struct mse_error err = { .status = MSE_OK };
    mse_status st = mse_ratls_appraise(&verdict, NULL, NULL, mse_build_view(&l->cert), host,
                                       &l->bundle.collateral, &l->policy, LAB_NOW, &err);
    assert_status(err.status, st);
    assert_true(verdict.accepted == (st == MSE_OK));
    return st;
}

static mse_status judge(const struct lab *l)
{
    return judge_at(l, LAB_HOST);
}

/* ---- what the runtime makes ---- */

static void two_names_share_a_ca_key(void **state)
{
    struct lab *l = *state;
    static const char *const names[] = { LAB_HOST, "config.example.org" };
    struct mse_build certs[2];
    struct mse_build *const outs[] = { &certs[0], &certs[1] };
    struct mse_ratls_cert c[2];
    const struct mse_ratls_identity_params p = {
        .quote = lab_quote_fn, .quote_arg = l, .not_before = BEGIN, .not_after = END, .ca = true
    };
    mse_build_heap(&certs[0], MAX);
    mse_build_heap(&certs[1], MAX);
    assert_status(mse_ratls_issue_names(outs, names, 2, l->key, &p, NULL), MSE_OK);
    for (size_t i = 0; i < 2; i++) {
        uint8_t sha256[32];
        bool has_ca = false;
        assert_status(mse_ratls_read(&c[i], mse_build_view(&certs[i]), NULL), MSE_OK);
        assert_int_equal(c[i].der.len + c[i].ca.len, certs[i].len);
        assert_true(c[i].ca.len > 0 && c[i].ca.len < 1024);
        assert_status(mse_ratls_check_ca(&c[i], NULL), MSE_OK);
        assert_status(mse_ratls_check_self_signature(&c[i], NULL), MSE_ERR_CERTIFICATE_SIGNATURE);
        assert_status(mse_ratls_ca_sha256(sha256, &has_ca, mse_build_view(&certs[i])), MSE_OK);
        assert_true(has_ca);
        assert_bytes(c[i].claims.ca_hash, mse_bytes_of(sha256, 32));
        mse_build_reset(&l->cert);
        mse_wr_bytes(&l->cert, mse_build_view(&certs[i]));
        assert_status(judge_at(l, names[i]), MSE_OK);
        assert_status(judge_at(l, names[1 - i]), MSE_ERR_CERTIFICATE_NAME);
    }
    /* one key, but each CA is for its own name */
    assert_bytes(c[0].claims.ca_hash, c[1].claims.ca_hash);
    struct mse_bytes ca = c[0].ca;
    c[0].ca = c[1].ca;
    assert_status(mse_ratls_check_ca(&c[0], NULL), MSE_ERR_CA_CONSTRAINTS);
    c[0].ca = ca;
    mse_build_clear(&certs[0]);
    mse_build_clear(&certs[1]);
}

static void layout_is_r2(void **state)
{
    struct lab *l = *state;
    struct authority a;
    struct mse_ratls_cert c;
    struct mse_cert x;
    struct mse_cert ca;
    struct mse_bytes value;
    bool critical = false;
    uint8_t aki[24] = { 0x30, 0x16, 0x80, 0x14 };
    authority_make(&a);
    evidence(l, &a);
    leaf(l, &a);
    append_ca(l, &a);
    assert_status(judge(l), MSE_OK);
    assert_status(mse_ratls_read(&c, mse_build_view(&l->cert), NULL), MSE_OK);
    assert_status(mse_cert_parse(&x, c.der, NULL), MSE_OK);
    assert_status(mse_cert_parse(&ca, c.ca, NULL), MSE_OK);
    assert_bytes(x.issuer, ca.subject);
    assert_bytes(ca.issuer, ca.subject);
    assert_false(mse_bytes_equal(x.subject, x.issuer));
    assert_bytes(mse_name_common_name(ca.subject), mse_bytes_str(a.cn));
    assert_true(ca.is_ca && ca.has_path_len && ca.path_len == 0);
    assert_int_equal(ca.key_usage, MSE_KU_KEY_CERT_SIGN);
    assert_true(mse_cert_extension(&ca, MSE_OID(mse_oid_name_constraints), &value, &critical));
    assert_true(critical);
    assert_false(mse_cert_extension(&ca, MSE_OID(mse_oid_dice), &value, NULL));
    memcpy(aki + 4, a.key_id, sizeof a.key_id);
    assert_true(mse_cert_extension(&x, MSE_OID(mse_oid_authority_key_id), &value, NULL));
    assert_bytes(value, MSE_OID(aki));
    mse_privkey_free(a.key);
}

static void an_address_has_no_ca(void **state)
{
    struct lab *l = *state;
    struct authority a;
    authority_make(&a);
    evidence(l, &a);
    struct mse_ratls_cert_params p = { .key = l->key,
                                       .dns_name = "127.0.0.1",
                                       .not_after = END,
                                       .evidence = mse_build_view(&l->evidence),
                                       .ca = a.key };
    const struct mse_ratls_ca_params ca = { .key = a.key, .dns_name = "::1", .not_after = END };
    const struct mse_ratls_ca_params wild = { .key = a.key,
                                              .dns_name = "*.example.org",
                                              .not_after = END };
    const struct mse_ratls_ca_params late = {
        .key = a.key, .dns_name = LAB_HOST, .not_before = END, .not_after = BEGIN
    };
    mse_build_reset(&l->cert);
    assert_status(mse_ratls_cert_make(&l->cert, &p, NULL), MSE_ERR_ARGUMENT);
    assert_status(mse_ratls_ca_make(&l->cert, &ca, NULL), MSE_ERR_ARGUMENT);
    assert_status(mse_ratls_ca_make(&l->cert, &wild, NULL), MSE_ERR_ARGUMENT);
    assert_status(mse_ratls_ca_make(&l->cert, &late, NULL), MSE_ERR_ARGUMENT);
    assert_int_equal(l->cert.len, 0);
    p.ca = NULL;
    assert_status(mse_ratls_cert_make(&l->cert, &p, NULL), MSE_OK);
    mse_privkey_free(a.key);
}

/* ---- who names whom, who signs what ---- */

static void claim_and_ca_go_together(void **state)
{
    struct lab *l = *state;
    struct authority a;
    struct authority other;
    struct mse_ratls_cert c;
    authority_make(&a);
    authority_make(&other);
    evidence(l, &a);
    leaf(l, &a);
    assert_status(judge(l), MSE_ERR_CA_MISSING);
    append_ca(l, &other);
    assert_status(judge(l), MSE_ERR_CA_MISMATCH);
    /* signed by one CA, beside it the one that is claimed */
    leaf(l, &other);
    append_ca(l, &a);
    assert_status(judge(l), MSE_ERR_CA_SIGNATURE);
    /* a claim, and signed by itself */
    lab_cert(l);
    assert_status(judge(l), MSE_ERR_CA_MISSING);
    append_ca(l, &a);
    assert_status(judge(l), MSE_ERR_CA_SIGNATURE);
    /* no claim */
    evidence(l, NULL);
    leaf(l, &a);
    assert_status(judge(l), MSE_ERR_CERTIFICATE_SIGNATURE);
    append_ca(l, &a);
    assert_status(judge(l), MSE_ERR_CA_NOT_CLAIMED);
    /* what comes along with R1 proves nothing, and is nothing */
    lab_cert(l);
    append_ca(l, &a);
    assert_status(judge(l), MSE_OK);
    assert_status(mse_ratls_read(&c, mse_build_view(&l->cert), NULL), MSE_OK);
    assert_status(mse_ratls_check_ca(&c, NULL), MSE_ERR_CA_NOT_CLAIMED);
    mse_privkey_free(a.key);
    mse_privkey_free(other.key);
}

static void a_claim_is_the_enclaves(void **state)
{
    struct lab *l = *state;
    const uint8_t ca[32] = { 1 };
    struct mse_ratls_claims_params p = { .role = MSE_ROLE_APP, .ca_sha256 = MSE_OID(ca) };
    mse_build_reset(&l->claims);
    assert_status(mse_ratls_claims_make(&l->claims, &p), MSE_ERR_ARGUMENT);
    p.role = MSE_ROLE_SERVER_SESSION;
    p.key_origin = MSE_KEY_ORIGIN_OWNER;
    assert_status(mse_ratls_claims_make(&l->claims, &p), MSE_ERR_ARGUMENT);
    p.key_origin = MSE_KEY_ORIGIN_ENCLAVE;
    assert_status(mse_ratls_claims_make(&l->claims, &p), MSE_OK);
}

/* ---- CAs of other forms ---- */

enum {
    BASIC,
    USAGE,
    EXTENDED,
    CONSTRAINTS,
    KEY_ID,
    NUM_EXT,
};

/* The extensions of a good CA, to be changed one by one. */
struct good {
    struct lab_ext exts[NUM_EXT + 1];
    uint8_t key_id[2 + MSE_PROFILE_KEY_ID_LEN];
    uint8_t constraints[256];
};

static const uint8_t basic[] = { 0x30, 0x06, 0x01, 0x01, 0xff, 0x02, 0x01, 0x00 };
static const uint8_t usage[] = { 0x03, 0x02, 0x02, 0x04 };
static const uint8_t extended[] = { 0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06,
                                    0x01, 0x05, 0x05, 0x07, 0x03, 0x01 };

static void good_make(struct good *g, const struct authority *a)
{
    struct mse_build b;
    mse_build_fixed(&b, g->constraints, sizeof g->constraints);
    mse_profile_constraints(&b, mse_bytes_str(LAB_HOST));
    g->key_id[0] = 0x04;
    g->key_id[1] = MSE_PROFILE_KEY_ID_LEN;
    memcpy(g->key_id + 2, a->key_id, sizeof a->key_id);
    g->exts[BASIC] = (struct lab_ext) { MSE_OID(mse_oid_basic_constraints), MSE_OID(basic), true };
    g->exts[USAGE] = (struct lab_ext) { MSE_OID(mse_oid_key_usage), MSE_OID(usage), true };
    g->exts[EXTENDED] =
        (struct lab_ext) { MSE_OID(mse_oid_ext_key_usage), MSE_OID(extended), false };
    g->exts[CONSTRAINTS] =
        (struct lab_ext) { MSE_OID(mse_oid_name_constraints), mse_build_view(&b), true };
    g->exts[KEY_ID] =
        (struct lab_ext) { MSE_OID(mse_oid_subject_key_id), MSE_OID(g->key_id), false };
    g->exts[NUM_EXT] = (struct lab_ext) { MSE_OID(mse_oid_dice), mse_bytes_str("x"), false };
}

static struct lab_forged forged(const struct authority *a, const struct lab_ext *exts, size_t num)
{
    const struct lab_forged f = { .subject = a->cn,
                                  .issuer = a->cn,
                                  .key = a->key,
                                  .signer = a->key,
                                  .not_before = BEGIN,
                                  .not_after = END,
                                  .exts = exts,
                                  .num = num };
    return f;
}

/* What becomes of the certificate in lab->cert with this CA behind it. */
static mse_status with(struct lab *l, const struct lab_forged *f)
{
    size_t len = l->cert.len;
    lab_forge_any(&l->cert, f);
    mse_status st = judge(l);
    l->cert.len = len;
    return st;
}

static void only_the_form_of_ours_is_a_ca(void **state)
{
    static const struct {
        const char *value; /* NULL: the extension is left out */
        size_t len;
        size_t ext;
        mse_status want;
        bool critical;
    } cases[] = {
#define CASE(ext, critical, value, want) { value, sizeof(value) - 1, ext, want, critical }
        CASE(BASIC, true, "\x30\x06\x01\x01\xff\x02\x01\x00", MSE_OK),
        CASE(BASIC, false, "\x30\x06\x01\x01\xff\x02\x01\x00", MSE_ERR_CA_PROFILE),
        CASE(BASIC, true, "\x30\x06\x01\x01\xff\x02\x01\x01", MSE_ERR_CA_PROFILE),
        CASE(BASIC, true, "\x30\x03\x01\x01\xff", MSE_ERR_CA_PROFILE),
        CASE(BASIC, true, "\x30\x00", MSE_ERR_CA_PROFILE),
        { NULL, 0, BASIC, MSE_ERR_CA_PROFILE, true },
        CASE(USAGE, true, "\x03\x02\x01\x06", MSE_ERR_CA_PROFILE), /* and cRLSign */
        CASE(USAGE, true, "\x03\x02\x02\x84", MSE_ERR_CA_PROFILE), /* and digitalSignature */
        CASE(USAGE, true, "\x03\x02\x07\x80", MSE_ERR_CA_PROFILE),
        CASE(USAGE, false, "\x03\x02\x02\x04", MSE_ERR_CA_PROFILE),
        { NULL, 0, USAGE, MSE_ERR_CA_PROFILE, true },
        CASE(EXTENDED, false,
             "\x30\x14\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01\x06\x08\x2b\x06\x01\x05\x05\x07\x03"
             "\x02",
             MSE_ERR_CA_PROFILE), /* and clientAuth */
        CASE(EXTENDED, false, "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x03",
             MSE_ERR_CA_PROFILE), /* codeSigning */
        CASE(EXTENDED, false, "\x30\x06\x06\x04\x55\x1d\x25\x00", MSE_ERR_CA_PROFILE), /* any */
        CASE(EXTENDED, true, "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01",
             MSE_ERR_CA_PROFILE),
        { NULL, 0, EXTENDED, MSE_ERR_CA_PROFILE, false },
        CASE(KEY_ID, false,
             "\x04\x14"
             "aaaaaaaaaaaaaaaaaaaa",
             MSE_ERR_CA_PROFILE),
        { NULL, 0, KEY_ID, MSE_ERR_CA_PROFILE, false },
        { NULL, 0, CONSTRAINTS, MSE_ERR_CA_CONSTRAINTS, true },
        CASE(CONSTRAINTS, true, "\x30\x00", MSE_ERR_CA_CONSTRAINTS),
        CASE(CONSTRAINTS, true, "", MSE_ERR_CA_CONSTRAINTS),
    };
    struct lab *l = *state;
    struct authority a;
    authority_make(&a);
    evidence(l, &a);
    leaf(l, &a);
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        struct good g;
        good_make(&g, &a);
        size_t at = cases[i].ext;
        g.exts[at].critical = cases[i].critical;
        g.exts[at].value = mse_bytes_of(cases[i].value, cases[i].len);
        if (cases[i].value == NULL) {
            memmove(&g.exts[at], &g.exts[at + 1], (NUM_EXT - at) * sizeof g.exts[0]);
        }
        struct lab_forged f = forged(&a, g.exts, cases[i].value == NULL ? NUM_EXT - 1 : NUM_EXT);
        assert_status(with(l, &f), cases[i].want);
    }
    mse_privkey_free(a.key);
}

static void extensions_are_these_in_this_order(void **state)
{
    struct lab *l = *state;
    struct authority a;
    struct good g;
    authority_make(&a);
    evidence(l, &a);
    leaf(l, &a);
    good_make(&g, &a);
    struct lab_forged f = forged(&a, g.exts, NUM_EXT);
    assert_status(with(l, &f), MSE_OK);
    f.num = NUM_EXT + 1;
    assert_status(with(l, &f), MSE_ERR_CA_PROFILE);
    f.num = NUM_EXT;
    struct lab_ext first = g.exts[0];
    g.exts[0] = g.exts[1];
    g.exts[1] = first;
    assert_status(with(l, &f), MSE_ERR_CA_PROFILE);
    mse_privkey_free(a.key);
}

/* Constraints as ours, but for one thing. */
static void constraints_are_no_wider(void **state)
{
    struct lab *l = *state;
    struct authority a;
    struct good g;
    uint8_t buf[300];
    static const char *const names[] = { "example.org", "app.example.orh", "org", "",
                                         "xapp.example.org" };
    authority_make(&a);
    evidence(l, &a);
    leaf(l, &a);
    for (size_t i = 0; i < MSE_ARRAY_LEN(names); i++) {
        struct mse_build b;
        good_make(&g, &a);
        mse_build_fixed(&b, buf, sizeof buf);
        mse_profile_constraints(&b, mse_bytes_str(names[i]));
        g.exts[CONSTRAINTS].value = mse_build_view(&b);
        struct lab_forged f = forged(&a, g.exts, NUM_EXT);
        assert_status(with(l, &f), MSE_ERR_CA_CONSTRAINTS);
    }
    good_make(&g, &a);
    g.exts[CONSTRAINTS].critical = false;
    struct lab_forged f = forged(&a, g.exts, NUM_EXT);
    assert_status(with(l, &f), MSE_ERR_CA_CONSTRAINTS);
    g.exts[CONSTRAINTS].critical = true;
    struct mse_bytes good = g.exts[CONSTRAINTS].value;
    g.exts[CONSTRAINTS].value = mse_bytes_of(buf, good.len);
    for (size_t i = 0; i < good.len; i++) { /* not one bit of it */
        memcpy(buf, good.data, good.len);
        buf[i] ^= (uint8_t)(1U << (i % 8));
        assert_status(with(l, &f), MSE_ERR_CA_CONSTRAINTS);
    }
    mse_privkey_free(a.key);
}

static void names_dates_and_signatures_of_the_ca(void **state)
{
    struct lab *l = *state;
    struct authority a;
    struct authority other;
    struct good g;
    authority_make(&a);
    authority_make(&other);
    evidence(l, &a);
    leaf(l, &a);
    good_make(&g, &a);
    struct lab_forged f = forged(&a, g.exts, NUM_EXT);
    f.not_before = BEGIN - 1;
    f.not_after = END + 1;
    assert_status(with(l, &f), MSE_OK);
    f.not_before = BEGIN + 1;
    assert_status(with(l, &f), MSE_ERR_CA_VALIDITY);
    f.not_before = BEGIN;
    f.not_after = END - 1;
    assert_status(with(l, &f), MSE_ERR_CA_VALIDITY);
    f.not_after = END;
    f.subject = "A Well Known Root";
    assert_status(with(l, &f), MSE_ERR_CA_PROFILE);
    f.issuer = f.subject;
    assert_status(with(l, &f), MSE_ERR_CA_PROFILE);
    f.subject = a.cn;
    assert_status(with(l, &f), MSE_ERR_CA_PROFILE);
    f.issuer = a.cn;
    f.signer = other.key;
    assert_status(with(l, &f), MSE_ERR_CA_SIGNATURE);
    mse_privkey_free(a.key);
    mse_privkey_free(other.key);
}

/* ---- the certificate below it ---- */

static void the_leaf_is_r2(void **state)
{
    static const uint8_t two_names[] = "\x30\x22\x82\x0f"
                                       "app.example.org"
                                       "\x82\x0f"
                                       "bpp.example.org";
    static const uint8_t address[] = { 0x30, 0x06, 0x87, 0x04, 127, 0, 0, 1 };
    static const uint8_t name[] = "\x30\x11\x82\x0f"
                                  "app.example.org";
    static const uint8_t not_ca[] = { 0x30, 0x00 };
    static const uint8_t signs[] = { 3, 2, 7, 0x80 };
    struct lab *l = *state;
    struct authority a;
    struct authority other;
    authority_make(&a);
    authority_make(&other);
    evidence(l, &a);
    struct lab_ext exts[] = {
        { MSE_OID(mse_oid_basic_constraints), MSE_OID(not_ca), true },
        { MSE_OID(mse_oid_key_usage), MSE_OID(signs), true },
        { MSE_OID(mse_oid_subject_alt_name), mse_bytes_of(name, sizeof name - 1), false },
        { MSE_OID(mse_oid_dice), mse_build_view(&l->evidence), false },
    };
    const struct {
        struct mse_bytes basic;
        struct mse_bytes san;
        const char *subject;
        const char *issuer;
        mse_status want;
    } cases[] = {
        { MSE_OID(not_ca), exts[2].value, "leaf", a.cn, MSE_OK },
        { MSE_OID(basic), exts[2].value, "leaf", a.cn, MSE_ERR_CERTIFICATE_PROFILE },
        { MSE_OID(not_ca), exts[2].value, a.cn, a.cn, MSE_ERR_CERTIFICATE_PROFILE },
        { MSE_OID(not_ca), exts[2].value, "leaf", other.cn, MSE_ERR_CA_SIGNATURE },
        { MSE_OID(not_ca), mse_bytes_of(two_names, sizeof two_names - 1), "leaf", a.cn,
          MSE_ERR_CA_CONSTRAINTS },
        { MSE_OID(not_ca), MSE_OID(address), "leaf", a.cn, MSE_ERR_CA_CONSTRAINTS },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        exts[0].value = cases[i].basic;
        exts[2].value = cases[i].san;
        const struct lab_forged f = { .subject = cases[i].subject,
                                      .issuer = cases[i].issuer,
                                      .key = l->key,
                                      .signer = a.key,
                                      .not_before = BEGIN,
                                      .not_after = END,
                                      .exts = exts,
                                      .num = MSE_ARRAY_LEN(exts) };
        mse_build_reset(&l->cert);
        lab_forge_any(&l->cert, &f);
        append_ca(l, &a);
        assert_status(judge(l), cases[i].want);
    }
    mse_privkey_free(a.key);
    mse_privkey_free(other.key);
}

/* Certificate and CA of our form for this name, and a verifier that asks for none. */
static mse_status judge_named(struct lab *l, const struct authority *a, struct mse_bytes name)
{
    static const uint8_t not_ca[] = { 0x30, 0x00 };
    static const uint8_t signs[] = { 3, 2, 7, 0x80 };
    uint8_t san[32] = { 0x30, (uint8_t)(name.len + 2), 0x82, (uint8_t)name.len };
    struct good g;
    struct mse_build b;
    assert_true(name.len + 4 <= sizeof san);
    memcpy(san + 4, name.data, name.len);
    good_make(&g, a);
    mse_build_fixed(&b, g.constraints, sizeof g.constraints);
    mse_profile_constraints(&b, name);
    g.exts[CONSTRAINTS].value = mse_build_view(&b);
    const struct lab_ext exts[] = {
        { MSE_OID(mse_oid_basic_constraints), MSE_OID(not_ca), true },
        { MSE_OID(mse_oid_key_usage), MSE_OID(signs), true },
        { MSE_OID(mse_oid_subject_alt_name), mse_bytes_of(san, name.len + 4), false },
        { MSE_OID(mse_oid_dice), mse_build_view(&l->evidence), false },
    };
    struct lab_forged below = forged(a, exts, MSE_ARRAY_LEN(exts));
    below.subject = "leaf";
    below.key = l->key;
    const struct lab_forged ca = forged(a, g.exts, NUM_EXT);
    mse_build_reset(&l->cert);
    lab_forge_any(&l->cert, &below);
    lab_forge_any(&l->cert, &ca);
    return judge_at(l, NULL);
}

static void a_ca_is_for_a_host(void **state)
{
    static const char nul[] = "app.example.org\0";
    static const char *const wrong[] = {
        "",     /* permits every name */
        ".org", /* permits all below it */
        ".",    "app.example.org.", "app..example.org", "APP.example.org", "*.example.org", "-.org",
    };
    struct lab *l = *state;
    struct authority a;
    authority_make(&a);
    evidence(l, &a);
    assert_status(judge_named(l, &a, mse_bytes_str("org")), MSE_OK);
    assert_status(judge_named(l, &a, mse_bytes_str(LAB_HOST)), MSE_OK);
    for (size_t i = 0; i < MSE_ARRAY_LEN(wrong); i++) {
        assert_status(judge_named(l, &a, mse_bytes_str(wrong[i])), MSE_ERR_CA_CONSTRAINTS);
    }
    assert_status(judge_named(l, &a, mse_bytes_of(nul, sizeof nul - 1)), MSE_ERR_CA_CONSTRAINTS);
    mse_privkey_free(a.key);
}

/* ---- bytes ---- */

static void cut_appended_flipped(void **state)
{
    struct lab *l = *state;
    struct authority a;
    struct mse_ratls_cert c;
    authority_make(&a);
    evidence(l, &a);
    leaf(l, &a);
    size_t leaf_len = l->cert.len;
    append_ca(l, &a);
    size_t len = l->cert.len;
    mse_wr_u8(&l->cert, 0);
    for (size_t i = leaf_len; i <= len + 1; i++) {
        bool whole = i == leaf_len || i == len;
        assert_status(mse_ratls_read(&c, mse_bytes_of(l->cert.data, i), NULL),
                      whole ? MSE_OK : MSE_ERR_MALFORMED);
    }
    l->cert.len = len;
    for (size_t i = leaf_len; i < len; i++) { /* not one bit of the CA may differ */
        l->cert.data[i] ^= (uint8_t)(1U << (i % 8));
        assert_true(judge(l) != MSE_OK);
        l->cert.data[i] ^= (uint8_t)(1U << (i % 8));
    }
    assert_status(judge(l), MSE_OK);
    append_ca(l, &a); /* two CAs */
    assert_status(judge(l), MSE_ERR_MALFORMED);
    l->cert.len = leaf_len; /* what is no certificate */
    mse_wr_u8(&l->cert, MSE_DER_SEQUENCE);
    mse_wr_u8(&l->cert, 0);
    assert_status(judge(l), MSE_ERR_CA_PROFILE);
    mse_privkey_free(a.key);
}

static void a_ca_alone_is_no_evidence(void **state)
{
    struct lab *l = *state;
    struct authority a;
    bool has_ca = true;
    uint8_t sha256[32];
    authority_make(&a);
    mse_build_reset(&l->cert);
    append_ca(l, &a);
    assert_status(judge(l), MSE_ERR_NO_EVIDENCE);
    assert_status(mse_ratls_ca_sha256(sha256, &has_ca, mse_build_view(&l->cert)), MSE_OK);
    assert_false(has_ca);
    assert_status(mse_ratls_ca_sha256(sha256, &has_ca, mse_bytes_str("0")), MSE_ERR_MALFORMED);
    assert_status(mse_ratls_ca_sha256(sha256, &has_ca, mse_bytes_str("")), MSE_ERR_MALFORMED);
    mse_privkey_free(a.key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_names_share_a_ca_key),
        cmocka_unit_test(layout_is_r2),
        cmocka_unit_test(an_address_has_no_ca),
        cmocka_unit_test(claim_and_ca_go_together),
        cmocka_unit_test(a_claim_is_the_enclaves),
        cmocka_unit_test(only_the_form_of_ours_is_a_ca),
        cmocka_unit_test(extensions_are_these_in_this_order),
        cmocka_unit_test(constraints_are_no_wider),
        cmocka_unit_test(names_dates_and_signatures_of_the_ca),
        cmocka_unit_test(the_leaf_is_r2),
        cmocka_unit_test(a_ca_is_for_a_host),
        cmocka_unit_test(cut_appended_flipped),
        cmocka_unit_test(a_ca_alone_is_no_evidence),
    };
    return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
