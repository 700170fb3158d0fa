/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of name servers, and what is to stand in them.
 * spec: RFC 1035 §4.1
 * spec: RFC 8659 §4
 * spec: RFC 8657 §3
 */
#include "cli/cloud_names.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

#include "base/bytes.h"
#include "ratls/resolve.h"

#define TYPE_CAA   257
#define MAX_ANSWER 8192

/* ---- messages ---- */

/* A name: labels, or a pointer, which ends it. */
static bool skip_name(struct mse_bytes *in)
{
    uint8_t len = 0;
    while (mse_rd_u8(in, &len)) {
        if (len == 0) {
            return true;
        }
        if (len >= 0xc0) {
            return mse_rd_skip(in, 1);
        }
        if (len >= 0x40 || !mse_rd_skip(in, len)) {
            return false;
        }
    }
    return false;
}

static bool has_text(struct mse_bytes in, const char *text)
{
    return mse_bytes_find(in, mse_bytes_str(text)) != SIZE_MAX;
}

/* "issue" with a CA; ";" alone forbids all, which is as good. */
static void take_caa(struct cloud_caa *out, struct mse_bytes value)
{
    bool nobody = value.len > 0 && value.data[0] == ';';
    out->any = true;
    out->account = out->account && (nobody || has_text(value, "accounturi="));
    out->dns01_alone = out->dns01_alone && (nobody || has_text(value, "validationmethods=dns-01"));
}

static bool read_caa(struct cloud_caa *out, struct mse_bytes data)
{
    uint8_t flags = 0;
    uint8_t len = 0;
    struct mse_bytes tag;
    if (!mse_rd_u8(&data, &flags) ||     // 0 flags
        !mse_rd_u8(&data, &len) ||       // 1 length of the tag
        !mse_rd_bytes(&data, &tag, len)) // 2 tag, and the value behind it
    {
        return false;
    }
    if (mse_bytes_is_str(tag, "issue") || mse_bytes_is_str(tag, "issuewild")) {
        take_caa(out, data);
    }
    return true;
}

static bool read_record(struct cloud_caa *out, struct mse_bytes *in)
{
    uint16_t type = 0;
    uint16_t class = 0;
    uint16_t len = 0;
    uint32_t ttl = 0;
    struct mse_bytes data;
    bool good = skip_name(in) && mse_rd_u16be(in, &type) && mse_rd_u16be(in, &class) &&
                mse_rd_u32be(in, &ttl) && mse_rd_u16be(in, &len) && mse_rd_bytes(in, &data, len);
    return good && (type != TYPE_CAA || class != 1 || read_caa(out, data));
}

bool cloud_caa_read(struct cloud_caa *out, struct mse_bytes message)
{
    struct cloud_caa found = { .account = true, .dns01_alone = true };
    uint16_t questions = 0;
    uint16_t answers = 0;
    if (!mse_rd_skip(&message, 4) ||           // 0 id, flags
        !mse_rd_u16be(&message, &questions) || // 4
        !mse_rd_u16be(&message, &answers) ||   // 6
        !mse_rd_skip(&message, 4))             // 8 further sections
    {
        return false;
    }
    for (unsigned i = 0; i < questions; i++) {
        if (!skip_name(&message) || !mse_rd_skip(&message, 4)) {
            return false;
        }
    }
    for (unsigned i = 0; i < answers; i++) {
        if (!read_record(&found, &message)) {
            return false;
        }
    }
    *out = found;
    return true;
}

/* ---- looking ---- */

static bool is_local(const char *domain)
{
    size_t len = strlen(domain);
    return len >= 9 && strcmp(domain + len - 9, "localhost") == 0;
}

static bool same_place(const struct mse_addresses *a, const struct mse_addresses *b)
{
    for (size_t i = 0; i < a->num; i++) {
        for (size_t j = 0; j < b->num; j++) {
            if (a->list[i].len == b->list[j].len &&
                mse_mem_equal(&a->list[i].addr, &b->list[j].addr, a->list[i].len)) {
                return true;
            }
        }
    }
    return false;
}

static void check_addresses(const struct cli *c, const char *domain, const char *gateway)
{
    struct mse_addresses own;
    struct mse_addresses theirs;
    struct addrinfo *found = NULL;
    const struct addrinfo hints = { .ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM };
    if (mse_resolve(&own, domain, 443, NULL) != MSE_OK ||
        mse_resolve(&theirs, gateway, 443, NULL) != MSE_OK || !same_place(&own, &theirs)) {
        cli_hint(c,
                 "%s does not lead to the operator's gateway yet: its A and AAAA records have "
                 "to be those of %s",
                 domain, gateway);
        return;
    }
    if (getaddrinfo(domain, NULL, &hints, &found) == 0 && found->ai_canonname != NULL &&
        strcmp(found->ai_canonname, domain) != 0) {
        cli_hint(c,
                 "%s is an alias (CNAME): whoever owns the other name could get certificates "
                 "for yours; use A and AAAA records",
                 domain);
    }
    if (found != NULL) {
        freeaddrinfo(found);
    }
}

/* For the domain itself; whoever has the records further up knows it. */
static void check_caa(const struct cli *c, const char *domain)
{
    uint8_t answer[MAX_ANSWER];
    struct cloud_caa caa = { .any = false };
    int n = res_query(domain, ns_c_in, TYPE_CAA, answer, sizeof answer);
    bool read =
        n > 0 && n <= (int)sizeof answer && cloud_caa_read(&caa, mse_bytes_of(answer, (size_t)n));
    if (!read || !caa.any) {
        cli_hint(c,
                 "%s has no CAA records: any CA that is shown its gateway may issue for it; "
                 "wanted issue with accounturi and validationmethods=dns-01",
                 domain);
    } else if (!caa.account || !caa.dns01_alone) {
        cli_hint(c,
                 "the CAA records of %s lack %s: the operator, who answers at its addresses, "
                 "could get a certificate for it",
                 domain, caa.account ? "validationmethods=dns-01" : "accounturi");
    }
}

void cloud_check_owner_domain(const struct cli *c, const char *domain, const char *gateway)
{
    if (is_local(domain)) {
        return;
    }
    check_addresses(c, domain, gateway);
    check_caa(c, domain);
}
