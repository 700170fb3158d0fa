/* SPDX-License-Identifier: Apache-2.0 */
/* Fresh evidence (level 1) through the operator's API, for those who do not, or cannot, ask the app
 * itself. The API is nobody's word: it carries a nonce there and a bundle back, and all of it is
 * judged here. */
#ifndef CLI_LEVEL1_H
#define CLI_LEVEL1_H

#include "cli/judge.h"
#include "cli/link.h"
#include "ratls/frame.h"

struct cli_level1 {
    const struct cli *c;    /* NULL: nobody was asked */
    struct mse_nonce nonce; /* our own */
    char *text;             /* the bundle, without the session */
    uint8_t *scratch;
    struct mse_bundle bundle;
    uint8_t *evidence;
    struct mse_frame_response response;
    uint8_t *der_room;
    struct mse_bytes der; /* the certificate; its CA's behind it, if there is one */
};
/* cli_level1_ask asks at url, HOST of an operator with or without /apps/UUID behind it; app_id: of
 * a context, NULL if there is none. Prints its own errors. Release with cli_level1_clear also after
 * failures. */
enum cli_exit cli_level1_ask(struct cli_level1 *l, const struct cli *c, const char *url,
                             const char *app_id);
void cli_level1_clear(struct cli_level1 *l);
/* cli_level1_judge judges the evidence as an answer to our nonce, for the key of the certificate
 * and this host, by the collateral that it chooses (release choice). manifest: the one to go by, or
 * empty. */
void cli_level1_judge(const struct cli_level1 *l, struct cli_finding *out,
                      struct cli_choice *choice, struct cli_judge *j, const char *host,
                      struct mse_bytes manifest);
/* What is said beside an acceptance. */
#define CLI_LEVEL1_NOTE                                                                            \
    "asked through the operator's API, whose word was not taken; no connection to the app was "    \
    "made"

#endif
