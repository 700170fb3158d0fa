/* SPDX-License-Identifier: Apache-2.0 */
/* The SGX extension of a PCK certificate: a SEQUENCE of { OID, value } below 1.2.840.113741.1.13.1.
 */
#include <string.h>

#include "base/bytes.h"
#include "crypto/der.h"
#include "crypto/der_write.h"
#include "sim/pki.h"

/* 1.2.840.113741.1.13.1, to which one or two arcs are added. */
static const uint8_t arc[] = { 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01 };

#define ARC_PPID          1
#define ARC_TCB           2
#define ARC_PCE_ID        3
#define ARC_FMSPC         4
#define ARC_SGX_TYPE      5
#define ARC_INSTANCE      6
#define ARC_CONFIGURATION 7

#define TCB_PCE_SVN 17 /* 1 to 16 are the components */
#define TCB_CPU_SVN 18

/* Opens SEQUENCE { OID arc.a[.b], …; b 0: one arc only. */
static size_t open_entry(struct mse_build *b, uint8_t first, uint8_t second)
{
    uint8_t oid[sizeof arc + 2];
    memcpy(oid, arc, sizeof arc);
    oid[sizeof arc] = first;
    oid[sizeof arc + 1] = second;
    size_t mark = mse_derw_open(b, MSE_DER_SEQUENCE);
    mse_derw_oid(b, oid, second == 0 ? sizeof arc + 1 : sizeof arc + 2);
    return mark;
}

static void write_octets(struct mse_build *b, uint8_t first, uint8_t second, struct mse_bytes v)
{
    size_t mark = open_entry(b, first, second);
    mse_derw_prim(b, MSE_DER_OCTETS, v);
    mse_derw_close(b, mark);
}

static void write_uint(struct mse_build *b, uint8_t first, uint8_t second, uint64_t v)
{
    size_t mark = open_entry(b, first, second);
    mse_derw_uint64(b, v);
    mse_derw_close(b, mark);
}

static void write_bool(struct mse_build *b, uint8_t first, uint8_t second, bool v)
{
    size_t mark = open_entry(b, first, second);
    mse_derw_bool(b, v);
    mse_derw_close(b, mark);
}

static void write_tcb(struct mse_build *b, const struct mse_pck_ext *e)
{
    size_t entry = open_entry(b, ARC_TCB, 0);
    size_t seq = mse_derw_open(b, MSE_DER_SEQUENCE);
    for (size_t i = 0; i < sizeof e->comp_svn; i++) {
        write_uint(b, ARC_TCB, (uint8_t)(i + 1), e->comp_svn[i]);
    }
    write_uint(b, ARC_TCB, TCB_PCE_SVN, e->pce_svn);
    write_octets(b, ARC_TCB, TCB_CPU_SVN, mse_bytes_of(e->cpu_svn, sizeof e->cpu_svn));
    mse_derw_close(b, seq);
    mse_derw_close(b, entry);
}

static void write_sgx_type(struct mse_build *b, uint8_t type)
{
    size_t mark = open_entry(b, ARC_SGX_TYPE, 0);
    mse_derw_prim(b, MSE_DER_ENUMERATED, mse_bytes_of(&type, 1));
    mse_derw_close(b, mark);
}

static void write_configuration(struct mse_build *b, const struct mse_pck_ext *e)
{
    size_t entry = open_entry(b, ARC_CONFIGURATION, 0);
    size_t seq = mse_derw_open(b, MSE_DER_SEQUENCE);
    write_bool(b, ARC_CONFIGURATION, 1, e->dynamic_platform);
    write_bool(b, ARC_CONFIGURATION, 2, e->cached_keys);
    write_bool(b, ARC_CONFIGURATION, 3, e->smt_enabled);
    mse_derw_close(b, seq);
    mse_derw_close(b, entry);
}

void mse_sim_pck_ext_write(struct mse_build *out, const struct mse_pck_ext *e)
{
    size_t seq = mse_derw_open(out, MSE_DER_SEQUENCE);
    write_octets(out, ARC_PPID, 0, mse_bytes_of(e->ppid, sizeof e->ppid));
    write_tcb(out, e);
    write_octets(out, ARC_PCE_ID, 0, mse_bytes_of(e->pce_id, sizeof e->pce_id));
    write_octets(out, ARC_FMSPC, 0, mse_bytes_of(e->fmspc, sizeof e->fmspc));
    write_sgx_type(out, e->sgx_type);
    if (e->has_platform_instance_id) {
        write_octets(out, ARC_INSTANCE, 0,
                     mse_bytes_of(e->platform_instance_id, sizeof e->platform_instance_id));
    }
    if (e->has_configuration) {
        write_configuration(out, e);
    }
    mse_derw_close(out, seq);
}
