/* SPDX-License-Identifier: Apache-2.0 */
/* msed check-config: looks at everything, and says all that is wrong. */
#include <errno.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cmd/files.h"
#include "crypto/sign.h"
#include "launch/machine.h"
#include "operator/node.h"
#include "sim/platform.h"

#define MAX_PEM ((size_t)16384)

struct checking {
    const struct cli *c;
    struct msed m;
    json_t *problems;
    char mrsigner[65];
    char head[MSED_HEAD_LEN];
    unsigned admins;
};

static void problem(struct checking *k, const char *text)
{
    cli_error(k->c, "%s", text);
    (void)json_array_append_new(k->problems, json_string(text));
}

/* A file with a secret: nobody else reads it. */
static void check_private(struct checking *k, const char *path)
{
    struct stat sb;
    char text[MSE_ERROR_TEXT_LEN];
    if (stat(path, &sb) != 0) {
        (void)snprintf(text, sizeof text, "%.180s: %s", path, strerror(errno));
        problem(k, text);
    } else if ((sb.st_mode & 077) != 0) {
        (void)snprintf(text, sizeof text, "%.150s: others may use it (mode %03o), wanted 600", path,
                       (unsigned)(sb.st_mode & 0777));
        problem(k, text);
    }
}

static mse_status read_signer(struct checking *k, struct mse_error *err)
{
    struct cli_file f = { 0 };
    struct mse_privkey *key = NULL;
    uint8_t hash[32];
    mse_status st = cli_file_read(&f, k->m.config.signer_key, MAX_PEM, err);
    if (st == MSE_OK) {
        st = mse_privkey_from_pem(&key, cli_file_view(&f), err);
    }
    if (st == MSE_OK) {
        st = msed_mrsigner(hash, key, err);
    }
    if (st == MSE_OK) {
        mse_hex_encode(k->mrsigner, mse_bytes_of(hash, sizeof hash));
    }
    mse_privkey_free(key);
    cli_file_wipe(&f);
    return st;
}

/* What a node here starts is signed by the same key. */
static mse_status read_platform(struct checking *k, struct mse_error *err)
{
    struct mse_sim_platform *p = NULL;
    const char *dir = k->m.config.node.platform;
    uint8_t hash[32];
    char hex[65];
    mse_status st = mse_sim_load(&p, dir, err);
    st = st == MSE_OK ? mse_sim_mrsigner(p, hash) : st;
    mse_sim_free(p);
    if (st != MSE_OK) {
        return st;
    }
    mse_hex_encode(hex, mse_bytes_of(hash, sizeof hash));
    return k->mrsigner[0] == '\0' || strcmp(hex, k->mrsigner) == 0
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_CONFIG, "platform",
                          "%.100s: its enclaves are signed by %s, signer_key is another", dir, hex);
}

static mse_status count_admin(void *arg, const struct mse_op_user *u)
{
    struct checking *k = arg;
    k->admins += u->admin ? 1 : 0;
    return MSE_OK;
}

static mse_status read_store(struct checking *k, struct mse_error *err)
{
    struct mse_op_audit_head head = { 0 };
    mse_status st = mse_op_store_open(&k->m.store, k->m.config.database, false, err);
    if (st == MSE_OK) {
        st = mse_op_audit_verify(k->m.store, &head, NULL, NULL, NULL, err);
    }
    if (st == MSE_OK) {
        msed_head_format(k->head, &head);
        st = mse_op_user_list(k->m.store, false, count_admin, k, err);
    }
    return st;
}

static void look(struct checking *k, mse_status (*part)(struct checking *, struct mse_error *))
{
    struct mse_error err = { 0 };
    mse_status st = part(k, &err);
    if (st != MSE_OK) {
        problem(k, err.text[0] != '\0' ? err.text : mse_status_text(st));
    }
}

static void say_wrong(void *arg, const char *text)
{
    problem(arg, text);
}

/* A node of machines: what this host has to have for them. */
static void check_machines(struct checking *k)
{
    const struct mse_op_config *config = &k->m.config;
    struct mse_machine_setup m;
    json_t *options = config->machine.there ? mse_op_config_machine(config) : NULL;
    if (options != NULL && mse_machine_of(&m, config->node.tee, options, NULL) == MSE_OK) {
        mse_machine_check(&m, "", say_wrong, k);
    }
    json_decref(options);
}

/* What this machine lacks for the enclaves that it is to start. */
static void check_tee(struct checking *k)
{
    struct mse_op_config *c = &k->m.config;
    const struct mse_launcher *l = NULL;
    struct mse_instance i = { .dir = "" };
    if (mse_launcher_find(&l, c->node.tee, NULL) != MSE_OK || l->check == NULL) {
        return;
    }
    if (c->node.gramine_sgx == NULL) {
        c->node.gramine_sgx = cli_find_program("gramine-sgx");
    }
    json_t *options = node_options(c, c->node.runtime, 0);
    mse_instance_set(&i, options);
    l->check(&i, say_wrong, k);
    if (c->node.enclave_memory == 0 && l->enclave_bytes != NULL && l->enclave_bytes() == 0) {
        problem(k, "neither kernel nor processor say how much memory there is for enclaves; "
                   "[node] enclave_memory says it, in MiB");
    }
    json_decref(options);
}

/* What a node here starts is simulated, and it is to be known of which platform. */
static void check_platform(struct checking *k)
{
    const struct mse_op_config_node *n = &k->m.config.node;
    if (n->platform != NULL) {
        look(k, read_platform);
    } else if (n->there && strcmp(mse_launcher_hardware(n->tee), "sim") == 0) {
        problem(k, "[node] platform is missing: the folder of the simulated platform");
    }
}

/* What users are told of where apps are. */
static void check_port(struct checking *k)
{
    uint16_t port = 0;
    bool known = mse_op_config_port(&port, k->m.config.gateway.listen) && port != 0;
    if (!known && k->m.config.api.public_port == 0) {
        problem(k, "[gateway] listen has port 0, and [api] no public_port: users cannot be told "
                   "where apps are");
    }
}

static enum cli_exit report(struct checking *k)
{
    const struct cli *c = k->c;
    bool sound = json_array_size(k->problems) == 0;
    if (c->json) {
        cli_json(c, json_pack("{s:b, s:O, s:s, s:s}", "sound", sound, "problems", k->problems,
                              "mrsigner", k->mrsigner, "audit_head", k->head));
    } else if (sound) {
        cli_say(c, "Sound: configuration, signer, database, audit log.");
        cli_say(c, "Signer (MRSIGNER): %s", k->mrsigner);
        cli_say(c, "Audit log: %s", k->head);
    }
    return sound ? CLI_DONE : CLI_TROUBLE;
}

enum cli_exit cmd_check_config(struct cli *c)
{
    struct checking k = { .c = c, .problems = json_array() };
    enum cli_exit e = msed_configure(&k.m, c);
    if (e == CLI_DONE) {
        check_private(&k, cli_has(c, "config") ? cli_value(c, "config") : MSED_CONFIG);
        check_private(&k, k.m.config.signer_key);
        check_port(&k);
        look(&k, read_signer);
        check_platform(&k);
        check_machines(&k);
        check_tee(&k);
        look(&k, read_store);
        if (k.m.store != NULL && k.admins == 0) {
            problem(&k, "no user is an administrator: msed user add NAME --admin");
        }
        e = report(&k);
    }
    msed_close(&k.m);
    json_decref(k.problems);
    return e;
}
