/* SPDX-License-Identifier: Apache-2.0 */
/* Attestation results on the command line: signing one of a verdict (--ear), and judging one that
 * another verifier signed (--ear-signer). */
#ifndef CLI_EAR_H
#define CLI_EAR_H

#include <mse/ear.h>

#include "cli/judge.h"
#include "cli/target.h"

/* What was judged, for the result. */
struct cli_ear_subject {
    const struct mse_verdict *verdict;
    const char *host; /* may be NULL */
    struct mse_bytes evidence;
    struct mse_bytes certificate; /* may be empty */
};

/* cli_ear_options refuses options that do not go together. */
enum cli_exit cli_ear_options(const struct cli *c);
/* cli_ear_key reads --ear-key and signs nothing of worth with it, so that what is wrong with the
 * key or the nonce is said before anything is judged; does nothing without --ear. */
enum cli_exit cli_ear_key(struct cli_file *out, const struct cli *c);
void cli_ear_key_clear(struct cli_file *key);
/* cli_ear_write signs the result and writes --ear; does nothing without that option. */
enum cli_exit cli_ear_write(const struct cli *c, const struct cli_judge *j,
                            const struct cli_file *key, const struct cli_ear_subject *s);
/* cli_ear_judge judges a target that is an attestation result, and prints what it found; under
 * --json into the array. */
enum cli_exit cli_ear_judge(const struct cli *c, const struct cli_judge *j,
                            const struct cli_target *t, json_t *out);
/* cli_ear_show decodes one; nothing is checked. */
json_t *cli_ear_show(struct mse_bytes jwt);

#endif
