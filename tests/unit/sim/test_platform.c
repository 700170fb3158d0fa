/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated platform's folder, its certificates and collateral as others read them (the openssl
 * command), and the form of its quotes. */
#include "lib/testlib.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "sim/pki.h"
#include "sim/platform.h"

#define NOW ((mse_time)1767225600) /* 2026-01-01 */
#define DAY ((mse_time)86400)

struct fixture {
    char *dir;
    char sim[256];
    struct mse_sim_platform *platform;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct mse_sim_options o = { .now = NOW };
    assert_non_null(f);
    f->dir = test_tmpdir();
    /* A folder above that does not exist yet, and a trailing slash. */
    (void)snprintf(f->sim, sizeof f->sim, "%s/new/sim/", f->dir);
    assert_status(mse_sim_init(f->sim, &o, NULL), MSE_OK);
    assert_status(mse_sim_load(&f->platform, f->sim, NULL), MSE_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    mse_sim_free(f->platform);
    test_tmpdir_remove(f->dir);
    free(f);
    return 0;
}

static const char *path_of(const struct fixture *f, const char *name)
{
    static char path[1024];
    (void)snprintf(path, sizeof path, "%s%s", f->sim, name);
    return path;
}

static struct mse_bytes read_of(const struct fixture *f, const char *name)
{
    struct mse_bytes b = test_read_file(path_of(f, name));
    assert_non_null(b.data);
    return b;
}

static void release(struct mse_bytes b)
{
    free((void *)(uintptr_t)b.data);
}

static void test_files(void **state)
{
    static const char *const secrets[] = { "root_key.pem",   "platform_ca_key.pem",
                                           "pck_key.pem",    "tcb_signing_key.pem",
                                           "signer_key.pem", "fuse.key" };
    static const char *const others[] = { "root.pem",     "platform_ca.pem", "pck.pem",
                                          "signer.pem",   "tcb_signing.pem", "collateral.json",
                                          "platform.json" };
    struct fixture *f = *state;
    struct stat sb;
    for (size_t i = 0; i < MSE_ARRAY_LEN(secrets); i++) {
        assert_int_equal(stat(path_of(f, secrets[i]), &sb), 0);
        assert_int_equal(sb.st_mode & 0777U, 0600);
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(others); i++) {
        assert_int_equal(stat(path_of(f, others[i]), &sb), 0);
        assert_int_equal(sb.st_mode & 0022U, 0);
    }
    assert_int_equal(stat(f->sim, &sb), 0);
    assert_int_equal(sb.st_mode & 0777U, 0700);
}

static void test_exists(void **state)
{
    struct fixture *f = *state;
    struct mse_sim_options o = { .now = NOW };
    struct mse_error err = { 0 };
    struct mse_bytes before = read_of(f, "root.pem");
    assert_status(mse_sim_init(f->sim, &o, &err), MSE_ERR_EXISTS);
    assert_non_null(strstr(err.text, "/new/sim"));
    struct mse_bytes after = read_of(f, "root.pem");
    assert_bytes(after, before);
    release(before);
    release(after);
}

/* Some other folder is not taken; an empty one is; nothing temporary stays. */
static void test_other_folder(void **state)
{
    struct fixture *f = *state;
    char dir[512];
    char file[600];
    struct mse_sim_options o = { .now = NOW };
    struct mse_error err = { 0 };
    (void)snprintf(dir, sizeof dir, "%s/other", f->dir);
    (void)snprintf(file, sizeof file, "%s/notes", dir);
    assert_int_equal(mkdir(dir, 0700), 0);
    test_write_file(file, mse_bytes_str("mine"));
    assert_status(mse_sim_init(dir, &o, &err), MSE_ERR_EXISTS);
    assert_non_null(strstr(err.text, dir));
    assert_int_equal(unlink(file), 0);
    assert_status(mse_sim_init(dir, &o, NULL), MSE_OK);
    (void)snprintf(file, sizeof file, "%s/root.pem", dir);
    assert_int_equal(access(file, R_OK), 0);
    /* "new" and "other", nothing else: the count of links is the count of folders in it. */
    struct stat sb;
    assert_int_equal(stat(f->dir, &sb), 0);
    assert_true(sb.st_nlink == 1 || sb.st_nlink == 4);
}

/* What fails leaves nothing: no platform, no temporary folder. */
static void test_failed_init_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    char dir[512];
    char path[600];
    struct mse_sim_options wrong = { .now = NOW, .status = MSE_TCB_TD_RELAUNCH_ADVISED };
    struct mse_sim_options o = { .now = NOW };
    struct mse_error err = { 0 };
    (void)snprintf(dir, sizeof dir, "%s/failed", f->dir);
    (void)snprintf(path, sizeof path, "%s/sim", dir);
    assert_status(mse_sim_init(path, &wrong, &err), MSE_ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "TDRelaunchAdvised"));
    assert_int_equal(rmdir(dir), 0);
    (void)snprintf(path, sizeof path, "%sroot.pem/sim", f->sim);
    struct mse_error through_file = { 0 };
    assert_status(mse_sim_init(path, &o, &through_file), MSE_ERR_IO);
    assert_non_null(strstr(through_file.text, "root.pem"));
}

