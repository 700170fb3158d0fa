/* SPDX-License-Identifier: Apache-2.0 */
/* The policy: defaults, the table of keys with what each accepts, and what must hold between keys.
 * Reading a file format is policy_json.c and the CLI's business. */
#include <mse/evidence.h>
#include <mse/policy.h>

#include "attest/policy_keys.h"
#include "attest/verdict.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"

static const char step[] = "policy";

void mse_policy_default(struct mse_policy *out)
{
    struct mse_policy p = { .accepted_tcb_statuses = MSE_TCB_BIT(MSE_TCB_UP_TO_DATE) };
    *out = p;
}

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

#define KEY(n, k, f, w)                                                                            \
    {                                                                                              \
        .name = (n), .kind = MSE_POLICY_##k, .set = (f), .wanted = (w)                             \
    }

static const char a_bool[] = "true or false";
static const char a_byte[] = "0 to 255";

static const struct mse_policy_key keys[] = {
    KEY("accepted_tcb_statuses", LIST, add_status, "TCB statuses; Revoked is never accepted"),
    KEY("accepted_advisories", LIST, add_advisory, "at most 64 advisory ids"),
    KEY("insecure_any_advisory", BOOL, set_any_advisory, a_bool),
    KEY("min_tcb_date", TEXT, set_min_tcb_date, "a date such as \"2025-01-31T00:00:00Z\""),
    KEY("min_tcb_evaluation_number", UINT, set_min_number, "a number"),
    KEY("allow_mixed_evaluation_numbers", BOOL, set_mixed, a_bool),
    KEY("grace_days", UINT, set_grace_days, "0 to 3650"),
    KEY("grace_reference", TEXT, set_grace_reference, "\"tcb_date\" or \"issue_date\""),
    KEY("max_collateral_age", UINT, set_collateral_age,
        "seconds: 0, or 31 days (2678400) and more"),
    KEY("allowed_machines", LIST, add_machine,
        "at most 64 PPIDs or platform instance ids (32 hexadecimal digits, not all zero), CHIP_IDs "
        "(128), or the SHA-256 of one (64)"),
    KEY("allowed_fmspc", LIST, add_fmspc, "at most 32 FMSPCs, 12 hexadecimal digits each"),
    KEY("allow_debug", BOOL, set_debug, a_bool),
    KEY("allow_sample_signer", BOOL, set_sample_signer, a_bool),
    KEY("allow_smt", BOOL, set_smt, a_bool),
    KEY("insecure_any_attributes", BOOL, set_any_attributes, a_bool),
    KEY("insecure_any_app", BOOL, set_any_app, a_bool),
    KEY("allow_simulation", BOOL, set_simulation, a_bool),
    KEY("simulation_root", TEXT, set_simulation_root, "a P-256 point, 128 hexadecimal digits"),
    KEY("simulation_only", BOOL, set_simulation_only, a_bool),
    KEY("require_level", UINT, set_level, "0 to 3"),
    KEY("allow_migration", BOOL, set_migration, a_bool),
    KEY("max_vmpl", UINT, set_vmpl, "0 to 3"),
    KEY("min_tcb_fmc", UINT, set_min_fmc, a_byte),
    KEY("min_tcb_bl", UINT, set_min_bl, a_byte),
    KEY("min_tcb_tee", UINT, set_min_tee, a_byte),
    KEY("min_tcb_snp", UINT, set_min_snp, a_byte),
    KEY("min_tcb_ucode", UINT, set_min_ucode, a_byte),
    KEY("min_snp_abi_major", UINT, set_min_abi_major, a_byte),
    KEY("min_snp_abi_minor", UINT, set_min_abi_minor, a_byte),
    KEY("simulation_root_sha256", TEXT, set_root_sha256, "64 hexadecimal digits, not all zero"),
    KEY("log_keys", LIST, add_log_key, "at most 4 public keys of logs, NAME+ID+BASE64"),
    KEY("log_witnesses", LIST, add_log_witness,
        "at most 16 public keys of witnesses, NAME+ID+BASE64"),
    KEY("min_log_witnesses", UINT, set_log_witnesses, "0 to 16"),
    KEY("references", TABLES, NULL, "at most 16 tables of reference values"),
};

/* Members of a table of reference values: they set the last table of the policy. */

static struct mse_reference *last(struct mse_policy *p)
{
    MSE_ASSERT(p->num_references > 0 && p->num_references <= MSE_MAX_REFERENCES);
    return &p->references[p->num_references - 1];
}

