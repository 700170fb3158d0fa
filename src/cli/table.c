/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands. Usage, --help, completion and the test of the man pages read it. */
#include "base/util.h"
#include "cli/cli.h"

#define MANY UINT16_MAX

#define SIMULATION_OPTIONS                                                                         \
    { "allow-simulation", NULL, "accept a simulated platform whose root key is pinned", false },   \
    {                                                                                              \
        "simulation-root", "PEM", "its root; default: sim/root.pem in the configuration folder",   \
            false                                                                                  \
    }
#define SOURCE_OPTIONS                                                                             \
    { "pccs", "URL", "PCCS to fetch from instead of Intel's service; several: in this order",      \
      true },                                                                                      \
        { "pccs-ca", "PEM", "certificates that the TLS of the PCCS is trusted by", false },        \
        { "kds", "URL", "mirror of AMD's key service to fetch from", true },                       \
        { "proxy", "URL", "proxy of HTTP; default: as the environment says", false },              \
        { "cache", "DIR", "cache of collateral; default mse/collateral in the user's cache",       \
          false },                                                                                 \
    {                                                                                              \
        "offline", NULL, "fetch nothing, use what the cache has", false                            \
    }
#define JUDGE_OPTIONS                                                                              \
    { "policy", "FILE", "policy in TOML, or in JSON if the name ends in .json", false },           \
        { "machines", "FILE", "accept these machines only (machines.toml)", false },               \
        { "machines-key", "PEM", "who signed that list in FILE.sig; default: machines.pem",        \
          false },                                                                                 \
        { "signer", "PEM|HEX", "expected signer of the enclave: public key, or MRSIGNER", false }, \
        { "collateral", "FILE", "collateral or evidence bundle in JSON; - for stdin", false },     \
        { "at", "TIME", "judge at this time (2030-01-31T12:00:00Z) instead of now", false },       \
        { "require-level", "L", "least binding level that is accepted, 0 to 3", false },           \
        SIMULATION_OPTIONS, SOURCE_OPTIONS

#define REFERENCE_OPTIONS                                                                          \
    { "reference", "FILE", "list of known runtimes; its signature is in FILE.sig", false },        \
    {                                                                                              \
        "reference-key", "PEM",                                                                    \
            "its signer's key; default: reference.pem in the configuration folder", false          \
    }

/* What tells which app it has to be. */
#define IDENTITY_OPTIONS                                                                           \
    { "fingerprint", "HEX", "expected fingerprint, 64 hexadecimal digits", false },                \
        { "context", "FILE", "context of the app, to recompute the fingerprint; needs --code",     \
          false },                                                                                 \
    {                                                                                              \
        "code", "DIR", "code of the app in plain; needs --context", false                          \
    }

/* The runtime that goes into a fingerprint, and whose word it is taken for. */
#define RUNTIME_OPTIONS                                                                            \
    { "runtime", "FILE", "the mse-enclave to measure, instead of the one beside mse", false },     \
        { "allow-runtime", "HEX", "accept this SHA-256 of mse-enclave besides the built-in one",   \
          true },                                                                                  \
        REFERENCE_OPTIONS

#define GRAMINE_OPTIONS                                                                            \
    { "libpal", "FILE", "loader of Gramine (libpal.so), for layout gramine-1.9", false },          \
        { "rootfs", "PATH", "its rootfs: the folder, or the list of it", false },                  \
        { "allow-loader", "HEX", "accept this SHA-256 of a loader", true },                        \
    {                                                                                              \
        "allow-rootfs", "HEX", "accept this digest of a rootfs", true                              \
    }

#define LEVEL1_OPTION                                                                              \
    {                                                                                              \
        "level-1-from", "URL", "ask the operator's API for fresh evidence, and not the app", false \
    }

#define OVERWRITE_OPTION                                                                           \
    {                                                                                              \
        "force", NULL, "write over a file that is there (also -f)", false                          \
    }