/* Runs a program without output; -1 if it does not exist. */
static int run(const char *const argv[])
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        (void)dup2(null_fd, 1);
        (void)dup2(null_fd, 2);
        (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status) == 127 ? -1 : WEXITSTATUS(status);
}

static void need_openssl(void)
{
    const char *const version[] = { "openssl", "version", NULL };
    if (run(version) != 0) {
        skip();
    }
}

static void test_openssl_verifies_chains(void **state)
{
    struct fixture *f = *state;
    char root[300];
    char ca[300];
    char pck[300];
    char tcb[300];
    need_openssl();
    (void)snprintf(root, sizeof root, "%sroot.pem", f->sim);
    (void)snprintf(ca, sizeof ca, "%splatform_ca.pem", f->sim);
    (void)snprintf(pck, sizeof pck, "%spck.pem", f->sim);
    (void)snprintf(tcb, sizeof tcb, "%stcb_signing.pem", f->sim);
    const char *const leaf[] = { "openssl", "verify", "-x509_strict", "-attime", "1767225600",
                                 "-CAfile", root,     "-untrusted",   ca,        pck,
                                 NULL };
    const char *const signer[] = { "openssl", "verify",     "-x509_strict",
                                   "-attime", "1767225600", "-CAfile",
                                   root,      tcb,          NULL };
    const char *const early[] = { "openssl", "verify", "-attime", "1767000000",
                                  "-CAfile", root,     tcb,       NULL };
    assert_int_equal(run(leaf), 0);
    assert_int_equal(run(signer), 0);
    assert_int_not_equal(run(early), 0);
}

/* The parsed bundle; scratch and json live as long as it is used. */
struct bundle {
    struct mse_bytes json;
    uint8_t *scratch;
    struct mse_bundle b;
};

static struct bundle read_bundle(const struct fixture *f)
{
    struct bundle out = { .json = read_of(f, "collateral.json") };
    struct mse_error err = { 0 };
    out.scratch = malloc(2 * out.json.len);
    assert_non_null(out.scratch);
    mse_status st = mse_bundle_parse(&out.b, out.scratch, 2 * out.json.len, out.json, &err);
    if (st != MSE_OK) {
        fail_msg("%s: %s", mse_status_name(st), err.text);
    }
    return out;
}

static void release_bundle(struct bundle *b)
{
    release(b->json);
    free(b->scratch);
}

static void test_openssl_verifies_crls(void **state)
{
    struct fixture *f = *state;
    need_openssl();
    struct bundle b = read_bundle(f);
    const struct {
        struct mse_bytes crl;
        const char *issuer;
    } crls[] = {
        { b.b.collateral.pck_crl, "platform_ca.pem" },
        { b.b.collateral.root_ca_crl, "root.pem" },
    };
    char file[300];
    char issuer[300];
    (void)snprintf(file, sizeof file, "%s/crl.der", f->dir);
    for (size_t i = 0; i < MSE_ARRAY_LEN(crls); i++) {
        (void)snprintf(issuer, sizeof issuer, "%s%s", f->sim, crls[i].issuer);
        test_write_file(file, crls[i].crl);
        const char *const argv[] = { "openssl", "crl",     "-verify", "-inform", "DER", "-in",
                                     file,      "-CAfile", issuer,    "-noout",  NULL };
        assert_int_equal(run(argv), 0);
    }
    release_bundle(&b);
}