static bool ref_isv_prod_id(struct mse_policy *p, const struct mse_policy_value *v)
{
    struct mse_reference *r = last(p);
    r->has_isv_prod_id = v->number <= UINT16_MAX;
    r->isv_prod_id = (uint16_t)(v->number & UINT16_MAX);
    return r->has_isv_prod_id;
}

static bool ref_min_isv_svn(struct mse_policy *p, const struct mse_policy_value *v)
{
    struct mse_reference *r = last(p);
    r->has_min_isv_svn = v->number <= UINT16_MAX;
    r->min_isv_svn = (uint16_t)(v->number & UINT16_MAX);
    return r->has_min_isv_svn;
}

/* Octets of a report, little-endian. */
static bool rd_word(uint64_t *out, const struct mse_policy_value *v)
{
    uint8_t octets[8];
    struct mse_bytes in = { octets, sizeof octets };
    return mse_hex_decode(octets, sizeof octets, v->text) && mse_rd_u64le(&in, out);
}

static bool ref_td_attributes(struct mse_policy *p, const struct mse_policy_value *v)
{
    last(p)->has_td_attributes = rd_word(&last(p)->td_attributes, v);
    return last(p)->has_td_attributes;
}

static bool ref_xfam(struct mse_policy *p, const struct mse_policy_value *v)
{
    last(p)->has_xfam = rd_word(&last(p)->xfam, v);
    return last(p)->has_xfam;
}

/* Members of fixed length that are nothing but octets. */
#define REF_OCTETS(member)                                                                         \
    static bool ref_##member(struct mse_policy *p, const struct mse_policy_value *v)               \
    {                                                                                              \
        struct mse_reference *r = last(p);                                                         \
        r->has_##member = mse_hex_decode(r->member, sizeof r->member, v->text);                    \
        return r->has_##member;                                                                    \
    }
REF_OCTETS(fingerprint)
REF_OCTETS(mr_enclave)
REF_OCTETS(mr_signer)
REF_OCTETS(config_id)
REF_OCTETS(report_data)
REF_OCTETS(mr_td)
REF_OCTETS(rtmr0)
REF_OCTETS(rtmr1)
REF_OCTETS(rtmr2)
REF_OCTETS(rtmr3)
REF_OCTETS(mr_config_id)
REF_OCTETS(mr_owner)
REF_OCTETS(mr_owner_config)
REF_OCTETS(measurement)
REF_OCTETS(host_data)
REF_OCTETS(id_key_digest)
REF_OCTETS(author_key_digest)

/* The PCR of the key that is read: its number stands in its name. */
#define REF_PCR(n)                                                                                 \
    static bool ref_pcr##n(struct mse_policy *p, const struct mse_policy_value *v)                 \
    {                                                                                              \
        struct mse_reference *r = last(p);                                                         \
        r->has_pcr[n] = mse_hex_decode(r->pcr[n], sizeof r->pcr[n], v->text);                      \
        return r->has_pcr[n];                                                                      \
    }
REF_PCR(0)
REF_PCR(1)
REF_PCR(2)
REF_PCR(3)
REF_PCR(4)
REF_PCR(5)
REF_PCR(6)
REF_PCR(7)
REF_PCR(8)
REF_PCR(9)
REF_PCR(10)
REF_PCR(11)
REF_PCR(12)
REF_PCR(13)
REF_PCR(14)
REF_PCR(15)

/* Data of any length: what is kept is their SHA-256. */
static bool hash_hex(uint8_t out[32], const struct mse_policy_value *v)
{
    uint8_t data[MSE_NITRO_MAX_DATA];
    size_t len = v->text.len / 2;
    return len <= sizeof data && mse_hex_decode(data, len, v->text) &&
           mse_sha256(out, mse_bytes_of(data, len)) == MSE_OK;
}

#define REF_DATA(member)                                                                           \
    static bool ref_##member(struct mse_policy *p, const struct mse_policy_value *v)               \
    {                                                                                              \
        struct mse_reference *r = last(p);                                                         \
        r->has_##member = hash_hex(r->member, v);                                                  \
        return r->has_##member;                                                                    \
    }
REF_DATA(nonce)
REF_DATA(user_data)
REF_DATA(public_key)

static const char octets_32[] = "64 hexadecimal digits";
static const char octets_48[] = "96 hexadecimal digits";
static const char octets_any[] = "0 to 2048 hexadecimal digits, an even number";
static const char octets_8[] = "16 hexadecimal digits, in the order of the report";

