/* SPDX-License-Identifier: Apache-2.0 */
/* The options of who uses apps: mse browser and trust, and the commands of no group. */
#include "cli/options.h"
#include "cli/options_shared.h"

#define STORE_OPTIONS                                                                              \
    { "browser", "NAME", "only this one: chromium (and Chrome), or firefox", false },              \
        { "profile", "DIR", "only this profile of Firefox", true },                                \
    {                                                                                              \
        "nssdb", "DIR", "only this store of Chromium", true                                        \
    }

const struct cli_option cli_browser_install_options[] = {
    STORE_OPTIONS,
    { "policy-file", "DIR", "write policies for administrators there, and import nothing", false },
    OVERWRITE_OPTION,
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_browser_options[] = {
    STORE_OPTIONS,
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_trust_add_options[] = {
    IDENTITY_OPTIONS,
    JUDGE_OPTIONS,
    RUNTIME_OPTIONS,
    GRAMINE_OPTIONS,
    MACHINE_OPTIONS,
    LOG_OPTIONS,
    { "output", "FILE", "where a copy of the verified certificate goes", false },
    { "timeout", "SECONDS", "for the connection; default 10", false },
    { "rule", "RULE", "how it may change: ask (default), signer, never", false },
    { "yes", NULL, "replace what is stored for this app without a question (also -y)", false },
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_trust_check_options[] = {
    { "collateral", "FILE", "collateral or evidence bundle in JSON; - for stdin", false },
    SOURCE_OPTIONS,
    { "timeout", "SECONDS", "for the connection; default 10", false },
    { "yes", NULL, "store what has changed without a question (also -y)", false },
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_verify_options[] = {
    { "fingerprint", "HEX", "expected fingerprint, 64 hexadecimal digits", false },
    JUDGE_OPTIONS,
    LEVEL1_OPTION,
    LOG_OPTIONS,
    { "app-data", "HEX", "the TARGET is evidence that an app asked for over this data", false },
    { "app-certificate", "FILE", "and the app's server has this certificate", false },
    { "ear", "FILE", "write the verdict as signed attestation result (EAR) to FILE", false },
    { "ear-key", "PEM", "private key of the verifier, which signs it (P-256)", false },
    { "ear-nonce", "TEXT", "nonce that the EAR gets, or that the one given must have", false },
    { "ear-signer", "PEM", "public key of the verifier whose EAR the TARGET is", false },
    { "allow-warning", NULL, "accept an EAR whose status is warning", false },
    { "timeout", "SECONDS", "for a connection; default 10", false },
    { NULL, NULL, NULL, false },
};

/* As JUDGE_OPTIONS, but now is the only time at which a proxy can judge. */
const struct cli_option cli_proxy_options[] = {
    { "listen", "ADDR:PORT", "where to listen, on this machine; default 127.0.0.1:8080", false },
    IDENTITY_OPTIONS,
    { "policy", "FILE", "policy in TOML, or in JSON if the name ends in .json", false },
    { "machines", "FILE", "accept these machines only (machines.toml)", false },
    { "signer", "PEM|HEX", "expected signer of the enclave: public key, or MRSIGNER", false },
    { "collateral", "FILE", "collateral or evidence bundle in JSON", false },
    { "require-level", "L", "least binding level that is accepted: 2, or 3", false },
    SIMULATION_OPTIONS,
    SOURCE_OPTIONS,
    RUNTIME_OPTIONS,
    LOG_OPTIONS,
    { "local-ca", NULL, "take CONNECT too, with a CA of your own that you import", false },
    { "new-local-ca", NULL, "the same with another CA, in the place of the one before", false },
    { "warm", "N", "attested connections to keep ready for each app; default 2", false },
    { "reattest", "MIN", "minutes after which what lasts is attested again; default 60", false },
    { "max-connections", "N", "clients at a time; default 256", false },
    { "insecure-listen", NULL, "listen also where others can reach the proxy", false },
    { "ready-file", "FILE", "written in JSON when requests are taken", false },
    { "timeout", "SECONDS", "for each connection to an app; default 10", false },
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_attack_options[] = {
    { "platform", "DIR", "the app's simulated platform; default: sim in the configuration folder",
      false },
    { "leaked-key", "PEM", "the app's TLS key, if it is out; else a second instance's", false },
    { "timeout", "SECONDS", "for each connection; default 10", false },
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_measure_options[] = {
    { "layout", "NAME", "gramine-1.9, sdk, snp or tdx", false },
    { "libpal", "FILE", "loader of Gramine (libpal.so)", false },
    { "manifest", "FILE", "expanded manifest (.manifest.sgx); snp, tdx: manifest of the app",
      false },
    { "enclave", "FILE", "enclave signed with Intel's SDK (layout sdk)", false },
    MACHINE_FILE_OPTIONS,
    { "qemu", NULL, "print QEMU's command line for this machine instead (snp, tdx)", false },
    { "memory", "MB", "its memory; default 2048 (with --qemu)", false },
    { "disk", "FILE", "a disk of it, read only: that of the root first (with --qemu)", true },
    { "port", "N", "port here that leads to its port 443; default 8443 (with --qemu)", false },
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_doctor_options[] = {
    { "runtime", "FILE", "the mse-enclave to look at, instead of the one beside mse", false },
    { NULL, NULL, NULL, false },
};