static void test_collateral_form(void **state)
{
    struct bundle b = read_bundle(*state);
    static struct mse_tcb_info tcb;
    static struct mse_qe_identity qe;
    struct mse_crl_info crl;
    assert_int_equal(b.b.form, MSE_BUNDLE_OURS);
    assert_true(b.b.has_collected_at);
    assert_int_equal(b.b.collected_at, NOW);
    assert_status(mse_tcb_info_parse(&tcb, b.b.collateral.tcb_info, NULL), MSE_OK);
    assert_int_equal(tcb.version, 3);
    assert_int_equal(tcb.tee, MSE_TEE_SGX);
    assert_int_equal(tcb.issue_date, NOW);
    assert_int_equal(tcb.next_update, NOW + 30 * DAY);
    assert_int_equal(tcb.levels[0].status, MSE_TCB_UP_TO_DATE);
    assert_status(mse_qe_identity_parse(&qe, b.b.collateral.qe_identity, NULL), MSE_OK);
    assert_int_equal(qe.next_update, NOW + 30 * DAY);
    assert_int_equal(qe.tcb_evaluation_number, tcb.tcb_evaluation_number);
    assert_status(mse_crl_info_parse(&crl, b.b.collateral.pck_crl, NULL), MSE_OK);
    assert_int_equal(crl.next_update, NOW + 30 * DAY);
    assert_int_equal(crl.num_revoked, 0);
    assert_bytes(crl.issuer_cn, mse_bytes_str(MSE_SIM_CN_CA));
    assert_status(mse_crl_info_parse(&crl, b.b.collateral.root_ca_crl, NULL), MSE_OK);
    assert_bytes(crl.issuer_cn, mse_bytes_str(MSE_SIM_CN_ROOT));
    release_bundle(&b);
}

/* The extension's writer against its reader, and its exact bytes in an example. */
static void test_pck_extension(void **state)
{
    (void)state;
    struct mse_pck_ext e = {
        .ppid = { 1, 2, 3 },
        .comp_svn = { 8, 8, 2, 2, 255, 128, 0, 6 },
        .cpu_svn = { 8, 8, 2, 2, 255, 128, 0, 6 },
        .pce_svn = 300,
        .fmspc = { 0, 0x80, 0x6f, 5 },
        .sgx_type = 1,
        .has_platform_instance_id = true,
        .platform_instance_id = { 9 },
        .has_configuration = true,
        .dynamic_platform = true,
        .smt_enabled = true,
    };
    struct mse_pck_ext seen;
    uint8_t buf[2048];
    struct mse_build b;
    mse_build_fixed(&b, buf, sizeof buf);
    mse_sim_pck_ext_write(&b, &e);
    assert_true(mse_build_ok(&b));
    assert_status(mse_pck_ext_parse(&seen, mse_build_view(&b), NULL), MSE_OK);
    assert_memory_equal(seen.ppid, e.ppid, sizeof e.ppid);
    assert_memory_equal(seen.comp_svn, e.comp_svn, sizeof e.comp_svn);
    assert_memory_equal(seen.cpu_svn, e.cpu_svn, sizeof e.cpu_svn);
    assert_memory_equal(seen.fmspc, e.fmspc, sizeof e.fmspc);
    assert_memory_equal(seen.platform_instance_id, e.platform_instance_id, 16);
    assert_int_equal(seen.pce_svn, 300);
    assert_int_equal(seen.sgx_type, 1);
    assert_true(seen.dynamic_platform && seen.smt_enabled && !seen.cached_keys);
    /* SEQUENCE { OID 1.2.840.113741.1.13.1.2.17, INTEGER 300 } */
    static const uint8_t pce[] = { 0x30, 0x11, 0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d,
                                   0x01, 0x0d, 0x01, 0x02, 0x11, 0x02, 0x02, 0x01, 0x2c };
    assert_int_not_equal(mse_bytes_find(mse_build_view(&b), mse_bytes_of(pce, sizeof pce)),
                         SIZE_MAX);
}

