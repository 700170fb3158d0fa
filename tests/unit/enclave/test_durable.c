/* SPDX-License-Identifier: Apache-2.0 */
/* What outlives a restart of a SEV-SNP machine whose firmware was updated meanwhile, against a
 * stand-in of /dev/sev-guest: which TCB a state is opened and sealed with, and what a host that
 * lies about it gets. */
#include "enclave/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mse/evidence.h>

#include "base/bytes.h"
#include "base/util.h"
#include "lib/testlib.h"
#include "lib/tsm_tree.h"
#include "tee/tsm.h"
#include "unit/enclave/fixture.h"

#define VERSION_AT 8 /* in the file "sealed" */
#define MICROCODE  7 /* in a TCB */
#define NOW        ((mse_time)1767225600)
/* In a report. spec: SEV-SNP firmware ABI, "ATTESTATION_REPORT Structure" */
#define DATA_AT        0x50
#define MEASUREMENT_AT 0x90
#define REPORTED_AT    0x180
#define COMMITTED_AT   0x1e0

static const uint8_t digest[32] = { 5 };
static const uint8_t other_digest[32] = { 6 };

struct machine {
    uint8_t
        report[MSE_SNP_REPORT_LEN]; /* without a signature, which the driver leaves to verifiers */
    uint8_t committed[8];
    struct tsm_knobs knobs;
    struct tsm_tree *tree; /* NULL: no FUSE here */
    char *dir;             /* the host's */
    struct mse_enclave_tee tee;
    struct mse_manifest m;
    struct mse_identity id;
    struct mse_durable d;
};

static int snp_report(void *arg, struct mse_build *out, const uint8_t report_data[64])
{
    struct machine *c = arg;
    memcpy(c->report + DATA_AT, report_data, 64);
    memcpy(c->report + COMMITTED_AT, c->committed, sizeof c->committed);
    mse_wr_copy(out, c->report, sizeof c->report);
    return mse_build_ok(out) ? 0 : EIO;
}

static void start_machine(struct machine *c)
{
    assert_status(mse_tee_snp.open(&c->tee.t, tsm_tree_open(c->tree), NULL), MSE_OK);
}

static void stop_machine(struct machine *c)
{
    mse_durable_clear(&c->d);
    mse_tee_snp.close(c->tee.t);
    c->tee.t = NULL;
}

static int setup_all(void **state)
{
    struct machine *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->report[0] = 2;    /* version */
    c->report[0x34] = 1; /* ECDSA P-384 */
    c->report[MEASUREMENT_AT] = 0x11;
    c->tree = tsm_tree_start(&c->knobs);
    if (c->tree == NULL) {
        print_message("# no FUSE on this machine: sealing on SEV-SNP is not tested\n");
    }
    c->tee.ops = &mse_tee_snp;
    *state = c;
    return 0;
}

static int teardown_all(void **state)
{
    struct machine *c = *state;
    if (c->tree != NULL) {
        tsm_tree_stop(c->tree);
    }
    free(c);
    return 0;
}

static int setup(void **state)
{
    static const uint8_t tcb[8] = { 4, 0, 0, 0, 0, 0, 24, 219 };
    struct machine *c = *state;
    memcpy(c->committed, tcb, sizeof tcb);
    c->knobs = (struct tsm_knobs) {
        .provider = MSE_TSM_SNP, .report = snp_report, .arg = c, .committed = c->committed
    };
    c->dir = test_tmpdir();
    c->d = (struct mse_durable) { .state_fd = -1 };
    fixture_manifest(&c->m, NULL);
    c->m.restart = MSE_RESTART_SEALED;
    if (c->tree != NULL) {
        start_machine(c);
        assert_status(mse_identity_make(&c->id, &c->m, digest, &c->tee, NULL), MSE_OK);
    }
    return 0;
}

static int teardown(void **state)
{
    struct machine *c = *state;
    stop_machine(c);
    mse_identity_clear(&c->id);
    fixture_manifest_clear(&c->m);
    test_tmpdir_remove(c->dir);
    return 0;
}

