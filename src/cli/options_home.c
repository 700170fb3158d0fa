/* SPDX-License-Identifier: Apache-2.0 */
/* The options of mse home. */
#include "cli/options.h"
#include "cli/options_shared.h"

const struct cli_option cli_home_package_options[] = {
    { "project", "DIR|FILE", "the project's folder, or its mse.toml; default: this folder", false },
    { "output", "DIR", "where NAME.mse and NAME.key go; made if it is not there", false },
    { "encrypt", NULL, "encrypt the code, under a fresh key in NAME.key", false },
    { "no-ssl", NULL, "leave the certificates of [cloud.ssl] and client_ca out: for a try", false },
    { "force", NULL, "write over a package and a key that are there (also -f)", false },
    { NULL, NULL, NULL, false },
};

#define UPGRADE_OPTIONS                                                                            \
    { "upgrade-from", "NAME", "begin with the storage of this instance, which ends", false },      \
    {                                                                                              \
        "upgrade-signature", "F", "what the app's owner signed for that, if the rule wants it",    \
            false                                                                                  \
    }

#define HOME_COLLATERAL_OPTIONS                                                                    \
    { "collateral", "FILE", "for sgx: collateral in JSON, instead of our own", false },            \
        SOURCE_OPTIONS

const struct cli_option cli_home_spawn_options[] = {
    { "package", "F", "the package of the code provider", false },
    { "tee", "KIND", "sim (default), or sgx: an enclave under Gramine", false },
    { "rootfs", "DIR", "for sgx: Gramine's library OS, the runtime and what the app needs", false },
    { "libpal", "FILE", "for sgx: Gramine's loader, which is measured", false },
    { "signer-key", "PEM", "for sgx: private key that signs the enclave", false },
    { "gramine-sgx", "FILE", "for sgx: the program, if it is not on the PATH", false },
    { "policy", "FILE", "for sgx: how run and test judge the machine (mse-policy(5))", false },
    { "san", "NAME", "public name of the app; not needed with the owner's certificate", false },
    { "output", "DIR", "where evidence.json goes", false },
    { "size", "MB", "size of the enclave, a power of two; default 1024", false },
    { "host", "ADDR", "literal address to listen on; default 0.0.0.0", false },
    { "port", "N", "port to listen on; 0: any free one; default 443", false },
    { "days", "N", "life of the app, 1 to 3650; default 365", false },
    { "timeout", "SECONDS", "until it must be ready; default 60", false },
    { "dir", "DIR", "folder of the platform; default: sim in the configuration folder", false },
    { "runtime", "FILE", "the mse-enclave to run, instead of the one beside mse", false },
    { "while", "PID", "stop it when this process is over", false },
    UPGRADE_OPTIONS,
    { "replica-of", "NAME", "one more instance of the app that NAME runs", false },
    { "prepare", NULL, "do not start it: its fingerprint is known, restart starts it", false },
    { "insecure-no-sandbox", NULL, "run the app without a sandbox", false },
    HOME_COLLATERAL_OPTIONS,
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_home_evidence_options[] = {
    { "output", "DIR", "where evidence.json goes", false },
    HOME_COLLATERAL_OPTIONS,
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_home_verify_options[] = {
    { "evidence", "F", "evidence.json of the operator", false },
    { "package", "F", "your own copy of the package", false },
    { "output", "DIR", "where the verified certificate ratls.pem goes", false },
    { "policy", "FILE", "policy in TOML, or in JSON if the name ends in .json", false },
    { "machines", "FILE", "accept these machines only (machines.toml)", false },
    { "machines-key", "PEM", "who signed that list in FILE.sig; default: machines.pem", false },
    { "signer", "PEM|HEX", "expected signer of the enclave: public key, or MRSIGNER", false },
    { "collateral", "FILE", "collateral in JSON, instead of that in the evidence", false },
    { "at", "TIME", "judge at this time (2030-01-31T12:00:00Z) instead of now", false },
    SIMULATION_OPTIONS,
    RUNTIME_OPTIONS,
    GRAMINE_OPTIONS,
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_home_run_options[] = {
    { "key", "F", "key of the code, from the code provider", false },
    { "secrets", "F", "JSON that the app finds at SECRETS_PATH", false },
    { "sealed-secrets", "F", "JSON in a box that only this enclave opens (mse home seal)", false },
    { "ssl-key", "F", "private key of the owner's certificate (PEM), from the code provider",
      false },
    { "token", "F", "token of phase 1, if mse.toml has its digest; default: that of spawn", false },
    { "upgrade-from", "HEX", "fingerprint of the app whose storage goes on in this one", false },
    { "upgrade-signature", "F", "what you signed for that (mse home sign-upgrade)", false },
    { "timeout", "SECONDS", "until the app must be healthy; default 60", false },
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_home_test_options[] = {
    { "test", "DIR", "folder of the tests", false },
    { "config", "FILE", "mse.toml with tests_cmd; default: that of the tests' project", false },
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_home_logs_options[] = {
    { "follow", NULL, "the last lines, then what comes (also -f)", false },
    { "key", "F", "private key of the owner, which opens sealed records", false },
    { "certificate", "FILE", "of the enclave, verified before: only its records count", false },
    { "input", "FILE", "the log, instead of that of an instance here; - for stdin", false },
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_home_stop_options[] = {
    { "remove", NULL, "forget it: name, port, package, log", false },
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_home_restart_options[] = {
    { "timeout", "SECONDS", "until it must be ready; default 60", false },
    UPGRADE_OPTIONS,
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_home_keygen_options[] = {
    { "symmetric", NULL, "a key of 32 bytes, for encrypt and decrypt", false },
    { "asymmetric", NULL, "an X25519 pair, for seal and unseal", false },
    { "output", "FILE", "where the key goes; the public one of a pair: FILE.pub", false },
    OVERWRITE_OPTION,
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_home_crypt_options[] = {
    { "input", "FILE", "what to read; - for stdin", false },
    { "key", "FILE", "the key: 32 bytes, as keygen --symmetric makes it", false },
    { "output", "FILE", "where the result goes; - for stdout", false },
    OVERWRITE_OPTION,
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_home_seal_options[] = {
    { "input", "FILE", "what to seal, at most 64 MiB; - for stdin", false },
    { "key", "FILE", "the key of an encrypted package, added to the input or sealed alone", false },
    { "ssl-key", "FILE", "the private key of one's own certificate, likewise (PEM)", false },
    { "receiver-enclave", "CERT", "to the enclave of this certificate, which verify wrote", false },
    { "receiver-public-key", "FILE", "to this X25519 public key: 32 bytes", false },
    { "output", "FILE", "where the sealed box goes; - for stdout", false },
    OVERWRITE_OPTION,
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_home_unseal_options[] = {
    { "input", "FILE", "the sealed box; - for stdin", false },
    { "private-key", "FILE", "the receiver's X25519 private key: 32 bytes", false },
    { "output", "FILE", "where the content goes; - for stdout", false },
    OVERWRITE_OPTION,
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_home_sign_options[] = {
    { "signer-key", "PEM", "private key of the signer: RSA-3072 with exponent 3", false },
    { "libpal", "FILE", "loader of Gramine 1.9 (libpal.so)", false },
    { "manifest", "FILE", "expanded manifest (.manifest.sgx)", false },
    { "output", "FILE", "where the SIGSTRUCT goes (.sig); - for stdout", false },
    { "at", "TIME", "date it so (2030-01-31T12:00:00Z) instead of today", false },
    OVERWRITE_OPTION,
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_home_sign_upgrade_options[] = {
    { "key", "PEM", "private key of the owner_key that the manifest's rule names", false },
    { "from", "HEX", "fingerprint of the app that has the storage", false },
    { "to", "HEX", "fingerprint of the one that inherits it", false },
    { "output", "FILE", "where the signature goes", false },
    OVERWRITE_OPTION,
    { NULL, NULL, NULL, false },
};
