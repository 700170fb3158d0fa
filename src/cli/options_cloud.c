/* SPDX-License-Identifier: Apache-2.0 */
/* The options of mse cloud. */
#include "cli/options.h"
#include "cli/options_shared.h"

const struct cli_option cli_cloud_login_options[] = {
    { "url", "URL", "of the operator; default: MSE_BASE_URL, else that of the last login", false },
    { "token", "-", "read the token from standard input; without it you are asked", false },
    { "cacert", "PEM", "certificates that the operator's TLS is trusted by; a copy is kept",
      false },
    { "no-browser", NULL, "print the page to log in at, and open none", false },
    { "whoami", NULL, "say who is logged in, and where", false },
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_cloud_init_options[] = {
    { "force", NULL, "write over an mse.toml that is there (also -f)", false },
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_cloud_deploy_options[] = {
    { "path", "FILE", "mse.toml of the project, or its folder; default ./mse.toml", false },
    { "yes", NULL, "replace an app of this name without a question (also -y)", false },
    { "untrusted-ssl", NULL, "for development: the operator's certificate, who reads all traffic",
      false },
    { "workspace", "DIR", "where package and manifest are left", false },
    { "timeout", "MIN", "for each wait, for the enclave and for the app; default 30", false },
    { "signer", "PEM|HEX", "expected signer of the enclave: public key, or MRSIGNER", false },
    { "insecure-skip-fingerprint", NULL, "compare no fingerprint; not in zero trust", false },
    { "policy", "FILE", "policy in TOML, or in JSON if the name ends in .json", false },
    { "machines", "FILE", "accept these machines only (machines.toml)", false },
    { "machines-key", "PEM", "who signed that list in FILE.sig; default: machines.pem", false },
    { "collateral", "FILE", "collateral or evidence bundle in JSON; - for stdin", false },
    SIMULATION_OPTIONS,
    SOURCE_OPTIONS,
    { "runtime", "FILE", "the mse-enclave to expect, instead of the one beside mse", false },
    { "allow-runtime", "HEX", "accept this SHA-256 of mse-enclave besides the built-in one", true },
    REFERENCE_OPTIONS,
    GRAMINE_OPTIONS,
    MACHINE_OPTIONS,
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_cloud_list_options[] = {
    { "all", NULL, "also those that have ended", false },
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_cloud_logs_options[] = {
    { "follow", NULL, "go on with what comes, until the app has ended (also -f)", false },
    { "key", "F", "private key that opens sealed records; default: logs.key of the project",
      false },
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_cloud_test_options[] = {
    JUDGE_OPTIONS,
    { "timeout", "SECONDS", "for each object of collateral; default 10", false },
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_cloud_context_options[] = {
    { "list", NULL, "the contexts of your deployments", false },
    { "export", "UUID", "write ./UUID.toml for users: there is no key in it", false },
    { "remove", "UUID", "forget one, and what opens its logs here", false },
    { "purge", NULL, "forget all", false },
    { "force", NULL, "write over a file that is there (also -f)", false },
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_cloud_verify_options[] = {
    IDENTITY_OPTIONS,
    JUDGE_OPTIONS,
    RUNTIME_OPTIONS,
    GRAMINE_OPTIONS,
    MACHINE_OPTIONS,
    LEVEL1_OPTION,
    LOG_OPTIONS,
    { "output", "FILE", "where the verified certificate goes; default ./cert.pem", false },
    { "timeout", "SECONDS", "for the connection; default 10", false },
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_cloud_fingerprint_options[] = {
    { "context", "FILE", "context of the app; needs --code", false },
    { "code", "DIR", "code of the app in plain; needs --context", false },
    RUNTIME_OPTIONS,
    GRAMINE_OPTIONS,
    MACHINE_OPTIONS,
    { "layout", "NAME", "layout that the context has to have: sim-1, gramine-1.9, snp, tdx",
      false },
    { "manifest-output", "FILE", "where the .manifest.sgx of layout gramine-1.9 goes", false },
    OVERWRITE_OPTION,
    { "explain", "OTHER", "say what differs from another context, a running app, other code",
      true },
    { NULL, NULL, NULL, false },
};