/* A real extension, read and written again, is the same to the byte. */
static void test_pck_extension_of_hardware(void **state)
{
    (void)state;
    static const char *const cases[] = { "pck-00806f050000-5bec", "pck-90806f000000-4784" };
    const char *vectors = test_vectors();
    char path[512];
    if (vectors == NULL) {
        skip();
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        (void)snprintf(path, sizeof path, "%s/collateral/%s/sgx_extension.der", vectors, cases[i]);
        struct mse_bytes wanted = test_read_file(path);
        struct mse_pck_ext e;
        uint8_t buf[2048];
        struct mse_build b;
        assert_non_null(wanted.data);
        assert_status(mse_pck_ext_parse(&e, wanted, NULL), MSE_OK);
        mse_build_fixed(&b, buf, sizeof buf);
        mse_sim_pck_ext_write(&b, &e);
        assert_bytes(mse_build_view(&b), wanted);
        release(wanted);
    }
}

static void make_quote(const struct fixture *f, struct mse_build *out)
{
    struct mse_sim_report r = {
        .mr_enclave = { 1 },
        .mr_signer = { 2 },
        .isv_prod_id = 3,
        .isv_svn = 4,
        .attr_flags = MSE_SGX_FLAG_INIT | MSE_SGX_FLAG_MODE64BIT,
        .report_data = { 5, 6 },
    };
    mse_build_heap(out, 65536);
    assert_status(mse_sim_quote(f->platform, out, &r, NULL), MSE_OK);
}

static void test_quote_form(void **state)
{
    struct mse_build b;
    struct mse_sgx_quote q;
    uint8_t digest[32];
    make_quote(*state, &b);
    assert_status(mse_sgx_quote_parse(&q, mse_build_view(&b), NULL), MSE_OK);
    assert_int_equal(q.header.version, 3);
    assert_int_equal(q.header.qe_svn, q.auth.qe_report.isv_svn);
    assert_int_equal(q.body.mr_enclave[0], 1);
    assert_int_equal(q.body.mr_signer[0], 2);
    assert_int_equal(q.body.isv_prod_id, 3);
    assert_int_equal(q.body.isv_svn, 4);
    assert_int_equal(q.body.attr_flags, 5);
    assert_int_equal(q.body.attr_xfrm, 0xe7);
    assert_int_equal(q.body.report_data[1], 6);
    assert_int_equal(q.auth.cert_type, MSE_CERT_TYPE_PCK_CHAIN);
    assert_int_equal(q.auth.cert_data.data[q.auth.cert_data.len - 1], 0);
    assert_int_equal(q.auth.qe_auth_data.len, 32);
    assert_status(
        mse_sha256_2(digest, mse_bytes_of(q.auth.attestation_key, 64), q.auth.qe_auth_data),
        MSE_OK);
    assert_memory_equal(q.auth.qe_report.report_data, digest, 32);
    assert_true(mse_mem_is_zero(q.auth.qe_report.report_data + 32, 32));
    assert_status(mse_p256_verify(NULL, q.auth.attestation_key, q.auth.signature, q.signed_part),
                  MSE_OK);
    mse_build_clear(&b);
}

static void test_quote_without_room(void **state)
{
    struct fixture *f = *state;
    uint8_t buf[1000];
    struct mse_build b;
    struct mse_sim_report r = { .attr_flags = 5 };
    mse_build_fixed(&b, buf, sizeof buf);
    assert_status(mse_sim_quote(f->platform, &b, &r, NULL), MSE_ERR_NO_SPACE);
}

static void test_signer(void **state)
{
    struct fixture *f = *state;
    uint8_t seen[32];
    uint8_t wanted[32];
    struct mse_bytes pem = read_of(f, "signer.pem");
    assert_status(mse_sim_mrsigner(f->platform, seen), MSE_OK);
    assert_status(mse_mrsigner_of_public_key(wanted, pem, NULL), MSE_OK);
    assert_memory_equal(seen, wanted, sizeof seen);
    release(pem);
}

