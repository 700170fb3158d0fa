/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a policy, with what each accepts, and how a reader fills a policy by them. Reading a
 * file format is policy_json.c and the CLI's business. */
#include "attest/policy_tables.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"

static const char step[] = "policy";

/* Setters. Each takes a value of the key's kind and returns false for one that it does not like. */

static bool set_u32(uint32_t *out, uint64_t v)
{
    if (v > UINT32_MAX) {
        return false;
    }
    *out = (uint32_t)v;
    return true;
}

static bool add_status(struct mse_policy *p, const struct mse_policy_value *v)
{
    enum mse_tcb_status s = MSE_TCB_NONE;
    if (!mse_tcb_status_parse(&s, v->text) || s == MSE_TCB_NONE || s == MSE_TCB_REVOKED) {
        return false;
    }
    p->accepted_tcb_statuses |= MSE_TCB_BIT(s);
    return true;
}

static bool add_advisory(struct mse_policy *p, const struct mse_policy_value *v)
{
    if (p->num_accepted_advisories >= MSE_MAX_POLICY_ADVISORIES || v->text.len == 0 ||
        v->text.len >= MSE_ADVISORY_LEN) {
        return false;
    }
    char *out = p->accepted_advisories[p->num_accepted_advisories];
    for (size_t i = 0; i < v->text.len; i++) {
        uint8_t c = v->text.data[i];
        if (c <= 0x20 || c >= 0x7f) {
            return false;
        }
        out[i] = (char)c;
    }
    out[v->text.len] = '\0';
    p->num_accepted_advisories++;
    return true;
}

static bool add_machine(struct mse_policy *p, const struct mse_policy_value *v)
{
    struct mse_machine m = { .len = v->text.len == 64 || v->text.len == 128 ? 32 : 16 };
    uint8_t chip_id[64];
    if (p->num_allowed_machines >= MSE_MAX_MACHINES) {
        return false;
    }
    if (v->text.len == 128) {
        if (!mse_hex_decode(chip_id, sizeof chip_id, v->text) ||
            mse_mem_is_zero(chip_id, sizeof chip_id) ||
            mse_sha256(m.id, mse_bytes_of(chip_id, sizeof chip_id)) != MSE_OK) {
            return false;
        }
    } else if (!mse_hex_decode(m.id, m.len, v->text) || mse_mem_is_zero(m.id, m.len)) {
        return false;
    }
    p->allowed_machines[p->num_allowed_machines++] = m;
    return true;
}

static bool add_fmspc(struct mse_policy *p, const struct mse_policy_value *v)
{
    if (p->num_allowed_fmspc >= MSE_MAX_FMSPC ||
        !mse_hex_decode(p->allowed_fmspc[p->num_allowed_fmspc], 6, v->text)) {
        return false;
    }
    p->num_allowed_fmspc++;
    return true;
}

static bool set_any_advisory(struct mse_policy *p, const struct mse_policy_value *v)
{
    p->insecure_any_advisory = v->boolean;
    return true;
}

static bool set_min_tcb_date(struct mse_policy *p, const struct mse_policy_value *v)
{
    p->has_min_tcb_date = mse_time_parse(&p->min_tcb_date, v->text);
    return p->has_min_tcb_date;
}

static bool set_min_number(struct mse_policy *p, const struct mse_policy_value *v)
{
    return set_u32(&p->min_tcb_evaluation_number, v->number);
}

static bool set_mixed(struct mse_policy *p, const struct mse_policy_value *v)
{
    p->allow_mixed_evaluation_numbers = v->boolean;
    return true;
}

static bool set_grace_days(struct mse_policy *p, const struct mse_policy_value *v)
{
    return v->number <= 3650 && set_u32(&p->grace_days, v->number);
}

static bool set_grace_reference(struct mse_policy *p, const struct mse_policy_value *v)
{
    if (mse_bytes_is_str(v->text, "tcb_date")) {
        p->grace_reference = MSE_GRACE_TCB_DATE;
        return true;
    }
    p->grace_reference = MSE_GRACE_ISSUE_DATE;
    return mse_bytes_is_str(v->text, "issue_date");
}

