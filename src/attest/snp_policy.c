/* SPDX-License-Identifier: Apache-2.0 */
/* Appraisal of a SEV-SNP report, second half: what the policy wants of TCB, root, guest policy,
 * reference values and machine. */
#include "attest/reference.h"
#include "attest/snp.h"
#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"

/* Step tcb_status. */

struct part {
    const char *key;
    uint8_t min;
    uint8_t reported;
    uint8_t committed;
};
#define NUM_PARTS 5

static void list_parts(struct part out[NUM_PARTS], const struct mse_snp_appraisal *a)
{
    struct mse_snp_tcb r = mse_snp_tcb_of(a->v->snp.reported_tcb, a->v->snp_product);
    struct mse_snp_tcb c = mse_snp_tcb_of(a->v->snp.committed_tcb, a->v->snp_product);
    const struct mse_snp_tcb *m = &a->policy->min_snp_tcb;
    const struct part list[NUM_PARTS] = {
        { "min_tcb_bl", m->bl, r.bl, c.bl },
        { "min_tcb_tee", m->tee, r.tee, c.tee },
        { "min_tcb_snp", m->snp, r.snp, c.snp },
        { "min_tcb_ucode", m->ucode, r.ucode, c.ucode },
        { "min_tcb_fmc", a->v->snp_product == MSE_SNP_TURIN ? m->fmc : 0, r.fmc, c.fmc },
    };
    for (size_t i = 0; i < NUM_PARTS; i++) {
        out[i] = list[i];
    }
}

static void judge_min_tcb(struct mse_snp_appraisal *a)
{
    struct part parts[NUM_PARTS];
    if (a->v->snp_product == MSE_SNP_PRODUCT_NONE) {
        mse_note_skip(a->v, MSE_STEP_TCB_STATUS, "the product is not known");
        return;
    }
    list_parts(parts, a);
    for (size_t i = 0; i < NUM_PARTS; i++) {
        const struct part *p = &parts[i];
        char wanted[MSE_CHECK_TEXT_LEN];
        (void)snprintf(wanted, sizeof wanted, "%u or more in REPORTED_TCB and COMMITTED_TCB",
                       p->min);
        struct mse_ask ask = { MSE_STEP_TCB_STATUS, wanted, p->key };
        bool good = p->reported >= p->min && p->committed >= p->min;
        mse_note(a->v, &ask, good ? MSE_OK : MSE_ERR_TCB_OUT_OF_DATE, "%u reported, %u committed",
                 p->reported, p->committed);
    }
}

/* Step simulation: decided by the root key alone. */

static void judge_simulation(struct mse_snp_appraisal *a)
{
    if (a->chain == NULL) {
        mse_note_skip(a->v, MSE_STEP_SIMULATION, "the VCEK's chain ends in no trusted root");
        return;
    }
    mse_note_simulation(a->v, &a->root, a->policy, "the chain ends in no trusted root");
}

/* Step attributes: the guest policy, and who asked for the report. */

static void judge_abi(struct mse_snp_appraisal *a)
{
    uint64_t policy = a->v->snp.policy;
    unsigned major = (unsigned)(policy >> 8 & 0xff);
    unsigned minor = (unsigned)(policy & 0xff);
    unsigned want_major = a->policy->min_snp_abi_major;
    unsigned want_minor = a->policy->min_snp_abi_minor;
    char wanted[MSE_CHECK_TEXT_LEN];
    (void)snprintf(wanted, sizeof wanted, "a guest that demands ABI %u.%u or more", want_major,
                   want_minor);
    struct mse_ask ask = { MSE_STEP_ATTRIBUTES, wanted,
                           major == want_major ? "min_snp_abi_minor" : "min_snp_abi_major" };
    bool good = major > want_major || (major == want_major && minor >= want_minor);
    mse_note(a->v, &ask, good ? MSE_OK : MSE_ERR_GUEST_POLICY_ABI, "ABI %u.%u", major, minor);
}