static void test_seal_key(void **state)
{
    struct fixture *f = *state;
    struct mse_sim_platform *again = NULL;
    uint8_t a[32];
    uint8_t b[32];
    const uint8_t enclave[32] = { 7 };
    const uint8_t other[32] = { 8 };
    assert_status(mse_sim_load(&again, f->sim, NULL), MSE_OK);
    assert_status(mse_sim_seal_key(f->platform, a, enclave, 5), MSE_OK);
    assert_status(mse_sim_seal_key(again, b, enclave, 5), MSE_OK);
    assert_memory_equal(a, b, sizeof a);
    assert_status(mse_sim_seal_key(again, b, other, 5), MSE_OK);
    assert_memory_not_equal(a, b, sizeof a);
    assert_status(mse_sim_seal_key(again, b, enclave, 7), MSE_OK);
    assert_memory_not_equal(a, b, sizeof a);
    mse_sim_free(again);
}

/* Replaces a file for the time of one mse_sim_load, which must fail with `wanted`. */
static void load_with(const struct fixture *f, const char *name, struct mse_bytes content,
                      mse_status wanted, const char *text)
{
    struct mse_sim_platform *p = NULL;
    struct mse_error err = { 0 };
    struct mse_bytes saved = read_of(f, name);
    if (content.data == NULL) {
        assert_int_equal(unlink(path_of(f, name)), 0);
    } else {
        test_write_file(path_of(f, name), content);
    }
    assert_status(mse_sim_load(&p, f->sim, &err), wanted);
    assert_non_null(strstr(err.text, text));
    assert_null(p);
    test_write_file(path_of(f, name), saved);
    release(saved);
}

static void test_load_refuses(void **state)
{
    struct fixture *f = *state;
    const struct mse_bytes none = { 0 };
    struct mse_bytes root_key = read_of(f, "root_key.pem");
    struct mse_bytes root = read_of(f, "root.pem");
    load_with(f, "pck.pem", none, MSE_ERR_NOT_FOUND, "pck.pem");
    load_with(f, "pck_key.pem", none, MSE_ERR_NOT_FOUND, "pck_key.pem");
    load_with(f, "signer_key.pem", none, MSE_ERR_NOT_FOUND, "signer_key.pem");
    load_with(f, "fuse.key", none, MSE_ERR_NOT_FOUND, "fuse.key");
    load_with(f, "root.pem", none, MSE_ERR_NOT_FOUND, "root.pem");
    load_with(f, "fuse.key", mse_bytes_str("short"), MSE_ERR_MALFORMED, "5 bytes, wanted 32");
    load_with(f, "pck_key.pem", root_key, MSE_ERR_CONFIG, "not the key of pck.pem");
    load_with(f, "pck.pem", root, MSE_ERR_MALFORMED, "not a PCK certificate");
    load_with(f, "pck.pem", mse_bytes_str(""), MSE_ERR_NOT_FOUND, "no certificate");
    release(root_key);
    release(root);
    struct mse_sim_platform *p = NULL;
    struct mse_error err = { 0 };
    assert_status(mse_sim_load(&p, "/nonexistent/sim", &err), MSE_ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "/nonexistent/sim"));
}

static void count_to(struct fixture *f, uint8_t enclave, uint8_t name, bool advance,
                     uint64_t wanted)
{
    uint8_t mr_enclave[32];
    uint8_t id[16];
    uint64_t seen = 0;
    memset(mr_enclave, enclave, sizeof mr_enclave);
    memset(id, name, sizeof id);
    assert_status(mse_sim_counter(f->platform, &seen, mr_enclave, id, advance), MSE_OK);
    assert_int_equal(seen, wanted);
}

/* One for each enclave and name, which another load of the platform goes on with. */
static void test_counter(void **state)
{
    struct fixture *f = *state;
    count_to(f, 1, 1, false, 0);
    count_to(f, 1, 1, true, 1);
    count_to(f, 1, 1, true, 2);
    count_to(f, 1, 1, false, 2);
    count_to(f, 2, 1, false, 0);
    count_to(f, 1, 2, false, 0);
    mse_sim_free(f->platform);
    assert_status(mse_sim_load(&f->platform, f->sim, NULL), MSE_OK);
    count_to(f, 1, 1, true, 3);
}

