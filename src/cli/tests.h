/* SPDX-License-Identifier: Apache-2.0 */
/* Running the tests of a project against an app that was verified: localtest, and mse home test. */
#ifndef CLI_TESTS_H
#define CLI_TESTS_H

#include "cli/cli.h"
#include "cli/project.h"
#include "cli/words.h"

struct cli_tests {
    const struct cli *c;
    const char *toml_path; /* for messages */
    const struct mse_project *project;
    const char *folder;  /* where they run */
    const char *url;     /* TEST_REMOTE_URL */
    const char *cert;    /* TEST_CA_CERT: the verified certificate */
    const char *secrets; /* TEST_SECRET_JSON; NULL: not set */
    const char *to_seal; /* TEST_SEALED_SECRET_JSON; likewise */
    const char *venv;    /* folder for what they require, below one that goes away */
    struct cli_words words;
};
/* cli_scratch makes a folder NAME.XXXXXX of its own in the folder for temporary files; *out is
 * heap, and set on success only. Prints its errors. */
enum cli_exit cli_scratch(char **out, const struct cli *c, const char *name);
/* cli_tests_say says how they ended: status is that of the tests, key and name the app's under
 * --json. */
enum cli_exit cli_tests_say(const struct cli *c, const char *key, const char *name, int status);
/* cli_tests_split reads tests_cmd into words; prints its errors. Release with cli_words_clear. */
enum cli_exit cli_tests_split(struct cli_tests *t);
/* cli_tests_run installs what they require and runs them. *status is their exit status; CLI_DONE:
 * they ran. */
enum cli_exit cli_tests_run(struct cli_tests *t, int *status);

#endif
