/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of mse. The frame around them is cmd/cmd.h. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "cmd/cmd.h"

/* The program, with its table. */
extern const struct cli_program mse_program;

/* cmd_*.c */
enum cli_exit cmd_attack(struct cli *c);
enum cli_exit cmd_browser_check(struct cli *c);
enum cli_exit cmd_browser_install(struct cli *c);
enum cli_exit cmd_browser_remove(struct cli *c);
enum cli_exit cmd_cloud_context(struct cli *c);
enum cli_exit cmd_cloud_deploy(struct cli *c);
enum cli_exit cmd_cloud_fingerprint(struct cli *c);
enum cli_exit cmd_cloud_init(struct cli *c);
enum cli_exit cmd_cloud_list(struct cli *c);
enum cli_exit cmd_cloud_login(struct cli *c);
enum cli_exit cmd_cloud_logout(struct cli *c);
enum cli_exit cmd_cloud_logs(struct cli *c);
enum cli_exit cmd_cloud_status(struct cli *c);
enum cli_exit cmd_cloud_stop(struct cli *c);
enum cli_exit cmd_cloud_test(struct cli *c);
enum cli_exit cmd_cloud_verify(struct cli *c);
enum cli_exit cmd_doctor(struct cli *c);
enum cli_exit cmd_home_decrypt(struct cli *c);
enum cli_exit cmd_home_encrypt(struct cli *c);
enum cli_exit cmd_home_evidence(struct cli *c);
enum cli_exit cmd_home_keygen(struct cli *c);
enum cli_exit cmd_home_list(struct cli *c);
enum cli_exit cmd_home_logs(struct cli *c);
enum cli_exit cmd_home_package(struct cli *c);
enum cli_exit cmd_home_restart(struct cli *c);
enum cli_exit cmd_home_run(struct cli *c);
enum cli_exit cmd_home_seal(struct cli *c);
enum cli_exit cmd_home_sign(struct cli *c);
enum cli_exit cmd_home_sign_upgrade(struct cli *c);
enum cli_exit cmd_home_spawn(struct cli *c);
enum cli_exit cmd_home_status(struct cli *c);
enum cli_exit cmd_home_stop(struct cli *c);
enum cli_exit cmd_home_test(struct cli *c);
enum cli_exit cmd_home_unseal(struct cli *c);
enum cli_exit cmd_home_verify(struct cli *c);
enum cli_exit cmd_localtest(struct cli *c);
enum cli_exit cmd_collateral_fetch(struct cli *c);
enum cli_exit cmd_collateral_forecast(struct cli *c);
enum cli_exit cmd_collateral_serve(struct cli *c);
enum cli_exit cmd_collateral_show(struct cli *c);
enum cli_exit cmd_log_add(struct cli *c);
enum cli_exit cmd_log_check(struct cli *c);
enum cli_exit cmd_log_cosign(struct cli *c);
enum cli_exit cmd_log_init(struct cli *c);
enum cli_exit cmd_log_keygen(struct cli *c);
enum cli_exit cmd_log_merge(struct cli *c);
enum cli_exit cmd_log_prove(struct cli *c);
enum cli_exit cmd_log_show(struct cli *c);
enum cli_exit cmd_measure(struct cli *c);
enum cli_exit cmd_proxy(struct cli *c);
enum cli_exit cmd_scaffold(struct cli *c);
enum cli_exit cmd_show(struct cli *c);
enum cli_exit cmd_sim_init(struct cli *c);
enum cli_exit cmd_sim_run(struct cli *c);
enum cli_exit cmd_sim_show(struct cli *c);
enum cli_exit cmd_trust_add(struct cli *c);
enum cli_exit cmd_trust_check(struct cli *c);
enum cli_exit cmd_trust_list(struct cli *c);
enum cli_exit cmd_trust_remove(struct cli *c);
enum cli_exit cmd_verify(struct cli *c);

#endif
