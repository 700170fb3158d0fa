/* SPDX-License-Identifier: Apache-2.0 */
/* Options that several commands have, as rows of their tables. */
#ifndef CLI_OPTIONS_SHARED_H
#define CLI_OPTIONS_SHARED_H

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

/* What a machine is measured as. */
#define MACHINE_FILE_OPTIONS                                                                       \
    { "firmware", "FILE", "OVMF, as QEMU gets it with -bios (snp, tdx)", false },                  \
        { "kernel", "FILE", "unified kernel image, or Linux, as QEMU gets it (snp, tdx)", false }, \
        { "initrd", "FILE", "its initrd, if it is not unified (snp, tdx)", false },                \
        { "append", "TEXT", "its command line, if it is not unified (snp, tdx)", false },          \
        { "cpu", "NAME|HEX", "processor shown to the guest, or EAX of its CPUID leaf 1 (snp)",     \
          false },                                                                                 \
        { "vcpus", "N", "number of processors; default 1 (snp)", false },                          \
        { "guest-features", "HEX", "SEV_FEATURES; default 0x1 (snp)", false },                     \
        { "guest-policy", "HEX", "guest policy, for the fingerprint; default 0x30000 (snp)",       \
          false },                                                                                 \
        { "rtmr0", "HEX", "RTMR0 of a verified quote, for the fingerprint (tdx)", false },         \
        { "xfam", "HEX", "XFAM of that quote (tdx)", false },                                      \
        { "td-attributes", "HEX", "TD attributes; default 0x10000000 (tdx)", false },              \
    {                                                                                              \
        "old-linux", NULL, "Linux before 6.9: it leaves RTMR2 zero (tdx)", false                   \
    }

/* The same for a fingerprint. */
#define MACHINE_OPTIONS                                                                            \
    MACHINE_FILE_OPTIONS,                                                                          \
    {                                                                                              \
        "measurements", "FILE", "what firmware and kernel are measured as, in their place", false  \
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

#endif
