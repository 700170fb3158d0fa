/* SPDX-License-Identifier: Apache-2.0 */
/* Splitting a command line into words. */
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include <mse/status.h>

#define CLI_MAX_WORDS 128

/* The words of a command; release with cli_words_clear. */
struct cli_words {
    char *text;
    char *argv[CLI_MAX_WORDS + 1]; /* into text; ended by NULL */
    size_t num;
};
/* cli_words_split splits as a shell does: blanks, single and double quotes, backslash; nothing is
 * expanded. MSE_ERR_CONFIG: a quote or a backslash is left open, too many words, no word. */
MSE_MUST_USE mse_status cli_words_split(struct cli_words *out, const char *command,
                                        struct mse_error *err);
void cli_words_clear(struct cli_words *w);

#endif
