/* SPDX-License-Identifier: Apache-2.0 */
/* The decoders of mse show: a new object of JSON for each form of evidence. What cannot be read is
 * said in its member "unreadable"; nothing is verified. Those of files of mse: show_files.h. */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include <jansson.h>

#include <mse/types.h>

/* show_evidence.c: what TEEs sign. */
/* A quote of SGX or TDX. padding: how many zero bytes stand behind it. */
json_t *cli_show_quote(struct mse_bytes raw, size_t padding);
json_t *cli_show_snp_report(struct mse_bytes raw);
json_t *cli_show_hcl(struct mse_bytes raw);
json_t *cli_show_nitro(struct mse_bytes raw);
json_t *cli_show_sigstruct(struct mse_bytes in);

/* show_cert.c */
/* A certificate in DER, the CA made for it behind it or not, and the evidence that it carries. */
json_t *cli_show_cert(struct mse_bytes der);
/* What an app, or a client of a session, was given; read before by the caller. */
json_t *cli_show_loose_evidence(struct mse_bytes evidence);

/* show_collateral.c */
json_t *cli_show_crl(struct mse_bytes der); /* in DER */
/* The signed body, in JSON. */
json_t *cli_show_tcb_info(struct mse_bytes body);
json_t *cli_show_qe_identity(struct mse_bytes body);

#endif