static bool set_collateral_age(struct mse_policy *p, const struct mse_policy_value *v)
{
    if (v->number > UINT32_MAX) {
        return false;
    }
    p->max_collateral_age = (int64_t)v->number;
    return p->max_collateral_age == 0 || p->max_collateral_age >= MSE_POLICY_MIN_COLLATERAL_AGE;
}

static bool set_debug(struct mse_policy *p, const struct mse_policy_value *v)
{
    p->allow_debug = v->boolean;
    return true;
}

static bool set_sample_signer(struct mse_policy *p, const struct mse_policy_value *v)
{
    p->allow_sample_signer = v->boolean;
    return true;
}

static bool set_smt(struct mse_policy *p, const struct mse_policy_value *v)
{
    p->allow_smt = v->boolean;
    return true;
}

static bool set_any_attributes(struct mse_policy *p, const struct mse_policy_value *v)
{
    p->insecure_any_attributes = v->boolean;
    return true;
}

static bool set_any_app(struct mse_policy *p, const struct mse_policy_value *v)
{
    p->insecure_any_app = v->boolean;
    return true;
}

static bool set_simulation(struct mse_policy *p, const struct mse_policy_value *v)
{
    p->allow_simulation = v->boolean;
    return true;
}

static bool set_simulation_root(struct mse_policy *p, const struct mse_policy_value *v)
{
    return mse_hex_decode(p->simulation_root, sizeof p->simulation_root, v->text) &&
           !mse_mem_is_zero(p->simulation_root, sizeof p->simulation_root);
}

static bool set_simulation_only(struct mse_policy *p, const struct mse_policy_value *v)
{
    p->simulation_only = v->boolean;
    return true;
}

static bool set_level(struct mse_policy *p, const struct mse_policy_value *v)
{
    p->require_level = v->number <= 3 ? (uint8_t)v->number : 0;
    return v->number <= 3;
}

static bool set_u8(uint8_t *out, uint64_t v, uint8_t max)
{
    if (v > max) {
        return false;
    }
    *out = (uint8_t)v;
    return true;
}

static bool set_migration(struct mse_policy *p, const struct mse_policy_value *v)
{
    p->allow_migration = v->boolean;
    return true;
}

static bool set_vmpl(struct mse_policy *p, const struct mse_policy_value *v)
{
    return set_u8(&p->max_vmpl, v->number, 3);
}

static bool set_min_fmc(struct mse_policy *p, const struct mse_policy_value *v)
{
    return set_u8(&p->min_snp_tcb.fmc, v->number, UINT8_MAX);
}

static bool set_min_bl(struct mse_policy *p, const struct mse_policy_value *v)
{
    return set_u8(&p->min_snp_tcb.bl, v->number, UINT8_MAX);
}

static bool set_min_tee(struct mse_policy *p, const struct mse_policy_value *v)
{
    return set_u8(&p->min_snp_tcb.tee, v->number, UINT8_MAX);
}

static bool set_min_snp(struct mse_policy *p, const struct mse_policy_value *v)
{
    return set_u8(&p->min_snp_tcb.snp, v->number, UINT8_MAX);
}

static bool set_min_ucode(struct mse_policy *p, const struct mse_policy_value *v)
{
    return set_u8(&p->min_snp_tcb.ucode, v->number, UINT8_MAX);
}

static bool set_min_abi_major(struct mse_policy *p, const struct mse_policy_value *v)
{
    return set_u8(&p->min_snp_abi_major, v->number, UINT8_MAX);
}

static bool set_min_abi_minor(struct mse_policy *p, const struct mse_policy_value *v)
{
    return set_u8(&p->min_snp_abi_minor, v->number, UINT8_MAX);
}

