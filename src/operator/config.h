/* SPDX-License-Identifier: Apache-2.0 */
/* msed.toml: what the operator's program is told. */
#ifndef OPERATOR_CONFIG_H
#define OPERATOR_CONFIG_H

#include <jansson.h>

#include <mse/status.h>

#define MSE_OP_CONFIG_MAX ((size_t)64 * 1024)

#define MSE_OP_API_LISTEN     "127.0.0.1:7443"
#define MSE_OP_GATEWAY_LISTEN "127.0.0.1:8443"

/* Texts that are not there have their defaults; NULL where it is said. */
struct mse_op_config {
    char *domain;     /* apps get names below it */
    char *dev_domain; /* those in operator mode below this */
    char *database;   /* path, or postgresql://… */
    char *signer_key; /* path of a PEM */
    struct mse_op_config_api {
        bool there;
        char *listen;         /* ADDRESS:PORT */
        char *certificate;    /* path of a PEM; NULL: plain HTTP */
        char *key;            /* likewise */
        char *spool;          /* folder where uploads are kept without a name */
        char *web;            /* folder of the appraisal in the browser; NULL: there is none */
        uint64_t max_package; /* MiB */
        uint64_t upload_seconds;
        uint64_t database_seconds; /* that users wait for one answer of the database */
        uint64_t public_port;      /* of the gateway, as users see it; 0: that of its listen */
    } api;
    struct mse_op_config_gateway {
        bool there;
        char *listen;
        char *certificate; /* for names below dev_domain; NULL: there is no operator mode */
        char *key;
        char *policy;     /* path; what enclaves in operator mode must satisfy; NULL: to be of the
                             simulated platform and of our signer */
        char *collateral; /* path; NULL: that of the simulated platform */
        uint64_t max_per_source; /* connections, of each worker; 0: the default */
        uint64_t max_per_app;    /* likewise; 0: no limit */
    } gateway;
    struct mse_op_config_node {
        bool there;
        char *name;
        char *address;     /* where gateways reach its enclaves */
        char *data;        /* path of a folder */
        char *tee;         /* what the enclaves here are of: "sim", "sgx" */
        char *platform;    /* path of the folder of the simulated platform; NULL: none */
        char *runtime;     /* path of mse-enclave; NULL: beside this program */
        char *rootfs;      /* sgx: path of the folder that manifests name the digest of */
        char *libpal;      /* sgx: path of Gramine's loader */
        char *gramine_sgx; /* sgx: path of the program; NULL: on the PATH */
        uint64_t memory;   /* MiB that all apps here may have together; 0: that of the machine */
        uint64_t cores;    /* likewise; 0: four times those of the machine */
        uint64_t enclave_memory; /* MiB, likewise; 0: what the processor has (sgx), or as memory */
        bool insecure_no_sandbox;
    } node;
    struct mse_op_config_machine {
        bool there;
        char *image;     /* path of a folder of ./dev image */
        char *firmware;  /* path */
        char *qemu;      /* path */
        char *cpu;       /* of SEV-SNP */
        uint64_t memory; /* MiB of each machine; 0: the default */
        uint64_t vcpus;  /* likewise */
    } machine;
    struct mse_op_oidc {
        bool there;             /* without it nobody logs in this way */
        char *issuer;           /* an https URL */
        char *client_id;        /* of a public client */
        char *scopes;           /* of the request */
        bool create_users;      /* whoever the issuer vouches for becomes a user */
        bool link_by_email;     /* a user is known by an e-mail address that the issuer verified */
        char *page;             /* where users see the web page; NULL: nobody logs in there */
        uint64_t days;          /* that a token is good for */
        uint64_t redirect_port; /* of the loopback address; 0: any */
    } oidc;
};
/* mse_op_config_parse reads text; paths become relative to the folder of the file name. Release
 * with mse_op_config_clear. MSE_ERR_CONFIG with file and line. */
MSE_MUST_USE mse_status mse_op_config_parse(struct mse_op_config *out, const char *name,
                                            struct mse_bytes text, struct mse_error *err);
/* What the launcher of machines is told (launch/machine.h); a new reference, empty without
 * [machine], NULL without memory. */
json_t *mse_op_config_machine(const struct mse_op_config *c);
/* Another database than the file says. MSE_ERR_CONFIG: of no kind that is known. */
MSE_MUST_USE mse_status mse_op_config_set_database(struct mse_op_config *c, const char *where,
                                                   struct mse_error *err);
/* Another name or address of the node; NULL leaves it. */
MSE_MUST_USE mse_status mse_op_config_set_node(struct mse_op_config *c, const char *name,
                                               const char *address, struct mse_error *err);
void mse_op_config_clear(struct mse_op_config *c);
/* The port of an ADDRESS:PORT; false if it has none. */
MSE_MUST_USE bool mse_op_config_port(uint16_t *out, const char *listen);

#endif
