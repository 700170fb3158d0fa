/* SPDX-License-Identifier: Apache-2.0 */
/* The options of each command, ended by a NULL name. Which command has which: table.c. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cmd/cmd.h"

/* options_cloud.c */
extern const struct cli_option cli_cloud_login_options[];
extern const struct cli_option cli_cloud_init_options[];
extern const struct cli_option cli_cloud_deploy_options[];
extern const struct cli_option cli_cloud_list_options[];
extern const struct cli_option cli_cloud_logs_options[];
extern const struct cli_option cli_cloud_test_options[];
extern const struct cli_option cli_cloud_context_options[];
extern const struct cli_option cli_cloud_verify_options[];
extern const struct cli_option cli_cloud_fingerprint_options[];

/* options_home.c */
extern const struct cli_option cli_home_package_options[];
extern const struct cli_option cli_home_spawn_options[];
extern const struct cli_option cli_home_evidence_options[];
extern const struct cli_option cli_home_verify_options[];
extern const struct cli_option cli_home_run_options[];
extern const struct cli_option cli_home_test_options[];
extern const struct cli_option cli_home_logs_options[];
extern const struct cli_option cli_home_stop_options[];
extern const struct cli_option cli_home_restart_options[];
extern const struct cli_option cli_home_keygen_options[];
extern const struct cli_option cli_home_crypt_options[];
extern const struct cli_option cli_home_seal_options[];
extern const struct cli_option cli_home_unseal_options[];
extern const struct cli_option cli_home_sign_options[];
extern const struct cli_option cli_home_sign_upgrade_options[];

/* options_collateral.c */
extern const struct cli_option cli_collateral_fetch_options[];
extern const struct cli_option cli_collateral_show_options[];
extern const struct cli_option cli_collateral_forecast_options[];
extern const struct cli_option cli_collateral_serve_options[];

/* options_log.c */
extern const struct cli_option cli_log_init_options[];
extern const struct cli_option cli_log_add_options[];
extern const struct cli_option cli_log_show_options[];
extern const struct cli_option cli_log_prove_options[];
extern const struct cli_option cli_log_check_options[];
extern const struct cli_option cli_log_keygen_options[];
extern const struct cli_option cli_log_cosign_options[];

/* options_sim.c */
extern const struct cli_option cli_sim_init_options[];
extern const struct cli_option cli_sim_show_options[];
extern const struct cli_option cli_sim_run_options[];
extern const struct cli_option cli_scaffold_options[];
extern const struct cli_option cli_localtest_options[];

/* options_user.c */
extern const struct cli_option cli_browser_install_options[];
extern const struct cli_option cli_browser_options[];
extern const struct cli_option cli_trust_add_options[];
extern const struct cli_option cli_trust_check_options[];
extern const struct cli_option cli_verify_options[];
extern const struct cli_option cli_proxy_options[];
extern const struct cli_option cli_attack_options[];
extern const struct cli_option cli_measure_options[];
extern const struct cli_option cli_doctor_options[];

#endif
