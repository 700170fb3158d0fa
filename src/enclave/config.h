/* SPDX-License-Identifier: Apache-2.0 */
/* What phase 1 decides (docs/protocol.md, "Configuration"): who may configure, and whether what he
 * sent is right. It stores nothing and knows no HTTP but the statuses. */
#ifndef ENCLAVE_CONFIG_H
#define ENCLAVE_CONFIG_H

#include "package/manifest.h"

#define MSE_CONFIG_MAX_BODY ((size_t)16 * 1024 * 1024)

enum mse_config_state {
    MSE_CONFIG_WAITING,
    MSE_CONFIG_STARTING,
    MSE_CONFIG_RUNNING,
    MSE_CONFIG_FAILED,
};
const char *mse_config_state_name(enum mse_config_state state);

/* Tells whether this manifest needs a phase 1. */
bool mse_config_needed(const struct mse_manifest *m);

/* All borrowed. */
struct mse_config_rules {
    const struct mse_manifest *manifest;
    const uint8_t *x25519_secret; /* 32 bytes each */
    const uint8_t *x25519_public;
    mse_time (*now)(void *arg); /* for the dates of the owner's certificate */
    /* Whether the package is the right one and begins under this key; NULL: it is a plain one. */
    mse_status (*check_package)(void *arg, const uint8_t *key);
    void *arg;
    bool offered;    /* the storage of an earlier version: the owner says of which one */
    bool signed_for; /* unless a signature of his came with it */
};

/* What was given. Wiped and released by mse_config_clear. */
struct mse_config {
    uint8_t code_key[32];
    bool has_code_key;
    bool by_owner; /* the key stood in the open: who sent this has it, and did not pass a box on */
    uint8_t upgrade_from[32]; /* the fingerprint of the app whose storage goes on here */
    bool has_upgrade_from;
    uint8_t upgrade_signature[1024]; /* what the owner signed for it; its length may be 0 */
    size_t upgrade_signature_len;
    struct mse_build secrets; /* JSON, or empty */
    struct mse_build sealed;  /* JSON out of the box, or empty */
    /* PEM, or empty: the owner's key and chain, which belong together and to the manifest. */
    struct mse_build ssl_key;
    struct mse_build ssl_chain;
};
void mse_config_clear(struct mse_config *c);

struct mse_config_answer {
    unsigned http;     /* 200: accepted */
    const char *error; /* a word; NULL if there is none */
    char field[48];    /* the member it is about, or empty */
};

/* Whether a configuration may come at all: token NULL if there is none. 401, 409, or 200. */
void mse_config_admit(struct mse_config_answer *out, const struct mse_config_rules *r,
                      enum mse_config_state state, const uint8_t *token);
/* Judges the body of one who was admitted. *config_out is set only with 200. */
void mse_config_judge(struct mse_config *config_out, struct mse_config_answer *out,
                      const struct mse_config_rules *r, struct mse_bytes body);

#endif
