/* SPDX-License-Identifier: Apache-2.0 */
/* What the kind of TEE of a node asks for: files, programs, and memory for enclaves. */
#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/util.h"
#include "launch/gramine.h"
#include "operator/node.h"

json_t *node_options(const struct mse_op_config *c, const char *runtime, uint64_t size)
{
    const struct mse_op_config_node *o = &c->node;
    json_t *out = mse_op_config_machine(c);
    json_t *own = json_pack("{s:s, s:s*, s:s*, s:I, s:b, s:s*, s:s*, s:s*, s:s}", "tee", o->tee,
                            "platform", o->platform, "runtime", runtime, "size", (json_int_t)size,
                            "sandbox", (int)!o->insecure_no_sandbox, "rootfs", o->rootfs, "libpal",
                            o->libpal, "gramine_sgx", o->gramine_sgx, "signer_key", c->signer_key);
    if (json_object_update(out, own) != 0) {
        json_decref(out);
        out = NULL;
    }
    json_decref(own);
    return out;
}

mse_status node_make_absolute(char **path, struct mse_error *err)
{
    char *real = realpath(*path, NULL);
    if (real == NULL) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, NODE_WHO, "%.180s: %s", *path, strerror(errno));
    }
    free(*path);
    *path = real;
    return MSE_OK;
}

static mse_status find_sgx(struct mse_op_config *c, struct mse_error *err)
{
    mse_status st = node_make_absolute(&c->node.rootfs, err);
    st = st == MSE_OK ? node_make_absolute(&c->node.libpal, err) : st;
    st = st == MSE_OK ? node_make_absolute(&c->signer_key, err) : st;
    return st == MSE_OK ? mse_gramine_find_loader(&c->node.gramine_sgx, "[node] gramine_sgx", err)
                        : st;
}

/* What enclaves may have together: as the operator says, or as the machine does. */
static mse_status find_memory(struct node *n, const struct mse_launcher *l, struct mse_error *err)
{
    uint64_t mib = l->enclave_bytes == NULL ? n->self.memory : l->enclave_bytes() >> 20;
    uint64_t said = n->m->config.node.enclave_memory;
    n->self.enclave_memory = said > 0 ? said : mib;
    return n->self.enclave_memory > 0
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_UNSUPPORTED, NODE_WHO,
                          "this machine has no memory for enclaves of TEE %s, or does not say how "
                          "much; [node] enclave_memory says it, in MiB",
                          n->self.tee);
}

mse_status node_find_tee(struct node *n, struct mse_error *err)
{
    struct mse_op_config *c = &n->m->config;
    const struct mse_launcher *l = NULL;
    mse_status st = mse_launcher_find(&l, c->node.tee, err);
    (void)snprintf(n->self.tee, sizeof n->self.tee, "%s", mse_launcher_hardware(c->node.tee));
    st = st == MSE_OK ? find_memory(n, l, err) : st;
    if (st == MSE_OK && strcmp(c->node.tee, "sgx") == 0) {
        return find_sgx(c, err);
    }
    if (st != MSE_OK || strcmp(n->self.tee, "sim") != 0) {
        return st;
    }
    if (c->node.platform == NULL) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, NODE_WHO,
                        "[node] platform is missing: the folder of the simulated platform");
    }
    return node_make_absolute(&c->node.platform, err);
}
