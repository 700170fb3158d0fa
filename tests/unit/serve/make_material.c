/* SPDX-License-Identifier: Apache-2.0 */
/* usage: make_material DIR
 * A vendor's collateral for SGX and TDX, both sets, and one platform: DIR/root.pem and
 * DIR/put.json, in the form in which the administration tool of a PCCS puts it; forged.json, where
 * one bit is another; DIR/new.json, of a higher number. For the integration test. */
#include "lib/testlib.h"

#include <stdio.h>
#include <time.h>

#include "base/bytes.h"
#include "base/util.h"
#include "unit/serve/world.h"

static void write_string(struct mse_build *b, struct mse_bytes s)
{
    mse_wr_u8(b, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] == '"') {
            mse_wr_u8(b, '\\');
        }
        mse_wr_u8(b, s.data[i]);
    }
    mse_wr_u8(b, '"');
}

static void write_encoded(struct mse_build *b, const struct mse_build *pem)
{
    mse_wr_u8(b, '"');
    for (size_t i = 0; i < pem->len; i++) {
        mse_wr_printf(b, "%%%02X", pem->data[i]);
    }
    mse_wr_u8(b, '"');
}

enum form {
    AS_OBJECT,
    AS_STRING,
    AS_HEX,
};

static void write_one(struct mse_build *b, const struct world *w, const char *name,
                      enum mse_serve_kind kind, int64_t set, uint32_t number)
{
    struct mse_serve_key k = world_key(w, kind, set);
    enum form form = mse_serve_is_tcb(kind) ? AS_OBJECT : AS_STRING;
    struct mse_fetched o;
    form = mse_serve_is_crl(kind) ? AS_HEX : form;
    world_object(&o, w, &k, number, w->now);
    mse_wr_printf(b, "\"%s\":", name);
    if (form == AS_OBJECT) {
        mse_wr_bytes(b, mse_build_view(&o.body));
    } else if (form == AS_STRING) {
        write_string(b, mse_build_view(&o.body));
    } else {
        mse_wr_u8(b, '"');
        mse_wr_hex(b, o.body.data, o.body.len);
        mse_wr_u8(b, '"');
    }
    mse_fetched_clear(&o);
}

static void write_platforms(struct mse_build *b, const struct world *w)
{
    struct mse_build pem;
    struct mse_serve_platform p = world_platform(5, 10, 1);
    mse_wr_str(b, "\"pck_certs\":[{\"qe_id\":\"");
    mse_wr_hex(b, p.qe_id, sizeof p.qe_id);
    mse_wr_str(b, "\",\"pce_id\":\"0000\",\"enc_ppid\":\"");
    mse_wr_hex(b, p.encrypted_ppid, sizeof p.encrypted_ppid);
    mse_wr_str(b, "\",\"certs\":[");
    for (uint8_t svn = 3; svn <= 5; svn = (uint8_t)(svn + 2)) {
        world_pck(&pem, w, svn, 10, true, 1);
        mse_wr_str(b, "{\"tcb\":{},\"tcbm\":\"00\",\"cert\":");
        write_encoded(b, &pem);
        mse_wr_str(b, "},");
        mse_build_clear(&pem);
    }
    mse_wr_str(b, "{\"tcb\":{},\"tcbm\":\"00\",\"cert\":\"Not available\"}]}],");
}

static void write_all(struct mse_build *b, const struct world *w, uint32_t number)
{
    mse_wr_str(b, "{\"platforms\":[],\"collaterals\":{\"version\":4,");
    write_platforms(b, w);
    mse_wr_str(b, "\"tcbinfos\":[{\"fmspc\":\"");
    mse_wr_hex(b, w->fmspc, sizeof w->fmspc);
    mse_wr_str(b, "\",");
    write_one(b, w, "sgx_tcbinfo", MSE_SERVE_TCB_SGX, MSE_SERVE_STANDARD, number);
    mse_wr_str(b, ",");
    write_one(b, w, "sgx_tcbinfo_early", MSE_SERVE_TCB_SGX, MSE_SERVE_EARLY, number + 2);
    mse_wr_str(b, ",");
    write_one(b, w, "tdx_tcbinfo", MSE_SERVE_TCB_TDX, MSE_SERVE_STANDARD, number);
    mse_wr_str(b, "}],\"pckcacrl\":{");
    write_one(b, w, "processorCrl", MSE_SERVE_CRL_PROCESSOR, MSE_SERVE_STANDARD, 0);
    mse_wr_str(b, ",");
    write_one(b, w, "platformCrl", MSE_SERVE_CRL_PLATFORM, MSE_SERVE_STANDARD, 0);
    mse_wr_str(b, "},");
    write_one(b, w, "qeidentity", MSE_SERVE_QE_SGX, MSE_SERVE_STANDARD, number);
    mse_wr_str(b, ",");
    write_one(b, w, "tdqeidentity", MSE_SERVE_QE_TDX, MSE_SERVE_STANDARD, number);
    mse_wr_str(b, ",");
    write_one(b, w, "qveidentity", MSE_SERVE_QVE, MSE_SERVE_STANDARD, number);
    mse_wr_str(b, ",\"certificates\":{\"SGX-PCK-Certificate-Issuer-Chain\":{\"PROCESSOR\":");
    write_encoded(b, &w->processor_chain);
    mse_wr_str(b, ",\"PLATFORM\":");
    write_encoded(b, &w->platform_chain);
    mse_wr_str(b, "},\"TCB-Info-Issuer-Chain\":");
    write_encoded(b, &w->tcb_chain);
    mse_wr_str(b, ",\"SGX-Enclave-Identity-Issuer-Chain\":");
    write_encoded(b, &w->tcb_chain);
    mse_wr_str(b, "},");
    write_one(b, w, "rootcacrl", MSE_SERVE_CRL_ROOT, MSE_SERVE_STANDARD, 0);
    mse_wr_str(b, "}}\n");
    MSE_ASSERT(mse_build_ok(b));
}

static void write_to(const char *dir, const char *name, struct mse_bytes content)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    test_write_file(path, content);
}

int main(int argc, char **argv)
{
    struct world w;
    struct mse_build b;
    if (argc != 2) {
        return 2;
    }
    world_init(&w, (mse_time)time(NULL) - 60);
    mse_build_heap(&b, (size_t)1024 * 1024);
    write_all(&b, &w, 20);
    write_to(argv[1], "root.pem", mse_build_view(&w.root));
    write_to(argv[1], "put.json", mse_build_view(&b));
    size_t at = mse_bytes_find(mse_build_view(&b), mse_bytes_str("OutOfDate"));
    MSE_ASSERT(at != SIZE_MAX);
    b.data[at] = 'o';
    write_to(argv[1], "forged.json", mse_build_view(&b));
    mse_build_reset(&b);
    write_all(&b, &w, 21);
    write_to(argv[1], "new.json", mse_build_view(&b));
    mse_build_clear(&b);
    world_clear(&w);
    return 0;
}
