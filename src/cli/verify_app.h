/* SPDX-License-Identifier: Apache-2.0 */
/* The verification of an app, as mse cloud verify does it and mse trust add begins with it. */
#ifndef CLI_VERIFY_APP_H
#define CLI_VERIFY_APP_H

#include "cli/link.h"

/* An app that was accepted. */
struct cli_verified {
    const char *host;
    uint16_t port;
    const struct cli_judge *judge;
    const struct cli_finding *found;
};

/* What the verification is for. */
struct cli_verify_use {
    const char *output; /* where its certificate goes; NULL: nowhere */
    /* Of an app that was accepted, before success is said; another exit than CLI_DONE, with its
     * error, ends it without. NULL: nothing. An earlier pin says nothing then: this replaces it. */
    enum cli_exit (*keep)(const struct cli *c, const struct cli_verified *v);
};
enum cli_exit cli_verify_app(struct cli *c, const struct cli_verify_use *use);

#endif