static bool set_root_sha256(struct mse_policy *p, const struct mse_policy_value *v)
{
    return mse_hex_decode(p->simulation_root_sha256, 32, v->text) &&
           !mse_mem_is_zero(p->simulation_root_sha256, 32);
}

static bool add_key(struct mse_log_key *keys, size_t *num, size_t max, enum mse_log_key_type type,
                    struct mse_bytes text)
{
    struct mse_log_key k;
    if (*num >= max || mse_log_key_parse(&k, text, NULL) != MSE_OK || k.type != type) {
        return false;
    }
    keys[(*num)++] = k;
    return true;
}

static bool add_log_key(struct mse_policy *p, const struct mse_policy_value *v)
{
    return add_key(p->log_keys, &p->num_log_keys, MSE_MAX_LOG_KEYS, MSE_LOG_KEY_LOG, v->text);
}

static bool add_log_witness(struct mse_policy *p, const struct mse_policy_value *v)
{
    return add_key(p->log_witnesses, &p->num_log_witnesses, MSE_MAX_LOG_WITNESSES,
                   MSE_LOG_KEY_WITNESS, v->text);
}

static bool set_log_witnesses(struct mse_policy *p, const struct mse_policy_value *v)
{
    return v->number <= MSE_MAX_LOG_WITNESSES && set_u32(&p->min_log_witnesses, v->number);
}

static const char a_bool[] = "true or false";
static const char a_byte[] = "0 to 255";

static const struct mse_policy_key keys[] = {
    POLICY_KEY("accepted_tcb_statuses", LIST, add_status,
               "TCB statuses; Revoked is never accepted"),
    POLICY_KEY("accepted_advisories", LIST, add_advisory, "at most 64 advisory ids"),
    POLICY_KEY("insecure_any_advisory", BOOL, set_any_advisory, a_bool),
    POLICY_KEY("min_tcb_date", TEXT, set_min_tcb_date, "a date such as \"2025-01-31T00:00:00Z\""),
    POLICY_KEY("min_tcb_evaluation_number", UINT, set_min_number, "a number"),
    POLICY_KEY("allow_mixed_evaluation_numbers", BOOL, set_mixed, a_bool),
    POLICY_KEY("grace_days", UINT, set_grace_days, "0 to 3650"),
    POLICY_KEY("grace_reference", TEXT, set_grace_reference, "\"tcb_date\" or \"issue_date\""),
    POLICY_KEY("max_collateral_age", UINT, set_collateral_age,
               "seconds: 0, or 31 days (2678400) and more"),
    POLICY_KEY(
        "allowed_machines", LIST, add_machine,
        "at most 64 PPIDs or platform instance ids (32 hexadecimal digits, not all zero), CHIP_IDs "
        "(128), or the SHA-256 of one (64)"),
    POLICY_KEY("allowed_fmspc", LIST, add_fmspc, "at most 32 FMSPCs, 12 hexadecimal digits each"),
    POLICY_KEY("allow_debug", BOOL, set_debug, a_bool),
    POLICY_KEY("allow_sample_signer", BOOL, set_sample_signer, a_bool),
    POLICY_KEY("allow_smt", BOOL, set_smt, a_bool),
    POLICY_KEY("insecure_any_attributes", BOOL, set_any_attributes, a_bool),
    POLICY_KEY("insecure_any_app", BOOL, set_any_app, a_bool),
    POLICY_KEY("allow_simulation", BOOL, set_simulation, a_bool),
    POLICY_KEY("simulation_root", TEXT, set_simulation_root,
               "a P-256 point, 128 hexadecimal digits"),
    POLICY_KEY("simulation_only", BOOL, set_simulation_only, a_bool),
    POLICY_KEY("require_level", UINT, set_level, "0 to 3"),
    POLICY_KEY("allow_migration", BOOL, set_migration, a_bool),
    POLICY_KEY("max_vmpl", UINT, set_vmpl, "0 to 3"),
    POLICY_KEY("min_tcb_fmc", UINT, set_min_fmc, a_byte),
    POLICY_KEY("min_tcb_bl", UINT, set_min_bl, a_byte),
    POLICY_KEY("min_tcb_tee", UINT, set_min_tee, a_byte),
    POLICY_KEY("min_tcb_snp", UINT, set_min_snp, a_byte),
    POLICY_KEY("min_tcb_ucode", UINT, set_min_ucode, a_byte),
    POLICY_KEY("min_snp_abi_major", UINT, set_min_abi_major, a_byte),
    POLICY_KEY("min_snp_abi_minor", UINT, set_min_abi_minor, a_byte),
    POLICY_KEY("simulation_root_sha256", TEXT, set_root_sha256,
               "64 hexadecimal digits, not all zero"),
    POLICY_KEY("log_keys", LIST, add_log_key, "at most 4 public keys of logs, NAME+ID+BASE64"),
    POLICY_KEY("log_witnesses", LIST, add_log_witness,
               "at most 16 public keys of witnesses, NAME+ID+BASE64"),
    POLICY_KEY("min_log_witnesses", UINT, set_log_witnesses, "0 to 16"),
    POLICY_KEY("references", TABLES, NULL, "at most 16 tables of reference values"),
};