static const struct mse_policy_key reference_keys[] = {
    KEY("fingerprint", TEXT, ref_fingerprint, octets_32),
    KEY("mr_enclave", TEXT, ref_mr_enclave, octets_32),
    KEY("mr_signer", TEXT, ref_mr_signer, octets_32),
    KEY("isv_prod_id", UINT, ref_isv_prod_id, "0 to 65535"),
    KEY("min_isv_svn", UINT, ref_min_isv_svn, "0 to 65535"),
    KEY("config_id", TEXT, ref_config_id, "128 hexadecimal digits"),
    KEY("report_data", TEXT, ref_report_data, "128 hexadecimal digits"),
    KEY("mr_td", TEXT, ref_mr_td, octets_48),
    KEY("rtmr0", TEXT, ref_rtmr0, octets_48),
    KEY("rtmr1", TEXT, ref_rtmr1, octets_48),
    KEY("rtmr2", TEXT, ref_rtmr2, octets_48),
    KEY("rtmr3", TEXT, ref_rtmr3, octets_48),
    KEY("mr_config_id", TEXT, ref_mr_config_id, octets_48),
    KEY("mr_owner", TEXT, ref_mr_owner, octets_48),
    KEY("mr_owner_config", TEXT, ref_mr_owner_config, octets_48),
    KEY("td_attributes", TEXT, ref_td_attributes, octets_8),
    KEY("xfam", TEXT, ref_xfam, octets_8),
    KEY("measurement", TEXT, ref_measurement, octets_48),
    KEY("host_data", TEXT, ref_host_data, octets_32),
    KEY("id_key_digest", TEXT, ref_id_key_digest, octets_48),
    KEY("author_key_digest", TEXT, ref_author_key_digest, octets_48),
    KEY("pcr0", TEXT, ref_pcr0, octets_48),
    KEY("pcr1", TEXT, ref_pcr1, octets_48),
    KEY("pcr2", TEXT, ref_pcr2, octets_48),
    KEY("pcr3", TEXT, ref_pcr3, octets_48),
    KEY("pcr4", TEXT, ref_pcr4, octets_48),
    KEY("pcr5", TEXT, ref_pcr5, octets_48),
    KEY("pcr6", TEXT, ref_pcr6, octets_48),
    KEY("pcr7", TEXT, ref_pcr7, octets_48),
    KEY("pcr8", TEXT, ref_pcr8, octets_48),
    KEY("pcr9", TEXT, ref_pcr9, octets_48),
    KEY("pcr10", TEXT, ref_pcr10, octets_48),
    KEY("pcr11", TEXT, ref_pcr11, octets_48),
    KEY("pcr12", TEXT, ref_pcr12, octets_48),
    KEY("pcr13", TEXT, ref_pcr13, octets_48),
    KEY("pcr14", TEXT, ref_pcr14, octets_48),
    KEY("pcr15", TEXT, ref_pcr15, octets_48),
    KEY("nonce", TEXT, ref_nonce, octets_any),
    KEY("user_data", TEXT, ref_user_data, octets_any),
    KEY("public_key", TEXT, ref_public_key, octets_any),
};

_Static_assert(MSE_ARRAY_LEN(keys) <= 64 && MSE_ARRAY_LEN(reference_keys) <= 64,
               "one bit a key in struct mse_policy_reader");

static const struct mse_policy_key *find(const struct mse_policy_key *table, size_t num,
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
    return find(keys, MSE_ARRAY_LEN(keys), name);
}

const struct mse_policy_key *mse_policy_key_at(size_t i)
{
    return i < MSE_ARRAY_LEN(keys) ? &keys[i] : NULL;
}

const struct mse_policy_key *mse_policy_reference_key_find(struct mse_bytes name)
{
    return find(reference_keys, MSE_ARRAY_LEN(reference_keys), name);
}

void mse_policy_read_begin(struct mse_policy_reader *r, struct mse_policy *p)
{
    struct mse_policy_reader init = { .policy = p };
    *r = init;
    mse_policy_default(p);
}

static mse_status use(uint64_t *used, size_t index, const char *name, struct mse_error *err)
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
    mse_status st = use(&r->used, (size_t)(key - keys), key->name, err);
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

mse_status mse_policy_reference_begin(struct mse_policy_reader *r, struct mse_error *err)
{
    if (r->policy->num_references >= MSE_MAX_REFERENCES) {
        return MSE_FAIL(err, MSE_ERR_POLICY, step, "the key \"references\" has more than %d tables",
                        MSE_MAX_REFERENCES);
    }
    r->policy->num_references++;
    r->used_reference = 0;
    return MSE_OK;
}

