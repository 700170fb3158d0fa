/* SPDX-License-Identifier: Apache-2.0 */
/* The options of mse collateral. */
#include "cli/options.h"
#include "cli/options_shared.h"

const struct cli_option cli_collateral_fetch_options[] = {
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

const struct cli_option cli_collateral_show_options[] = {
    { "at", "TIME", "count from this time instead of now", false },
    SIMULATION_OPTIONS,
    { NULL, NULL, NULL, false },
};

const struct cli_option cli_collateral_forecast_options[] = {
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

const struct cli_option cli_collateral_serve_options[] = {
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
