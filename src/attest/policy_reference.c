/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a table of "references" in a policy, with what each accepts. */
#include <mse/evidence.h>

#include "attest/policy_tables.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"

static const char step[] = "policy";

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
    POLICY_KEY("fingerprint", TEXT, ref_fingerprint, octets_32),
    POLICY_KEY("mr_enclave", TEXT, ref_mr_enclave, octets_32),
    POLICY_KEY("mr_signer", TEXT, ref_mr_signer, octets_32),
    POLICY_KEY("isv_prod_id", UINT, ref_isv_prod_id, "0 to 65535"),
    POLICY_KEY("min_isv_svn", UINT, ref_min_isv_svn, "0 to 65535"),
    POLICY_KEY("config_id", TEXT, ref_config_id, "128 hexadecimal digits"),
    POLICY_KEY("report_data", TEXT, ref_report_data, "128 hexadecimal digits"),
    POLICY_KEY("mr_td", TEXT, ref_mr_td, octets_48),
    POLICY_KEY("rtmr0", TEXT, ref_rtmr0, octets_48),
    POLICY_KEY("rtmr1", TEXT, ref_rtmr1, octets_48),
    POLICY_KEY("rtmr2", TEXT, ref_rtmr2, octets_48),
    POLICY_KEY("rtmr3", TEXT, ref_rtmr3, octets_48),
    POLICY_KEY("mr_config_id", TEXT, ref_mr_config_id, octets_48),
    POLICY_KEY("mr_owner", TEXT, ref_mr_owner, octets_48),
    POLICY_KEY("mr_owner_config", TEXT, ref_mr_owner_config, octets_48),
    POLICY_KEY("td_attributes", TEXT, ref_td_attributes, octets_8),
    POLICY_KEY("xfam", TEXT, ref_xfam, octets_8),
    POLICY_KEY("measurement", TEXT, ref_measurement, octets_48),
    POLICY_KEY("host_data", TEXT, ref_host_data, octets_32),
    POLICY_KEY("id_key_digest", TEXT, ref_id_key_digest, octets_48),
    POLICY_KEY("author_key_digest", TEXT, ref_author_key_digest, octets_48),
    POLICY_KEY("pcr0", TEXT, ref_pcr0, octets_48),
    POLICY_KEY("pcr1", TEXT, ref_pcr1, octets_48),
    POLICY_KEY("pcr2", TEXT, ref_pcr2, octets_48),
    POLICY_KEY("pcr3", TEXT, ref_pcr3, octets_48),
    POLICY_KEY("pcr4", TEXT, ref_pcr4, octets_48),
    POLICY_KEY("pcr5", TEXT, ref_pcr5, octets_48),
    POLICY_KEY("pcr6", TEXT, ref_pcr6, octets_48),
    POLICY_KEY("pcr7", TEXT, ref_pcr7, octets_48),
    POLICY_KEY("pcr8", TEXT, ref_pcr8, octets_48),
    POLICY_KEY("pcr9", TEXT, ref_pcr9, octets_48),
    POLICY_KEY("pcr10", TEXT, ref_pcr10, octets_48),
    POLICY_KEY("pcr11", TEXT, ref_pcr11, octets_48),
    POLICY_KEY("pcr12", TEXT, ref_pcr12, octets_48),
    POLICY_KEY("pcr13", TEXT, ref_pcr13, octets_48),
    POLICY_KEY("pcr14", TEXT, ref_pcr14, octets_48),
    POLICY_KEY("pcr15", TEXT, ref_pcr15, octets_48),
    POLICY_KEY("nonce", TEXT, ref_nonce, octets_any),
    POLICY_KEY("user_data", TEXT, ref_user_data, octets_any),
    POLICY_KEY("public_key", TEXT, ref_public_key, octets_any),
};

_Static_assert(MSE_ARRAY_LEN(reference_keys) <= 64, "one bit a key in struct mse_policy_reader");

static const struct mse_policy_key *find_key(struct mse_bytes name)
{
    return policy_find(reference_keys, MSE_ARRAY_LEN(reference_keys), name);
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
    const struct mse_policy_key *key = find_key(name);
    if (key == NULL) {
        return MSE_FAIL(err, MSE_ERR_POLICY, step, "unknown key \"%.*s\" in \"references\"",
                        name.len < 64 ? (int)name.len : 64, (const char *)name.data);
    }
    mse_status st = policy_use(&r->used_reference, (size_t)(key - reference_keys), key->name, err);
    return st != MSE_OK ? st : mse_policy_set(r, key, v, err);
}