_Static_assert(MSE_ARRAY_LEN(keys) <= 64, "one bit a key in struct mse_policy_reader");

const struct mse_policy_key *policy_find(const struct mse_policy_key *table, size_t num,
                                         struct mse_bytes name)
{
    for (size_t i = 0; i < num; i++) {
        if (mse_bytes_is_str(name, table[i].name)) {
            return &table[i];
        }
    }
    return NULL;
}

const struct mse_policy_key *mse_policy_key_find(struct mse_bytes name)
{
    return policy_find(keys, MSE_ARRAY_LEN(keys), name);
}

const struct mse_policy_key *mse_policy_key_at(size_t i)
{
    return i < MSE_ARRAY_LEN(keys) ? &keys[i] : NULL;
}

void mse_policy_read_begin(struct mse_policy_reader *r, struct mse_policy *p)
{
    struct mse_policy_reader init = { .policy = p };
    *r = init;
    mse_policy_default(p);
}

mse_status policy_use(uint64_t *used, size_t index, const char *name, struct mse_error *err)
{
    uint64_t bit = (uint64_t)1 << index;
    if ((*used & bit) != 0) {
        return MSE_FAIL(err, MSE_ERR_POLICY, step, "the key \"%s\" stands there twice", name);
    }
    *used |= bit;
    return MSE_OK;
}

mse_status mse_policy_key_use(struct mse_policy_reader *r, const struct mse_policy_key *key,
                              struct mse_error *err)
{
    mse_status st = policy_use(&r->used, (size_t)(key - keys), key->name, err);
    if (st != MSE_OK) {
        return st;
    }
    /* A list that is given replaces the default, it does not add to it. */
    if (key->set == add_status) {
        r->policy->accepted_tcb_statuses = 0;
    }
    return MSE_OK;
}

static enum mse_policy_kind element_kind(const struct mse_policy_key *key)
{
    return key->kind == MSE_POLICY_LIST ? MSE_POLICY_TEXT : key->kind;
}

static mse_status set(struct mse_policy *p, const struct mse_policy_key *key,
                      const struct mse_policy_value *v, struct mse_error *err)
{
    if (key->set == NULL || v->kind != element_kind(key) || !key->set(p, v)) {
        return MSE_FAIL(err, MSE_ERR_POLICY, step, "the key \"%s\" has a wrong value, wanted %s",
                        key->name, key->wanted);
    }
    return MSE_OK;
}

mse_status mse_policy_set(struct mse_policy_reader *r, const struct mse_policy_key *key,
                          const struct mse_policy_value *v, struct mse_error *err)
{
    return set(r->policy, key, v, err);
}

mse_status mse_policy_read_end(const struct mse_policy_reader *r, struct mse_error *err)
{
    return mse_policy_judge(r->policy, err);
}
