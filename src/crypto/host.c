/* SPDX-License-Identifier: Apache-2.0 */
/* Names in a certificate (RFC 9525): subjectAltName only; exact, unless a wildcard is asked for. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/der.h"
#include "crypto/x509.h"

#define SAN_DNS  2
#define SAN_IP   7
#define MAX_NAME 253

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool same_dns_name(struct mse_bytes name, struct mse_bytes host)
{
    if (name.len != host.len || name.len == 0) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (lower(name.data[i]) != lower(host.data[i])) {
            return false;
        }
    }
    return true;
}

/* Four or sixteen octets if host is a literal address; returns how many, 0 if it is none. */
static size_t literal_address(uint8_t out[16], const char *host)
{
    if (inet_pton(AF_INET, host, out) == 1) {
        return 4;
    }
    return inet_pton(AF_INET6, host, out) == 1 ? 16 : 0;
}

bool mse_cert_has_host(const struct mse_cert *c, const char *host)
{
    static const uint8_t oid_san[] = { 0x55, 0x1d, 0x11 };
    struct mse_bytes value = { 0 };
    struct mse_bytes names = { 0 };
    uint8_t address[16];
    size_t address_len = literal_address(address, host);
    if (!mse_cert_extension(c, mse_bytes_of(oid_san, sizeof oid_san), &value, NULL) ||
        !mse_der_get(&value, MSE_DER_SEQUENCE, &names) || value.len != 0) {
        return false;
    }
    bool found = false;
    while (names.len > 0) {
        uint8_t tag = 0;
        struct mse_bytes name = { 0 };
        if (!mse_der_any(&names, &tag, &name, NULL)) {
            return false;
        }
        if (address_len > 0) {
            found = found || (tag == MSE_DER_CONTEXTP(SAN_IP) &&
                              mse_bytes_equal(name, mse_bytes_of(address, address_len)));
        } else {
            found = found ||
                    (tag == MSE_DER_CONTEXTP(SAN_DNS) && same_dns_name(name, mse_bytes_str(host)));
        }
    }
    return found;
}

bool mse_cert_covers_host(const struct mse_cert *c, const char *host)
{
    char wildcard[MAX_NAME + 1];
    uint8_t address[16];
    size_t label = strcspn(host, ".");
    if (mse_cert_has_host(c, host)) {
        return true;
    }
    if (label == 0 || host[label] == '\0' || host[label + 1] == '\0' ||
        literal_address(address, host) > 0) {
        return false;
    }
    int n = snprintf(wildcard, sizeof wildcard, "*%s", host + label);
    return n > 0 && (size_t)n < sizeof wildcard && mse_cert_has_host(c, wildcard);
}