/* A transparency log that must have the fingerprint. */
#define LOG_OPTIONS                                                                                \
    { "log", "KEY|FILE", "public key of a log that must have the fingerprint", true },             \
        { "log-url", "URL|DIR", "ask the log there", false },                                      \
        { "log-proof", "FILE", "take what mse log prove wrote instead", false },                   \
    {                                                                                              \
        "log-witness", "KEY|FILE", "public key of a witness that must have cosigned", true         \
    }

static const struct cli_option no_options[] = { { NULL, NULL, NULL, false } };

static const struct cli_option verify_cloud_options[] = {
    IDENTITY_OPTIONS,
    JUDGE_OPTIONS,
    RUNTIME_OPTIONS,
    GRAMINE_OPTIONS,
    LEVEL1_OPTION,
    LOG_OPTIONS,
    { "output", "FILE", "where the verified certificate goes; default ./cert.pem", false },
    { "timeout", "SECONDS", "for the connection; default 10", false },
    { NULL, NULL, NULL, false },
};

#define STORE_OPTIONS                                                                              \
    { "browser", "NAME", "only this one: chromium (and Chrome), or firefox", false },              \
        { "profile", "DIR", "only this profile of Firefox", true },                                \
    {                                                                                              \
        "nssdb", "DIR", "only this store of Chromium", true                                        \
    }

static const struct cli_option browser_options[] = {
    STORE_OPTIONS,
    { NULL, NULL, NULL, false },
};

static const struct cli_option browser_install_options[] = {
    STORE_OPTIONS,
    { "policy-file", "DIR", "write policies for administrators there, and import nothing", false },
    OVERWRITE_OPTION,
    { NULL, NULL, NULL, false },
};

static const struct cli_option trust_add_options[] = {
    IDENTITY_OPTIONS,
    JUDGE_OPTIONS,
    RUNTIME_OPTIONS,
    GRAMINE_OPTIONS,
    LOG_OPTIONS,
    { "output", "FILE", "where a copy of the verified certificate goes", false },
    { "timeout", "SECONDS", "for the connection; default 10", false },
    { "rule", "RULE", "how it may change: ask (default), signer, never", false },
    { "yes", NULL, "replace what is stored for this app without a question (also -y)", false },
    { NULL, NULL, NULL, false },
};

static const struct cli_option trust_check_options[] = {
    { "collateral", "FILE", "collateral or evidence bundle in JSON; - for stdin", false },
    SOURCE_OPTIONS,
    { "timeout", "SECONDS", "for the connection; default 10", false },
    { "yes", NULL, "store what has changed without a question (also -y)", false },
    { NULL, NULL, NULL, false },
};

static const struct cli_option fingerprint_options[] = {
    { "context", "FILE", "context of the app; needs --code", false },
    { "code", "DIR", "code of the app in plain; needs --context", false },
    RUNTIME_OPTIONS,
    GRAMINE_OPTIONS,
    { "layout", "NAME", "how the context has to say that it is measured: sim-1, gramine-1.9",
      false },
    { "manifest-output", "FILE", "where the .manifest.sgx of layout gramine-1.9 goes", false },
    OVERWRITE_OPTION,
    { "explain", "OTHER", "say what differs from another context, a running app, other code",
      true },
    { NULL, NULL, NULL, false },
};

static const struct cli_option login_options[] = {
    { "url", "URL", "of the operator; default: MSE_BASE_URL, else that of the last login", false },
    { "token", "-", "read the token from standard input; without it you are asked", false },
    { "cacert", "PEM", "certificates that the operator's TLS is trusted by; a copy is kept",
      false },
    { "no-browser", NULL, "print the page to log in at, and open none", false },
    { "whoami", NULL, "say who is logged in, and where", false },
    { NULL, NULL, NULL, false },
};

static const struct cli_option cloud_init_options[] = {
    { "force", NULL, "write over an mse.toml that is there (also -f)", false },
    { NULL, NULL, NULL, false },
};

