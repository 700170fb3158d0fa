/* SPDX-License-Identifier: Apache-2.0 */
/* The options of mse log. */
#include "cli/options.h"
#include "cli/options_shared.h"

#define LOG_PLACE_OPTIONS                                                                          \
    { "log", "KEY|FILE", "public key of the log; default: that of the keeper's folder", false },   \
    {                                                                                              \
        "timeout", "SECONDS", "for each file of the log; default 10", false                        \
    }

const struct cli_option cli_log_init_options[] = {
    { "origin", "NAME", "name of the log, such as example.org/log", false },
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_log_add_options[] = {
    { "kind", "KIND", "sgx, tdx, snp, nitro, sim, manifest or runtime", false },
    { "fingerprint", "HEX", "fingerprint, 64 hexadecimal digits", false },
    { "name", "TEXT", "what was released", false },
    { "app-version", "TEXT", "and which version of it", false },
    { "signer", "HEX", "who signed it: MRSIGNER, or a key digest of SEV-SNP (96 digits)", false },
    { "manifest", "HEX", "SHA-256 of its manifest", false },
    { "date", "TIME", "when (2030-01-31T12:00:00Z); default: now", false },
    { "note", "TEXT", "one line more", false },
    { "context", "FILE", "context of the app, to compute the fingerprint; needs --code", false },
    { "code", "DIR", "code of the app in plain; needs --context", false },
    RUNTIME_OPTIONS,
    GRAMINE_OPTIONS,
    MACHINE_OPTIONS,
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_log_show_options[] = {
    LOG_PLACE_OPTIONS,
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_log_prove_options[] = {
    { "output", "FILE", "where the proof goes; - for stdout", false },
    { "since", "N", "prove consistency with the log's first N entries too", false },
    { "kind", "KIND", "of this kind only; default: the newest of any", false },
    LOG_PLACE_OPTIONS,
    OVERWRITE_OPTION,
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_log_check_options[] = {
    { "since", "FILE", "an older checkpoint, instead of the one that you have seen", false },
    { "log-witness", "KEY|FILE", "public key of a witness that must have cosigned", true },
    LOG_PLACE_OPTIONS,
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_log_keygen_options[] = {
    { "output", "FILE", "where the private key goes", false },
    OVERWRITE_OPTION,
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_log_cosign_options[] = {
    { "key", "FILE", "private key of the witness (mse log keygen)", false },
    { "state", "DIR", "what the witness remembers of logs", false },
    { "output", "FILE", "where the cosigned checkpoint goes; default: stdout", false },
    LOG_PLACE_OPTIONS,
    OVERWRITE_OPTION,
    { NULL, NULL, NULL, false },
};