mse_status mse_policy_reference_set(struct mse_policy_reader *r, struct mse_bytes name,
                                    const struct mse_policy_value *v, struct mse_error *err)
{
    const struct mse_policy_key *key = mse_policy_reference_key_find(name);
    if (key == NULL) {
        return MSE_FAIL(err, MSE_ERR_POLICY, step, "unknown key \"%.*s\" in \"references\"",
                        name.len < 64 ? (int)name.len : 64, (const char *)name.data);
    }
    mse_status st = use(&r->used_reference, (size_t)(key - reference_keys), key->name, err);
    return st != MSE_OK ? st : set(r->policy, key, v, err);
}

mse_status mse_policy_read_end(const struct mse_policy_reader *r, struct mse_error *err)
{
    return mse_policy_judge(r->policy, err);
}

static bool counts_fit(const struct mse_policy *p)
{
    return p->num_accepted_advisories <= MSE_MAX_POLICY_ADVISORIES &&
           p->num_allowed_machines <= MSE_MAX_MACHINES && p->num_allowed_fmspc <= MSE_MAX_FMSPC &&
           p->num_references <= MSE_MAX_REFERENCES && p->num_log_keys <= MSE_MAX_LOG_KEYS &&
           p->num_log_witnesses <= MSE_MAX_LOG_WITNESSES;
}

mse_status mse_policy_judge(const struct mse_policy *p, struct mse_error *err)
{
    if (!counts_fit(p)) {
        return MSE_FAIL(err, MSE_ERR_POLICY, step, "a list is longer than its array");
    }
    if ((p->accepted_tcb_statuses & MSE_TCB_BIT(MSE_TCB_REVOKED)) != 0) {
        return MSE_FAIL(err, MSE_ERR_POLICY, step,
                        "\"accepted_tcb_statuses\" has Revoked, which is never accepted");
    }
    if (p->require_level > 3) {
        return MSE_FAIL(err, MSE_ERR_POLICY, step, "\"require_level\" is %u, wanted 0 to 3",
                        p->require_level);
    }
    if (p->max_collateral_age != 0 && p->max_collateral_age < MSE_POLICY_MIN_COLLATERAL_AGE) {
        return MSE_FAIL(err, MSE_ERR_POLICY, step,
                        "\"max_collateral_age\" is %lld s, wanted 0 or at least 31 days",
                        (long long)p->max_collateral_age);
    }
    if ((p->grace_days != 0) != (p->grace_reference != MSE_GRACE_NONE)) {
        return MSE_FAIL(err, MSE_ERR_POLICY, step,
                        "\"grace_days\" and \"grace_reference\" go together");
    }
    if (p->max_vmpl > 3) {
        return MSE_FAIL(err, MSE_ERR_POLICY, step, "\"max_vmpl\" is %u, wanted 0 to 3",
                        p->max_vmpl);
    }
    if (p->min_log_witnesses > p->num_log_witnesses ||
        (p->num_log_witnesses > 0 && p->num_log_keys == 0)) {
        return MSE_FAIL(err, MSE_ERR_POLICY, step,
                        "\"min_log_witnesses\" (%u) needs as many \"log_witnesses\" (%zu), and "
                        "those need \"log_keys\" (%zu)",
                        p->min_log_witnesses, p->num_log_witnesses, p->num_log_keys);
    }
    bool no_root = mse_mem_is_zero(p->simulation_root, sizeof p->simulation_root) &&
                   mse_mem_is_zero(p->simulation_root_sha256, sizeof p->simulation_root_sha256);
    if (p->simulation_only && (no_root || !p->allow_simulation)) {
        return MSE_FAIL(err, MSE_ERR_POLICY, step,
                        "\"simulation_only\" needs \"allow_simulation\" and \"simulation_root\"");
    }
    return MSE_OK;
}

const struct mse_policy *mse_note_policy(struct mse_verdict *v, struct mse_policy *nothing,
                                         const struct mse_policy *p)
{
    static const struct mse_ask ask = { MSE_STEP_FORM, "a policy that makes sense", NULL };
    struct mse_error err = { .status = MSE_OK };
    mse_status st = mse_policy_judge(p, &err);
    mse_note(v, &ask, st, "%s", err.text);
    if (st == MSE_OK) {
        mse_note_log(v, p);
        return p;
    }
    memset(nothing, 0, sizeof *nothing);
    return nothing;
}
