/* SPDX-License-Identifier: Apache-2.0 */
/* What identifies an app: its context, its code, the runtime; and the fingerprint that follows from
 * them. */
#ifndef CLI_APP_H
#define CLI_APP_H

#include "cli/cli.h"
#include "package/context.h"

/* A context with its manifest parsed. Release with cli_app_clear. */
struct cli_app {
    struct mse_context context;
    struct mse_manifest manifest;
    uint8_t manifest_sha256[32];
};
/* cli_app_load reads a context file. Errors: MSE_ERR_CONFIG, MSE_ERR_MALFORMED, those of files. */
MSE_MUST_USE mse_status cli_app_load(struct cli_app *out, const char *path, struct mse_error *err);
void cli_app_clear(struct cli_app *a);

/* cli_manifest_fill copies into an empty manifest what mse.toml says of it. MSE_ERR_CONFIG for what
 * does not go together; the rules of single values are those of mse_manifest_write. On failure
 * clear *m all the same. */
struct mse_project;
/* MSE_ERR_UNSUPPORTED for what only an operator's platform can serve. */
MSE_MUST_USE mse_status cli_manifest_alone(const struct mse_manifest *m, struct mse_error *err);
MSE_MUST_USE mse_status cli_manifest_fill(struct mse_manifest *m, const struct mse_project *p,
                                          struct mse_error *err);

/* Who reads the app's output, in words. */
const char *cli_logs_text(const struct mse_manifest *m);
/* Who may inherit the app's storage, said to whoever trusts the app (10-rules 25); and as JSON. */
void cli_say_upgrade(const struct cli *c, const struct mse_manifest *m);
json_t *cli_upgrade_json(const struct mse_manifest *m);

/* The context of the last deployment of an mse.toml, heap path; NULL if there is none. */
char *cli_last_context(const char *toml_path);
MSE_MUST_USE mse_status cli_remember_context(const char *toml_path, const char *uuid,
                                             struct mse_error *err);

/* The runtime: --runtime, else beside this program, in the build folder, in libexec. *out is the
 * whole file. MSE_ERR_NOT_FOUND. */
struct cli_file;
MSE_MUST_USE mse_status cli_runtime_load(struct cli_file *out, char **out_path, const struct cli *c,
                                         uint8_t out_sha256[32], struct mse_error *err);
/* Whether a runtime is known: compiled in for this release, --allow-runtime, or in the signed list
 * of --reference. A list that cannot be read or whose signature is wrong is an error. */
MSE_MUST_USE mse_status cli_runtime_known(bool *out, const struct cli *c, const uint8_t sha256[32],
                                          struct mse_error *err);

/* The same of another kind, "loader" or "rootfs": nothing is compiled in for these. */
MSE_MUST_USE mse_status cli_digest_known(bool *out, const struct cli *c, const char *kind,
                                         const uint8_t sha256[32], struct mse_error *err);
/* A part that the context or its manifest names, of these kinds or "runtime", stands in the
 * verifier's own list too: else MSE_ERR_MANIFEST_MISMATCH. */
MSE_MUST_USE mse_status cli_digest_wanted(const struct cli *c, const char *kind,
                                          const uint8_t sha256[32], struct mse_error *err);

/* What was found when a fingerprint was recomputed. */
struct cli_fingerprint {
    uint8_t value[32];
    bool code_differs; /* the code is not that of the context; value is what this code would have */
    uint8_t code_seen[32];
};
/* cli_fingerprint_make recomputes it from a context and plain code. MSE_ERR_MANIFEST_MISMATCH when
 * the runtime is not a known one. */
MSE_MUST_USE mse_status cli_fingerprint_make(struct cli_fingerprint *out, const struct cli *c,
                                             const struct cli_app *a, const char *code_dir,
                                             struct mse_error *err);

/* cli_explain prints what differs between this app and what each --explain names: another context,
 * member by member, a running app (HOST:PORT) likewise, or another folder of code, file by file.
 * CLI_REFUSED if anything does. */
enum cli_exit cli_explain(const struct cli *c, const struct cli_app *a, const char *code);
/* cli_explain_update prints what a new manifest and its code have changed against an app's. code:
 * NULL if it is not at hand. */
void cli_explain_update(const struct cli *c, const struct cli_app *old, struct mse_bytes manifest,
                        const char *code);

#endif
