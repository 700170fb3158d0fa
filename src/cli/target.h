/* SPDX-License-Identifier: Apache-2.0 */
/* A target of verify and show: a file, standard input or a host; and what it turns out to be. */
#ifndef CLI_TARGET_H
#define CLI_TARGET_H

#include <mse/collateral.h>

#include "cli/cli.h"
#include "cli/link.h"
#include "cmd/files.h"

enum cli_target_kind {
    CLI_TARGET_UNKNOWN = 0,
    CLI_TARGET_CERTIFICATE, /* der */
    CLI_TARGET_QUOTE,       /* quote */
    CLI_TARGET_BUNDLE,      /* bundle; der and quote if it has them */
    CLI_TARGET_SIGSTRUCT,
    CLI_TARGET_CRL,      /* der */
    CLI_TARGET_TCB_INFO, /* json: the response or the body */
    CLI_TARGET_QE_IDENTITY,
    CLI_TARGET_MANIFEST,
    CLI_TARGET_CONTEXT,
    CLI_TARGET_SNP_REPORT, /* quote */
    CLI_TARGET_EAR,        /* the file */
    CLI_TARGET_HCL,        /* quote: the report */
    CLI_TARGET_NITRO,      /* quote: the document */
    CLI_TARGET_EVIDENCE,   /* quote and claims, without a certificate: the file */
};

struct cli_target {
    const char *name;
    enum cli_target_kind kind;
    const char *host; /* the name that was connected to; NULL for files */
    char host_text[256];
    struct cli_link link; /* of a host */
    struct cli_file file;
    uint8_t *scratch;
    uint8_t *der_room;
    struct mse_bytes der; /* of a certificate: the one behind it too, if it is one */
    struct mse_bytes quote;
    struct mse_ratls_claims claims; /* of evidence without a certificate */
    size_t padding;                 /* zero bytes behind the quote */
    struct mse_bundle bundle;
};

/* cli_target_open reads what name means: "-", a file, else HOST:PORT. */
MSE_MUST_USE mse_status cli_target_open(struct cli_target *t, const struct cli *c, const char *name,
                                        struct mse_error *err);
void cli_target_close(struct cli_target *t);
/* The quote or report that the target is or carries; empty if there is none. */
struct mse_bytes cli_target_evidence(const struct cli_target *t);
/* What the target turned out to be, in words. */
const char *cli_target_kind_text(const struct cli_target *t);
/* The error of a target, with its name in front if the text lacks it. */
enum cli_exit cli_target_failed(const struct cli *c, const char *name, mse_status st,
                                const struct mse_error *err);

/* host[:port] → host and port; IPv6 in brackets. False if it is none. */
bool cli_split_host(char *host, size_t cap, uint16_t *port, const char *text,
                    uint16_t default_port);
/* --timeout in milliseconds; false after an error message. */
bool cli_timeout(unsigned *out_ms, const struct cli *c);

#endif
