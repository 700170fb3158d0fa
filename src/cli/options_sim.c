/* SPDX-License-Identifier: Apache-2.0 */
/* The options of what stays on this machine: mse sim, and how a project is made and tried. */
#include "cli/options.h"

const struct cli_option cli_sim_init_options[] = {
    { "dir", "DIR", "folder of the platform; default: sim in the configuration folder", false },
    { "tcb-status", "STATUS", "TCB status of the platform, for instance OutOfDate", false },
    { "revoke-pck", NULL, "the platform's own certificate is revoked", false },
    { "expired-tcb-info", NULL, "the TCB info has expired", false },
    { "no-counter", NULL, "it counts nothing: an older storage goes unseen", false },
    { "evaluation-number", "N", "TCB evaluation number of the collateral; default 20", false },
    { "beside", "DIR", "another machine of the maker of the platform in DIR", false },
    { "refresh", NULL, "keep the keys, write the collateral anew", false },
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_sim_show_options[] = {
    { "dir", "DIR", "folder of the platform; default: sim in the configuration folder", false },
    { "export", "DIR", "copy root.pem, collateral.json and signer.pem for users to DIR", false },
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_sim_run_options[] = {
    { "dir", "DIR", "folder of the platform; default: sim in the configuration folder", false },
    { "listen", "ADDR:PORT", "where users connect; default 127.0.0.1:0, any free port", false },
    { "domain", "NAME", "public name of the app; default: a fresh one below mse.localhost", false },
    { "days", "N", "life of the app, 1 to 3650; default 30, unless mse.toml has a date", false },
    { "context-out", "FILE", "write the context for users to FILE too", false },
    { "ready-file", "FILE", "write one JSON object to FILE when the app is ready", false },
    { "insecure-no-sandbox", NULL, "run the app without a sandbox", false },
    { "debug-enclave", NULL, "set the DEBUG attribute: verifiers refuse it", false },
    { "runtime", "FILE", "the mse-enclave to run, instead of the one beside mse", false },
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_scaffold_options[] = {
    { "force", NULL, "write over the files of a project that is there (also -f)", false },
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_localtest_options[] = {
    { "path", "FILE", "mse.toml of the project; default ./mse.toml", false },
    { "project", "DIR", "the project's folder, instead of --path", false },
    { "secrets", "F", "JSON for SECRETS_PATH; default: cloud.secrets, or secrets.json there",
      false },
    { "sealed-secrets", "F", "in plain, for SEALED_SECRETS_PATH; default: secrets_to_seal.json",
      false },
    { "no-tests", NULL, "leave the app running until Ctrl-C, for trying it by hand", false },
    { "insecure-no-sandbox", NULL, "run the app without a sandbox", false },
    { NULL, NULL, NULL, false },
};