static void test_no_counter(void **state)
{
    struct fixture *f = *state;
    static const uint8_t zeros[32];
    struct mse_sim_options o = { .now = NOW, .no_counter = true };
    struct mse_sim_platform *p = NULL;
    uint64_t seen = 7;
    char path[512];
    (void)snprintf(path, sizeof path, "%s/without", f->dir);
    assert_status(mse_sim_init(path, &o, NULL), MSE_OK);
    assert_status(mse_sim_load(&p, path, NULL), MSE_OK);
    assert_status(mse_sim_counter(p, &seen, zeros, zeros, true), MSE_ERR_UNSUPPORTED);
    assert_int_equal(seen, 7);
    mse_sim_free(p);
}

static void test_options_refused(void **state)
{
    struct fixture *f = *state;
    static const enum mse_tcb_status wrong[] = { MSE_TCB_TD_RELAUNCH_ADVISED,
                                                 MSE_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED,
                                                 MSE_TCB_STATUS_COUNT };
    struct mse_bytes before = read_of(f, "collateral.json");
    for (size_t i = 0; i < MSE_ARRAY_LEN(wrong); i++) {
        struct mse_sim_options o = { .now = NOW, .status = wrong[i] };
        assert_status(mse_sim_refresh(f->sim, &o, NULL), MSE_ERR_ARGUMENT);
    }
    struct mse_bytes after = read_of(f, "collateral.json");
    assert_bytes(after, before);
    release(before);
    release(after);
    struct mse_sim_options o = { .now = NOW };
    assert_status(mse_sim_refresh("/nonexistent/sim", &o, NULL), MSE_ERR_NOT_FOUND);
}

/* Another machine of the same maker: one root, one signer, and nothing else in common. */
static void test_beside(void **state)
{
    const struct fixture *f = *state;
    static const char *const same[] = { "root.pem", "platform_ca.pem", "signer_key.pem" };
    static const char *const other[] = { "pck.pem", "pck_key.pem", "fuse.key" };
    struct fixture two = { .dir = f->dir };
    struct mse_sim_options o = { .now = NOW, .beside = f->sim };
    (void)snprintf(two.sim, sizeof two.sim, "%s/two/", f->dir);
    assert_status(mse_sim_init(two.sim, &o, NULL), MSE_OK);
    assert_status(mse_sim_load(&two.platform, two.sim, NULL), MSE_OK);
    for (size_t i = 0; i < MSE_ARRAY_LEN(same) + MSE_ARRAY_LEN(other); i++) {
        bool differs = i >= MSE_ARRAY_LEN(same);
        const char *name = differs ? other[i - MSE_ARRAY_LEN(same)] : same[i];
        struct mse_bytes a = read_of(f, name);
        struct mse_bytes b = read_of(&two, name);
        assert_int_equal(mse_bytes_equal(a, b), !differs);
        release(a);
        release(b);
    }
    mse_sim_free(two.platform);
    o.beside = "/nowhere";
    (void)snprintf(two.sim, sizeof two.sim, "%s/three", f->dir);
    assert_status(mse_sim_init(two.sim, &o, NULL), MSE_ERR_NOT_FOUND);
    assert_int_equal(access(two.sim, F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_exists),
        cmocka_unit_test(test_other_folder),
        cmocka_unit_test(test_failed_init_leaves_nothing),
        cmocka_unit_test(test_openssl_verifies_chains),
        cmocka_unit_test(test_openssl_verifies_crls),
        cmocka_unit_test(test_collateral_form),
        cmocka_unit_test(test_pck_extension),
        cmocka_unit_test(test_pck_extension_of_hardware),
        cmocka_unit_test(test_quote_form),
        cmocka_unit_test(test_quote_without_room),
        cmocka_unit_test(test_signer),
        cmocka_unit_test(test_seal_key),
        cmocka_unit_test(test_counter),
        cmocka_unit_test(test_no_counter),
        cmocka_unit_test(test_load_refuses),
        cmocka_unit_test(test_options_refused),
        cmocka_unit_test(test_beside),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