static const struct cli_option deploy_options[] = {
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
    { NULL, NULL, NULL, false },
};

/* As JUDGE_OPTIONS, but now is the only time at which a proxy can judge. */
static const struct cli_option proxy_options[] = {
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

static const struct cli_option list_options[] = {
    { "all", NULL, "also those that have ended", false },
    { NULL, NULL, NULL, false },
};

static const struct cli_option cloud_logs_options[] = {
    { "follow", NULL, "go on with what comes, until the app has ended (also -f)", false },
    { "key", "F", "private key that opens sealed records; default: logs.key of the project",
      false },
    { NULL, NULL, NULL, false },
};

static const struct cli_option cloud_test_options[] = {
    JUDGE_OPTIONS,
    { "timeout", "SECONDS", "for each object of collateral; default 10", false },
    { NULL, NULL, NULL, false },
};

static const struct cli_option context_options[] = {
    { "list", NULL, "the contexts of your deployments", false },
    { "export", "UUID", "write ./UUID.toml for users: there is no key in it", false },
    { "remove", "UUID", "forget one, and what opens its logs here", false },
    { "purge", NULL, "forget all", false },
    { "force", NULL, "write over a file that is there (also -f)", false },
    { NULL, NULL, NULL, false },
};

static const struct cli_option verify_options[] = {
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

static const struct cli_option collateral_fetch_options[] = {
    { "quote", "FILE", "for this quote, certificate, bundle or HOST:PORT", false },
    { "snp", "FILE", "for this SEV-SNP report", false },
    { "fmspc", "HEX", "for platforms of this FMSPC; needs --tee", false },
    { "tee", "sgx|tdx", "which TEE; goes with --fmspc", false },
    { "ca", "NAME", "platform or processor: whose CRL; goes with --fmspc; default platform",
      false },
    { "early", NULL, "the set that comes with the newest TCB recovery", false },
    { "evaluation-number", "N", "the set of this TCB evaluation number", false },
    { "output", "FILE", "where the collateral file goes; - for stdout", false },
    { "timeout", "SECONDS", "for each object, retries included; default 60", false },
    SIMULATION_OPTIONS,
    SOURCE_OPTIONS,
    { NULL, NULL, NULL, false },
};

static const struct cli_option collateral_show_options[] = {
    { "at", "TIME", "count from this time instead of now", false },
    SIMULATION_OPTIONS,
    { NULL, NULL, NULL, false },
};

static const struct cli_option collateral_forecast_options[] = {
    { "quote", "FILE", "the quote, certificate, bundle or HOST:PORT to look at", false },
    { "early", "FILE", "the early set, instead of fetching it", false },
    { "collateral", "FILE", "the set of now, instead of fetching it", false },
    { "policy", "FILE", "policy in TOML, or in JSON if the name ends in .json", false },
    { "at", "TIME", "judge at this time instead of now", false },
    { "timeout", "SECONDS", "for each object, retries included; default 10", false },
    SIMULATION_OPTIONS,
    SOURCE_OPTIONS,
    { NULL, NULL, NULL, false },
};

static const struct cli_option doctor_options[] = {
    { "runtime", "FILE", "the mse-enclave to look at, instead of the one beside mse", false },
    { NULL, NULL, NULL, false },
};

#define LOG_PLACE_OPTIONS                                                                          \
    { "log", "KEY|FILE", "public key of the log; default: that of the keeper's folder", false },   \
    {                                                                                              \
        "timeout", "SECONDS", "for each file of the log; default 10", false                        \
    }

static const struct cli_option log_init_options[] = {
    { "origin", "NAME", "name of the log, such as example.org/log", false },
    { NULL, NULL, NULL, false },
};

static const struct cli_option log_keygen_options[] = {
    { "output", "FILE", "where the private key goes", false },
    OVERWRITE_OPTION,
    { NULL, NULL, NULL, false },
};

static const struct cli_option log_add_options[] = {
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
    { NULL, NULL, NULL, false },
};

static const struct cli_option log_show_options[] = {
    LOG_PLACE_OPTIONS,
    { NULL, NULL, NULL, false },
};

static const struct cli_option log_prove_options[] = {
    { "output", "FILE", "where the proof goes; - for stdout", false },
    { "since", "N", "prove consistency with the log's first N entries too", false },
    { "kind", "KIND", "of this kind only; default: the newest of any", false },
    LOG_PLACE_OPTIONS,
    OVERWRITE_OPTION,
    { NULL, NULL, NULL, false },
};

static const struct cli_option log_check_options[] = {
    { "since", "FILE", "an older checkpoint, instead of the one that you have seen", false },
    { "log-witness", "KEY|FILE", "public key of a witness that must have cosigned", true },
    LOG_PLACE_OPTIONS,
    { NULL, NULL, NULL, false },
};

static const struct cli_option log_cosign_options[] = {
    { "key", "FILE", "private key of the witness (mse log keygen)", false },
    { "state", "DIR", "what the witness remembers of logs", false },
    { "output", "FILE", "where the cosigned checkpoint goes; default: stdout", false },
    LOG_PLACE_OPTIONS,
    OVERWRITE_OPTION,
    { NULL, NULL, NULL, false },
};

static const struct cli_option measure_options[] = {
    { "layout", "NAME", "gramine-1.9, sdk, snp or tdx", false },
    { "libpal", "FILE", "loader of Gramine (libpal.so)", false },
    { "manifest", "FILE", "expanded manifest (.manifest.sgx); snp, tdx: manifest of the app",
      false },
    { "enclave", "FILE", "enclave signed with Intel's SDK (layout sdk)", false },
    { "firmware", "FILE", "OVMF, as QEMU gets it with -bios (snp, tdx)", false },
    { "kernel", "FILE", "unified kernel image, or Linux, as QEMU gets it (snp, tdx)", false },
    { "initrd", "FILE", "its initrd, if it is not unified (snp, tdx)", false },
    { "append", "TEXT", "its command line, if it is not unified (snp, tdx)", false },
    { "cpu", "NAME|HEX", "processor shown to the guest, or EAX of its CPUID leaf 1 (snp)", false },
    { "vcpus", "N", "number of processors; default 1 (snp)", false },
    { "guest-features", "HEX", "SEV_FEATURES; default 0x1 (snp)", false },
    { "guest-policy", "HEX", "guest policy, for the fingerprint; default 0x30000 (snp)", false },
    { "rtmr0", "HEX", "RTMR0 of a verified quote, for the fingerprint (tdx)", false },
    { "xfam", "HEX", "XFAM of that quote (tdx)", false },
    { "td-attributes", "HEX", "TD attributes; default 0x10000000 (tdx)", false },
    { "qemu", NULL, "print QEMU's command line for this machine instead (snp, tdx)", false },
    { "memory", "MB", "its memory; default 2048 (with --qemu)", false },
    { "disk", "FILE", "its root disk, read only (with --qemu)", false },
    { "port", "N", "port here that leads to its port 443; default 8443 (with --qemu)", false },
    { "old-linux", NULL, "Linux before 6.9: it leaves RTMR2 zero (tdx)", false },
    { NULL, NULL, NULL, false },
};

static const struct cli_option scaffold_options[] = {
    { "force", NULL, "write over the files of a project that is there (also -f)", false },
    { NULL, NULL, NULL, false },
};

static const struct cli_option home_package_options[] = {
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

static const struct cli_option home_spawn_options[] = {
    { "package", "F", "the package of the code provider", false },
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
    { NULL, NULL, NULL, false },
};

static const struct cli_option home_evidence_options[] = {
    { "output", "DIR", "where evidence.json goes", false },
    { NULL, NULL, NULL, false },
};

static const struct cli_option home_verify_options[] = {
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
    { NULL, NULL, NULL, false },
};

static const struct cli_option home_run_options[] = {
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

static const struct cli_option home_test_options[] = {
    { "test", "DIR", "folder of the tests", false },
    { "config", "FILE", "mse.toml with tests_cmd; default: that of the tests' project", false },
    { NULL, NULL, NULL, false },
};

static const struct cli_option home_logs_options[] = {
    { "follow", NULL, "the last lines, then what comes (also -f)", false },
    { "key", "F", "private key of the owner, which opens sealed records", false },
    { "certificate", "FILE", "of the enclave, verified before: only its records count", false },
    { "input", "FILE", "the log, instead of that of an instance here; - for stdin", false },
    { NULL, NULL, NULL, false },
};

static const struct cli_option home_stop_options[] = {
    { "remove", NULL, "forget it: name, port, package, log", false },
    { NULL, NULL, NULL, false },
};

static const struct cli_option home_restart_options[] = {
    { "timeout", "SECONDS", "until it must be ready; default 60", false },
    UPGRADE_OPTIONS,
    { NULL, NULL, NULL, false },
};

static const struct cli_option home_keygen_options[] = {
    { "symmetric", NULL, "a key of 32 bytes, for encrypt and decrypt", false },
    { "asymmetric", NULL, "an X25519 pair, for seal and unseal", false },
    { "output", "FILE", "where the key goes; the public one of a pair: FILE.pub", false },
    OVERWRITE_OPTION,
    { NULL, NULL, NULL, false },
};

static const struct cli_option home_crypt_options[] = {
    { "input", "FILE", "what to read; - for stdin", false },
    { "key", "FILE", "the key: 32 bytes, as keygen --symmetric makes it", false },
    { "output", "FILE", "where the result goes; - for stdout", false },
    OVERWRITE_OPTION,
    { NULL, NULL, NULL, false },
};

static const struct cli_option home_seal_options[] = {
    { "input", "FILE", "what to seal, at most 64 MiB; - for stdin", false },
    { "key", "FILE", "the key of an encrypted package, added to the input or sealed alone", false },
    { "ssl-key", "FILE", "the private key of one's own certificate, likewise (PEM)", false },
    { "receiver-enclave", "CERT", "to the enclave of this certificate, which verify wrote", false },
    { "receiver-public-key", "FILE", "to this X25519 public key: 32 bytes", false },
    { "output", "FILE", "where the sealed box goes; - for stdout", false },
    OVERWRITE_OPTION,
    { NULL, NULL, NULL, false },
};

static const struct cli_option home_unseal_options[] = {
    { "input", "FILE", "the sealed box; - for stdin", false },
    { "private-key", "FILE", "the receiver's X25519 private key: 32 bytes", false },
    { "output", "FILE", "where the content goes; - for stdout", false },
    OVERWRITE_OPTION,
    { NULL, NULL, NULL, false },
};

static const struct cli_option home_sign_options[] = {
    { "signer-key", "PEM", "private key of the signer: RSA-3072 with exponent 3", false },
    { "libpal", "FILE", "loader of Gramine 1.9 (libpal.so)", false },
    { "manifest", "FILE", "expanded manifest (.manifest.sgx)", false },
    { "output", "FILE", "where the SIGSTRUCT goes (.sig); - for stdout", false },
    { "at", "TIME", "date it so (2030-01-31T12:00:00Z) instead of today", false },
    OVERWRITE_OPTION,
    { NULL, NULL, NULL, false },
};

static const struct cli_option home_sign_upgrade_options[] = {
    { "key", "PEM", "private key of the owner_key that the manifest's rule names", false },
    { "from", "HEX", "fingerprint of the app that has the storage", false },
    { "to", "HEX", "fingerprint of the one that inherits it", false },
    { "output", "FILE", "where the signature goes", false },
    OVERWRITE_OPTION,
    { NULL, NULL, NULL, false },
};

static const struct cli_option localtest_options[] = {
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

static const struct cli_option sim_init_options[] = {
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

static const struct cli_option sim_show_options[] = {
    { "dir", "DIR", "folder of the platform; default: sim in the configuration folder", false },
    { "export", "DIR", "copy root.pem, collateral.json and signer.pem for users to DIR", false },
    { NULL, NULL, NULL, false },
};

static const struct cli_option attack_options[] = {
    { "platform", "DIR", "the app's simulated platform; default: sim in the configuration folder",
      false },
    { "leaked-key", "PEM", "the app's TLS key, if it is out; else a second instance's", false },
    { "timeout", "SECONDS", "for each connection; default 10", false },
    { NULL, NULL, NULL, false },
};

static const struct cli_option sim_run_options[] = {
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

static const struct cli_option collateral_serve_options[] = {
    { "listen", "ADDR:PORT", "where clients connect; default 127.0.0.1:8081", false },
    { "database", "FILE", "SQLite file; default: collateral.sqlite in the configuration folder",
      false },
    { "mode", "MODE", "when it is filled: lazy (default), req, offline", false },
    { "pccs", "URL", "PCCS to fetch from instead of Intel's service; several: in this order",
      true },
    { "pccs-ca", "PEM", "certificates that the TLS of the PCCS is trusted by", false },
    { "pcs-key", "FILE", "file with the subscription key for PCK certificates of Intel's PCS",
      false },
    { "proxy", "URL", "proxy of HTTP; default: as the environment says", false },
    { "import", "PATH", "store this collateral file first, or all *.json of a folder", true },
    { "tokens", "FILE", "lines \"user SHA512\", \"admin SHA512\" of the tokens of platforms",
      false },
    { "tls-cert", "PEM", "certificate chain; without it plain HTTP is spoken", false },
    { "tls-key", "PEM", "its key, unencrypted", false },
    { "refresh-hours", "N", "fetch again what was fetched longer ago; default 24", false },
    { "max-connections", "N", "at the same time; default 1000", false },
    { "simulation-root", "PEM", "serve a simulated platform whose root is this, not Intel's",
      false },
    { "ready-file", "FILE", "write one JSON object to FILE when it takes requests", false },
    { NULL, NULL, NULL, false },
};

static const char *const groups[][2] = {
    { "browser", "certificates of verified apps in browsers" },
    { "cloud", "an operator's platform" },
    { "collateral", "what is needed to judge evidence" },
    { "home", "your own TEE machine" },
    { "log", "transparency logs of what was released" },
    { "sim", "the simulated platform" },
    { "trust", "your own store of verified apps" },
    { NULL, NULL },
};

static const struct cli_command commands[] = {
    { "cloud", "login", NULL, 0, 0, "log in to an operator", login_options, cmd_cloud_login },
    { "cloud", "logout", NULL, 0, 0, "forget the token", no_options, cmd_cloud_logout },
    { "cloud", "init", NULL, 0, 0, "ask questions and write an mse.toml here", cloud_init_options,
      cmd_cloud_init },
    { "cloud", "deploy", NULL, 0, 0,
      "bring a project to the operator, attest it, and give it its keys", deploy_options,
      cmd_cloud_deploy },
    { "cloud", "list", "[PROJECT]", 0, 1, "list your apps", list_options, cmd_cloud_list },
    { "cloud", "status", "UUID", 1, 1, "say how an app is", no_options, cmd_cloud_status },
    { "cloud", "logs", "UUID", 1, 1, "print what an app says", cloud_logs_options, cmd_cloud_logs },
    { "cloud", "stop", "UUID...", 1, MANY, "stop apps, for good", no_options, cmd_cloud_stop },
    { "cloud", "test", "UUID", 1, 1, "run the tests of a project against its app",
      cloud_test_options, cmd_cloud_test },
    { "cloud", "context", NULL, 0, 0, "contexts of your deployments, for users", context_options,
      cmd_cloud_context },
    { "cloud", "verify", "[DOMAIN[:PORT]]", 0, 1,
      "check an app and save its certificate for curl and browsers", verify_cloud_options,
      cmd_cloud_verify },
    { "cloud", "fingerprint", NULL, 0, 0, "print the fingerprint of an app", fingerprint_options,
      cmd_cloud_fingerprint },
    { "cloud", "scaffold", "NAME", 1, 1, "make a project that runs as it stands", scaffold_options,
      cmd_scaffold },
    { "cloud", "localtest", NULL, 0, 0, "run a project and its tests on this machine",
      localtest_options, cmd_localtest },
    { "home", "scaffold", "NAME", 1, 1, "make a project that runs as it stands", scaffold_options,
      cmd_scaffold },
    { "home", "localtest", NULL, 0, 0, "run a project and its tests on this machine",
      localtest_options, cmd_localtest },
    { "home", "package", NULL, 0, 0, "make the file that the operator of the TEE machine gets",
      home_package_options, cmd_home_package },
    { "home", "spawn", "NAME", 1, 1, "start a package in the TEE here, and collect its evidence",
      home_spawn_options, cmd_home_spawn },
    { "home", "evidence", "NAME", 1, 1, "collect the evidence of a running instance again",
      home_evidence_options, cmd_home_evidence },
    { "home", "verify", NULL, 0, 0, "judge an operator's evidence against your own package",
      home_verify_options, cmd_home_verify },
    { "home", "run", "NAME", 1, 1, "give a waiting instance its key and secrets", home_run_options,
      cmd_home_run },
    { "home", "test", "NAME", 1, 1, "run the tests of a project against an instance",
      home_test_options, cmd_home_test },
    { "home", "status", "NAME", 1, 1, "say how an instance is", no_options, cmd_home_status },
    { "home", "list", NULL, 0, 0, "list the instances here", no_options, cmd_home_list },
    { "home", "logs", "[NAME]", 0, 1, "print what an instance says", home_logs_options,
      cmd_home_logs },
    { "home", "stop", "NAME", 1, 1, "stop an instance", home_stop_options, cmd_home_stop },
    { "home", "restart", "NAME", 1, 1, "start an instance again", home_restart_options,
      cmd_home_restart },
    { "home", "keygen", NULL, 0, 0, "make a key, or a pair of keys", home_keygen_options,
      cmd_home_keygen },
    { "home", "encrypt", NULL, 0, 0, "encrypt a file", home_crypt_options, cmd_home_encrypt },
    { "home", "decrypt", NULL, 0, 0, "decrypt a file", home_crypt_options, cmd_home_decrypt },
    { "home", "sign", NULL, 0, 0, "sign a Gramine enclave: measure it and make its SIGSTRUCT",
      home_sign_options, cmd_home_sign },
    { "home", "sign-upgrade", NULL, 0, 0, "let another version of your app inherit its storage",
      home_sign_upgrade_options, cmd_home_sign_upgrade },
    { "home", "seal", NULL, 0, 0, "seal a file to an enclave or a public key", home_seal_options,
      cmd_home_seal },
    { "home", "unseal", NULL, 0, 0, "open what was sealed to one's own key", home_unseal_options,
      cmd_home_unseal },
    { "collateral", "fetch", NULL, 0, 0, "fetch collateral from Intel, AMD or a PCCS, and cache it",
      collateral_fetch_options, cmd_collateral_fetch },
    { "collateral", "show", "FILE", 1, 1, "dates, levels and signers of a collateral file",
      collateral_show_options, cmd_collateral_show },
    { "collateral", "forecast", NULL, 0, 0,
      "say whether a platform passes the early set, and what is short", collateral_forecast_options,
      cmd_collateral_forecast },
    { "collateral", "serve", NULL, 0, 0, "serve collateral as a PCCS does",
      collateral_serve_options, cmd_collateral_serve },
    { "sim", "init", NULL, 0, 0, "make a simulated platform", sim_init_options, cmd_sim_init },
    { "sim", "show", NULL, 0, 0, "say what a simulated platform is", sim_show_options,
      cmd_sim_show },
    { "sim", "run", "PROJECT", 1, 1, "run a project in the simulated TEE", sim_run_options,
      cmd_sim_run },
    { "browser", "install", "CERT|DOMAIN[:PORT]", 1, 1,
      "import the certificate of a verified app into browsers", browser_install_options,
      cmd_browser_install },
    { "browser", "remove", "CERT|DOMAIN[:PORT]", 1, 1, "take it out again", browser_options,
      cmd_browser_remove },
    { "browser", "check", "CERT|DOMAIN[:PORT]", 1, 1, "look whether it is there as it should be",
      browser_options, cmd_browser_check },
    { "trust", "add", "DOMAIN[:PORT]", 1, 1, "verify an app and remember what it is",
      trust_add_options, cmd_trust_add },
    { "trust", "list", NULL, 0, 0, "the apps that you have verified", no_options, cmd_trust_list },
    { "trust", "remove", "DOMAIN[:PORT]...", 1, MANY, "forget apps", no_options, cmd_trust_remove },
    { "trust", "check", "[DOMAIN[:PORT]...]", 0, MANY,
      "look whether apps are what they were, and what has changed", trust_check_options,
      cmd_trust_check },
    { "log", "init", "DIR", 1, 1, "make a transparency log, with its key", log_init_options,
      cmd_log_init },
    { "log", "add", "DIR [FILE|RELEASE]", 1, 2, "append what was released, and sign",
      log_add_options, cmd_log_add },
    { "log", "show", "DIR|URL", 1, 1, "print the head of a log and its entries", log_show_options,
      cmd_log_show },
    { "log", "prove", "DIR|URL FINGERPRINT", 2, 2,
      "write the proof that a log has a fingerprint, for use offline", log_prove_options,
      cmd_log_prove },
    { "log", "check", "DIR|URL", 1, 1, "check all of a log against what was seen, list what is new",
      log_check_options, cmd_log_check },
    { "log", "keygen", "NAME", 1, 1, "make the key of a witness", log_keygen_options,
      cmd_log_keygen },
    { "log", "cosign", "DIR|URL", 1, 1, "as a witness: sign a checkpoint that extends the last one",
      log_cosign_options, cmd_log_cosign },
    { "log", "merge", "DIR CHECKPOINT...", 2, MANY, "take signatures of witnesses into your log",
      no_options, cmd_log_merge },
    { NULL, "verify", "TARGET...", 1, MANY,
      "appraise certificates, quotes, bundles, HOST:PORT; check an EAR", verify_options,
      cmd_verify },
    { NULL, "proxy", "[DOMAIN[:PORT]...]", 0, MANY,
      "serve verified apps on this machine, attesting each connection", proxy_options, cmd_proxy },
    { NULL, "show", "TARGET", 1, 1, "decode evidence, certificates, collateral, files of mse",
      no_options, cmd_show },
    { NULL, "attack", "list|all|NAME [TARGET...]", 1, MANY,
      "attack your own app, and see who notices", attack_options, cmd_attack },
    { NULL, "measure", NULL, 0, 0,
      "compute what an enclave or a confidential machine is measured as", measure_options,
      cmd_measure },
    { NULL, "doctor", NULL, 0, 0, "say what this machine lacks", doctor_options, cmd_doctor },
    { NULL, "completion", "bash|zsh|fish", 1, 1, "print a completion script for a shell",
      no_options, cmd_completion },
    { NULL, "help", "[COMMAND...]", 0, 2, "print help", no_options, cmd_help },
    { NULL, NULL, NULL, 0, 0, NULL, NULL, NULL },
};

const struct cli_program mse_program = {
    .name = "mse",
    .summary = "run web apps confidentially, and check that they are",
    .ungrouped = "for everyone",
    .default_group = "MSE_DEFAULT_ENV",
    .commands = commands,
    .groups = groups,
};