#define NEED_FUSE(c)                                                                               \
    do {                                                                                           \
        if ((c)->tree == NULL) {                                                                   \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

static const char *path_of(const struct machine *c, const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", c->dir, name);
    return path;
}

static mse_status look(struct machine *c, const uint8_t manifest_digest[32], struct mse_error *err)
{
    int fd = open(c->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return mse_durable_open(&c->d, fd, &c->tee, &c->m, manifest_digest, err);
}

/* A life that finds nothing, and seals. */
static void first_life(struct machine *c)
{
    assert_status(look(c, digest, NULL), MSE_OK);
    assert_int_equal(c->d.found, MSE_DURABLE_FRESH);
    assert_status(mse_durable_commit(&c->d, &c->id, NULL, NOW, NULL), MSE_OK);
    mse_durable_clear(&c->d);
}

/* What is found, by a machine that has started again. */
static void next_life(struct machine *c, enum mse_durable_found wanted)
{
    stop_machine(c);
    start_machine(c);
    assert_status(look(c, digest, NULL), MSE_OK);
    assert_int_equal(c->d.found, wanted);
    if (wanted == MSE_DURABLE_RESTORED) {
        assert_int_equal(c->d.state.floor, NOW);
        assert_memory_equal(c->d.state.x25519.data, c->id.x25519_secret, 32);
    } else {
        assert_status(c->d.lost, MSE_ERR_STATE_FOREIGN);
    }
}

static struct mse_bytes sealed(const struct machine *c)
{
    struct mse_bytes b = test_read_file(path_of(c, "sealed"));
    assert_true(b.data != NULL && b.len > MSE_SEAL_STATE_EXTRA);
    return b;
}

static void put_sealed(const struct machine *c, struct mse_bytes b)
{
    test_write_file(path_of(c, "sealed"), b);
}

static void forget(struct mse_bytes b)
{
    free((void *)(uintptr_t)b.data);
}

static void assert_sealed_under(const struct machine *c, const uint8_t tcb[8])
{
    struct mse_bytes b = sealed(c);
    assert_memory_equal(b.data, "MSESTAT2", 8);
    assert_memory_equal(b.data + VERSION_AT, tcb, 8);
    assert_true(mse_mem_is_zero(b.data + VERSION_AT + 8, 8));
    forget(b);
}

/* ---- updates ---- */

/* Opened with the key that it was sealed with, and from then on under the firmware's newest. */
static void an_update(void **state)
{
    struct machine *c = *state;
    NEED_FUSE(c);
    first_life(c);
    assert_sealed_under(c, c->committed);
    struct mse_bytes old = sealed(c);
    for (int i = 0; i < 3; i++) {
        c->committed[MICROCODE]++;
        next_life(c, MSE_DURABLE_RESTORED);
        assert_sealed_under(c, c->committed);
    }
    struct mse_bytes renewed = sealed(c);
    next_life(c, MSE_DURABLE_RESTORED); /* nothing to do */
    struct mse_bytes same = sealed(c);
    assert_bytes(same, renewed);
    /* The copy that a host kept opens as it always did, too, and is sealed anew. */
    put_sealed(c, old);
    next_life(c, MSE_DURABLE_RESTORED);
    assert_sealed_under(c, c->committed);
    forget(old);
    forget(renewed);
    forget(same);
}

/* Firmware that commits to less than a state was sealed under (another chip, or a lie) gets no key,
 * and the state stays as it is. */
static void a_downgrade(void **state)
{
    struct machine *c = *state;
    struct mse_error err = { 0 };
    NEED_FUSE(c);
    first_life(c);
    struct mse_bytes before = sealed(c);
    c->committed[MICROCODE]--;
    stop_machine(c);
    start_machine(c);
    unsigned asked = c->knobs.requests;
    assert_status(look(c, digest, &err), MSE_ERR_STATE_FOREIGN);
    assert_non_null(strstr(err.text, "has committed to"));
    assert_int_equal(c->knobs.requests, asked + 1); /* the key to seal with now */
    mse_durable_clear(&c->d);
    c->m.config_token_sha256[0] = 1;
    next_life(c, MSE_DURABLE_LOST);
    struct mse_bytes after = sealed(c);
    assert_bytes(after, before);
    /* What its owner lets begin anew is sealed under what is committed; the old one is kept. */
    assert_status(mse_durable_commit(&c->d, &c->id, NULL, NOW, NULL), MSE_OK);
    assert_sealed_under(c, c->committed);
    forget(after);
    after = test_read_file(path_of(c, "sealed.old"));
    assert_bytes(after, before);
    forget(after);
    /* Firmware that was only started older, with what is committed as it was, changes nothing. */
    c->report[REPORTED_AT + MICROCODE]--;
    next_life(c, MSE_DURABLE_RESTORED);
    forget(before);
}

/* ---- a host that lies ---- */

/* A head that tells of another TCB brings another key, to which nothing here belongs. */
static void a_lying_head(void **state)
{
    struct machine *c = *state;
    NEED_FUSE(c);
    c->m.config_token_sha256[0] = 1;
    first_life(c);
    struct mse_bytes good = sealed(c);
    uint8_t *b = (uint8_t *)(uintptr_t)good.data;
    for (size_t i = 0; i < MSE_TEE_VERSION_LEN; i++) {
        b[VERSION_AT + i] ^= 4; /* older or newer, or what no TCB has */
        put_sealed(c, good);
        next_life(c, MSE_DURABLE_LOST);
        b[VERSION_AT + i] ^= 4;
    }
    /* Nor does what was sealed since open under an older TCB that somebody says it is of. */
    uint8_t old[8];
    memcpy(old, c->committed, sizeof old);
    put_sealed(c, good);
    c->committed[MICROCODE]++;
    next_life(c, MSE_DURABLE_RESTORED);
    forget(good);
    good = sealed(c);
    b = (uint8_t *)(uintptr_t)good.data;
    memcpy(b + VERSION_AT, old, sizeof old);
    put_sealed(c, good);
    next_life(c, MSE_DURABLE_LOST);
    /* What is sealed then is under the committed TCB, whatever lay there. */
    assert_status(mse_durable_commit(&c->d, &c->id, NULL, NOW, NULL), MSE_OK);
    assert_sealed_under(c, c->committed);
    forget(good);
}

/* Another manifest, another chip, at any TCB. */
static void others(void **state)
{
    struct machine *c = *state;
    NEED_FUSE(c);
    first_life(c);
    for (int i = 0; i < 2; i++) {
        stop_machine(c);
        start_machine(c);
        assert_status(look(c, other_digest, NULL), MSE_ERR_STATE_FOREIGN);
        mse_durable_clear(&c->d);
        c->knobs.chip[0] ^= 1;
        assert_status(look(c, digest, NULL), MSE_ERR_STATE_FOREIGN);
        c->knobs.chip[0] ^= 1;
        c->committed[MICROCODE]++;
    }
    next_life(c, MSE_DURABLE_RESTORED);
}

/* ---- what else can go wrong ---- */

/* The form of platforms whose keys have no version is none here. */
static void the_other_form(void **state)
{
    struct machine *c = *state;
    NEED_FUSE(c);
    first_life(c);
    struct mse_bytes good = sealed(c);
    ((uint8_t *)(uintptr_t)good.data)[7] = '1';
    put_sealed(c, good);
    assert_status(look(c, digest, NULL), MSE_ERR_STATE_DAMAGED);
    forget(good);
}

/* A folder in the way of "sealed.new": what is there stays, and opens the next time, too. */
static void no_room_to_renew(void **state)
{
    struct machine *c = *state;
    uint8_t old[8];
    struct mse_build again;
    NEED_FUSE(c);
    first_life(c);
    memcpy(old, c->committed, sizeof old);
    c->committed[MICROCODE]++;
    assert_int_equal(mkdir(path_of(c, "sealed.new"), 0700), 0);
    for (int i = 0; i < 2; i++) {
        next_life(c, MSE_DURABLE_RESTORED);
        assert_sealed_under(c, old);
    }
    mse_build_heap(&again, MSE_STATE_MAX_LEN);
    assert_status(mse_durable_reread(&c->d, &again, NULL), MSE_OK);
    assert_bytes(mse_build_view(&again), mse_build_view(&c->d.plain));
    mse_build_clear(&again);
    assert_int_equal(rmdir(path_of(c, "sealed.new")), 0);
    next_life(c, MSE_DURABLE_RESTORED);
    assert_sealed_under(c, c->committed);
}

/* Firmware that says no to the older TCB, for whatever reason. */
static void firmware_refuses(void **state)
{
    struct machine *c = *state;
    NEED_FUSE(c);
    first_life(c);
    c->committed[MICROCODE]++;
    stop_machine(c);
    start_machine(c);
    static const uint8_t nothing[8];
    c->knobs.committed = nothing;
    assert_status(look(c, digest, NULL), MSE_ERR_PROTOCOL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(an_update),      T(a_downgrade),      T(a_lying_head),     T(others),
        T(the_other_form), T(no_room_to_renew), T(firmware_refuses),
    };
    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
