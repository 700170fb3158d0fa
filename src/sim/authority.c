/* SPDX-License-Identifier: Apache-2.0 */
/* The authority's memory, and reading back what it issued. */
#include "sim/authority.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/x509.h"
#include "evidence/pck.h"

void mse_sim_authority_init(struct mse_sim_authority *a)
{
    struct mse_sim_authority empty = { 0 };
    *a = empty;
    mse_build_heap(&a->root_pem, MSE_SIM_MAX_DER);
    mse_build_heap(&a->ca_pem, MSE_SIM_MAX_DER);
    mse_build_heap(&a->tcb_pem, MSE_SIM_MAX_DER);
}

void mse_sim_authority_clear(struct mse_sim_authority *a)
{
    mse_privkey_free(a->root_key);
    mse_privkey_free(a->ca_key);
    mse_privkey_free(a->tcb_key);
    mse_build_clear(&a->root_pem);
    mse_build_clear(&a->ca_pem);
    mse_build_clear(&a->tcb_pem);
    struct mse_sim_authority empty = { 0 };
    *a = empty;
}

mse_status mse_sim_pck_read(struct mse_sim_authority *a, uint8_t point[64], struct mse_bytes pem,
                            struct mse_error *err)
{
    uint8_t der[8192];
    size_t len = 0;
    struct mse_cert cert;
    struct mse_bytes value;
    mse_status st = mse_pem_next(&pem, "CERTIFICATE", der, sizeof der, &len);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "pck.pem", "pck.pem: no certificate");
    }
    st = mse_cert_parse(&cert, mse_bytes_of(der, len), err);
    if (st != MSE_OK) {
        return st;
    }
    if (cert.key.type != MSE_KEY_P256 || cert.serial.len > sizeof a->pck_serial ||
        !mse_cert_sgx_extension(&cert, &value)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "pck.pem", "pck.pem: not a PCK certificate");
    }
    st = mse_pck_ext_parse(&a->pck, value, err);
    if (st != MSE_OK) {
        return st;
    }
    memcpy(a->pck_serial, cert.serial.data, cert.serial.len);
    a->pck_serial_len = cert.serial.len;
    if (point != NULL) {
        memcpy(point, cert.key.raw.data + 1, 64);
    }
    return MSE_OK;
}
