/* SPDX-License-Identifier: Apache-2.0 */
/* What the steps of mse cloud deploy share. Each prints its errors and returns CLI_DONE or the exit
 * status. */
#ifndef CLI_CLOUD_DEPLOY_H
#define CLI_CLOUD_DEPLOY_H

#include "cli/cloud.h"
#include "cli/judge.h"
#include "cli/machine.h"
#include "cli/project.h"
#include "cli/tls_files.h"
#include "package/manifest.h"

/* Heap: it is large. */
struct deploy {
    const struct cli *c;
    struct cloud k;
    const char *mode; /* self, owner, operator */
    unsigned timeout_s;

    /* the project */
    char *toml_path;
    struct mse_project project;
    char *code_dir;
    struct cli_tls_files tls; /* empty but in owner mode */
    mse_time chain_end;       /* in owner mode */
    struct cli_file ssl_key;
    struct cli_file secrets;
    struct cli_file to_seal;
    char *logs_key; /* file; NULL: none beside mse.toml */

    /* what the operator said: judged, not trusted */
    struct cloud_hardware hardware;
    char project_name[CLOUD_NAME_LEN];
    char project_id[CLOUD_ID_LEN];
    bool has_old;
    struct cloud_app old; /* of the same name, alive */
    struct cloud_reservation place;

    /* what is made here */
    struct cli_file runtime;
    uint8_t runtime_sha256[32];
    uint8_t loader_sha256[32];  /* of --libpal; zeros where the hardware is not SGX */
    struct cli_machine machine; /* where it is TDX or SEV-SNP */
    struct mse_manifest manifest;
    struct mse_build manifest_json;
    uint8_t salt[32];
    uint8_t key[32];
    char token[65];
    uint8_t fingerprint[32];
    int package_fd;
    uint64_t package_len;

    /* how far it is */
    bool sent;  /* the operator may have the app */
    bool asked; /* the attested enclave was sent the keys; whether it took them it may not say */
    bool given; /* it has them, and said so */

    /* what was attested */
    struct cli_judge judge;
    struct cli_choice choice;
    struct cli_file config_cert; /* DER */
    struct cli_file public_cert; /* DER, of its CA if it has one; self mode only */
    uint8_t enclave[32];         /* its X25519 key */
    bool has_enclave;
    char signer[65]; /* "": of a machine, which has none */
    bool simulated;
};

/* Whether the user wants to end it: Ctrl-C. Whoever sees that returns CLI_TROUBLE without a
 * message: there is one at the end. */
bool deploy_interrupted(void);

/* Whether the hardware is SGX, whose enclaves Gramine starts. */
bool deploy_is_sgx(const struct deploy *d);
/* Whether it is a machine, of TDX or SEV-SNP. */
bool deploy_is_machine(const struct deploy *d);
/* cloud_plan.c: what the project says, and whether that hardware can carry it; then, for a
 * reservation, manifest, fingerprint, package. */
enum cli_exit deploy_load(struct deploy *d);
enum cli_exit deploy_check_hardware(struct deploy *d);
enum cli_exit deploy_plan(struct deploy *d);
/* cloud_give.c: the enclave is attested, gets keys and secrets, and is waited for. */
enum cli_exit deploy_give(struct deploy *d);
enum cli_exit deploy_wait_healthy(struct deploy *d);
enum cli_exit deploy_attest_public(struct deploy *d);

#endif