static void judge_guest_policy(struct mse_snp_appraisal *a)
{
    static const struct mse_ask reserved = { MSE_STEP_ATTRIBUTES,
                                             "bit 17 of the guest policy set, 26 to 63 clear",
                                             "insecure_any_attributes" };
    static const struct mse_ask debug = { MSE_STEP_ATTRIBUTES, "DEBUG clear", "allow_debug" };
    static const struct mse_ask migrate = { MSE_STEP_ATTRIBUTES, "MIGRATE_MA clear",
                                            "allow_migration" };
    static const struct mse_ask smt = { MSE_STEP_ATTRIBUTES, "SMT clear", "allow_smt" };
    const struct mse_policy *p = a->policy;
    uint64_t policy = a->v->snp.policy;
    unsigned long long seen = policy;
    bool form = (policy & MSE_SNP_POLICY_MUST_BE_1) != 0 && (policy & MSE_SNP_POLICY_RESERVED) == 0;
    mse_note_waivable(a->v, &reserved, form ? MSE_OK : MSE_ERR_GUEST_POLICY_RESERVED_BIT_SET,
                      p->insecure_any_attributes, "guest policy 0x%llx", seen);
    mse_note_waivable(a->v, &debug, a->v->debug ? MSE_ERR_DEBUG : MSE_OK, p->allow_debug,
                      "guest policy 0x%llx: DEBUG set", seen);
    bool stays = (policy & MSE_SNP_POLICY_MIGRATE_MA) == 0;
    mse_note_waivable(a->v, &migrate, stays ? MSE_OK : MSE_ERR_GUEST_POLICY_MIGRATE_MA_SET,
                      p->allow_migration, "guest policy 0x%llx: MIGRATE_MA set", seen);
    bool alone = (policy & MSE_SNP_POLICY_SMT) == 0;
    mse_note_waivable(a->v, &smt, alone ? MSE_OK : MSE_ERR_GUEST_POLICY_SMT, p->allow_smt,
                      "guest policy 0x%llx: SMT set", seen);
}

static void judge_vmpl(struct mse_snp_appraisal *a)
{
    char wanted[MSE_CHECK_TEXT_LEN];
    (void)snprintf(wanted, sizeof wanted, "VMPL %u or less", a->policy->max_vmpl);
    struct mse_ask ask = { MSE_STEP_ATTRIBUTES, wanted, "max_vmpl" };
    uint32_t vmpl = a->v->snp.vmpl;
    mse_note(a->v, &ask, vmpl <= a->policy->max_vmpl ? MSE_OK : MSE_ERR_VMPL, "%u%s", vmpl,
             vmpl > 3 ? ", a report that the host asked for" : "");
}

/* Step machine. A VLEK is the provider's on every machine: it does not vouch for CHIP_ID. */

static bool is_allowed_machine(const struct mse_snp_appraisal *a)
{
    const struct mse_snp_report *r = &a->v->snp;
    const struct mse_policy *p = a->policy;
    uint8_t digest[32];
    if (p->num_allowed_machines == 0) {
        return true;
    }
    if (r->signing_key != MSE_SNP_KEY_VCEK || mse_mem_is_zero(r->chip_id, sizeof r->chip_id) ||
        mse_sha256(digest, mse_bytes_of(r->chip_id, sizeof r->chip_id)) != MSE_OK) {
        return false;
    }
    for (size_t i = 0; i < p->num_allowed_machines; i++) {
        if (p->allowed_machines[i].len == 32 &&
            mse_mem_equal(p->allowed_machines[i].id, digest, 32)) {
            return true;
        }
    }
    return false;
}

static void judge_machine(struct mse_snp_appraisal *a)
{
    static const struct mse_ask machine = { MSE_STEP_MACHINE,
                                            "a machine of the list, if there is one",
                                            "allowed_machines" };
    static const struct mse_ask family = { MSE_STEP_MACHINE, "no list of Intel's platforms",
                                           "allowed_fmspc" };
    mse_note(a->v, &family, a->policy->num_allowed_fmspc == 0 ? MSE_OK : MSE_ERR_FMSPC_NOT_ALLOWED,
             "a platform of AMD");
    bool vcek = a->v->snp.signing_key == MSE_SNP_KEY_VCEK;
    mse_note_octets(a->v, &machine, is_allowed_machine(a) ? MSE_OK : MSE_ERR_MACHINE_NOT_ALLOWED,
                    vcek ? "CHIP_ID " : "VLEK, CHIP_ID ", mse_bytes_of(a->v->snp.chip_id, 64));
}

void mse_snp_judge_policy(struct mse_snp_appraisal *a)
{
    judge_min_tcb(a);
    judge_simulation(a);
    judge_guest_policy(a);
    judge_abi(a);
    judge_vmpl(a);
    mse_judge_reference(a->v, a->policy);
    judge_machine(a);
}
