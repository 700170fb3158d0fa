/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of name servers, against the reader of the C library: what that one reads, ours reads,
 * and both find the same. Ours looks at less of a message, so that it takes more. */
#include <arpa/nameser.h>

#include "base/bytes.h"
#include "base/util.h"
#include "cli/cloud_names.h"

#define TYPE_CAA 257

/* Flags, the length of the tag, the tag, the value. */
static bool is_caa(const ns_rr *r)
{
    return ns_rr_rdlen(*r) >= 2 && ns_rr_rdata(*r)[1] <= ns_rr_rdlen(*r) - 2;
}

static bool is_issue(const ns_rr *r)
{
    struct mse_bytes tag = mse_bytes_of(ns_rr_rdata(*r) + 2, ns_rr_rdata(*r)[1]);
    return mse_bytes_is_str(tag, "issue") || mse_bytes_is_str(tag, "issuewild");
}

/* Whether theirs reads all answers; *any: one is a CAA record that names who may issue; *good: none
 * is damaged. */
static bool read_other(bool *any, bool *good, struct mse_bytes in)
{
    ns_msg m;
    ns_rr r;
    *any = false;
    *good = true;
    if (in.len > 65535 || ns_initparse(in.data, (int)in.len, &m) != 0) {
        return false;
    }
    for (int i = 0; i < ns_msg_count(m, ns_s_an); i++) {
        if (ns_parserr(&m, ns_s_an, i, &r) != 0) {
            return false;
        }
        if ((int)ns_rr_type(r) == TYPE_CAA && ns_rr_class(r) == ns_c_in) {
            *good = *good && is_caa(&r);
            *any = *any || (is_caa(&r) && is_issue(&r));
        }
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes in = mse_bytes_of(data, size);
    struct cloud_caa c = { .any = true };
    bool any = false;
    bool good = false;
    bool read = cloud_caa_read(&c, in);
    MSE_ASSERT(read || (c.any && !c.account && !c.dns01_alone)); /* as it was */
    if (read_other(&any, &good, in)) {
        MSE_ASSERT(read == good);
        MSE_ASSERT(!read || c.any == any);
    }
    MSE_ASSERT(!read || c.any || (c.account && c.dns01_alone));
    return 0;
}
