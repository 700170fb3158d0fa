/* SPDX-License-Identifier: Apache-2.0 */
/* The table of msed's commands. Help, completion and the check of the man page come from it. */
#include "operator/msed.h"

#define CONFIG_OPTION                                                                              \
    {                                                                                              \
        "config", "FILE", "configuration; default ./" MSED_CONFIG, false                           \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, NULL, NULL, false                                                                    \
    }

static const struct cli_option no_options[] = { END };
static const struct cli_option config_options[] = { CONFIG_OPTION, END };

static const struct cli_option init_options[] = {
    { "dir", "DIR", "folder for the files; default: the current one", false },
    { "domain", "NAME", "apps get names below it; default mse.localhost", false },
    { "database", "WHERE", "postgresql://... instead of the file msed.sqlite", false },
    { "admin", "NAME", "name of the first administrator; default admin", false },
    { "email", "ADDRESS", "his e-mail address", false },
    { "days", "N", "life of his token, 1 to 3650; default 90", false },
    { "force", NULL, "write over msed.toml and the signer's files (also -f)", false },
    END,
};
static const struct cli_option role_options[] = {
    { "listen", "ADDR:PORT", "where to listen; default: as the configuration says", false },
    { "db", "WHERE", "the database; default: as the configuration says", false },
    CONFIG_OPTION,
    END,
};
static const struct cli_option node_options[] = {
    { "name", "NAME", "what this node is called; default: as the configuration says", false },
    { "address", "ADDR", "where gateways reach it; default: as the configuration says", false },
    { "db", "WHERE", "the database; default: as the configuration says", false },
    CONFIG_OPTION,
    END,
};
static const struct cli_option user_add_options[] = {
    { "email", "ADDRESS", "e-mail address", false },
    { "given-name", "TEXT", "given name", false },
    { "family-name", "TEXT", "family name", false },
    { "admin", NULL, "may administer the platform", false },
    CONFIG_OPTION,
    END,
};
static const struct cli_option user_list_options[] = {
    { "all", NULL, "those who were removed too", false },
    CONFIG_OPTION,
    END,
};
static const struct cli_option app_list_options[] = {
    { "all", NULL, "those that have ended too", false },
    CONFIG_OPTION,
    END,
};
static const struct cli_option token_create_options[] = {
    { "name", "TEXT", "what the user calls it", false },
    { "scopes", "LIST", "of read, deploy, account, admin; default read,deploy,account", false },
    { "days", "N", "life of the token, 1 to 3650; default 90", false },
    CONFIG_OPTION,
    END,
};
static const struct cli_option hardware_add_options[] = {
    { "tee", "TEE", "sim, sgx, tdx or sev-snp", false },
    { "memory", "MIB", "memory of an app", false },
    { "cores", "N", "processors of an app", false },
    { "enclave-size", "MIB", "size of the enclave, a power of two", false },
    { "max-apps", "N", "how many apps fit at the same time; default 1", false },
    CONFIG_OPTION,
    END,
};
static const struct cli_option audit_verify_options[] = {
    { "expect", "HEAD", "a head that was printed earlier must be a part of the log", false },
    CONFIG_OPTION,
    END,
};
static const struct cli_option backup_options[] = {
    { "force", NULL, "write over what is there (also -f)", false },
    CONFIG_OPTION,
    END,
};
static const struct cli_option restore_options[] = {
    { "force", NULL, "replace what the database holds (also -f)", false },
    CONFIG_OPTION,
    END,
};

static const char *const groups[][2] = {
    { "user", "who may use the platform" },
    { "token", "what programs show instead of a password" },
    { "hardware", "what apps run on" },
    { "quota", "how much of it a user may have" },
    { "app", "what runs on the platform, whoever it belongs to" },
    { "node", "the machines that start enclaves" },
    { "audit", "the log of who changed what" },
    { NULL, NULL },
};

static const struct cli_command commands[] = {
    { "user", "add", "NAME", 1, 1, "add a user, with a project named default", user_add_options,
      cmd_user_add },
    { "user", "list", NULL, 0, 0, "list the users", user_list_options, cmd_user_list },
    { "user", "remove", "NAME", 1, 1, "remove a user and revoke the tokens", config_options,
      cmd_user_remove },
    { "token", "create", "USER", 1, 1, "make a token and print it, this once", token_create_options,
      cmd_token_create },
    { "token", "list", "[USER]", 0, 1, "list tokens, without what they are", config_options,
      cmd_token_list },
    { "token", "revoke", "ID", 1, 1, "take a token back", config_options, cmd_token_revoke },
    { "hardware", "add", "NAME", 1, 1, "offer hardware", hardware_add_options, cmd_hardware_add },
    { "hardware", "list", NULL, 0, 0, "list the hardware", config_options, cmd_hardware_list },
    { "quota", "set", "USER HARDWARE N", 3, 3, "let a user have at most N live apps on hardware",
      config_options, cmd_quota_set },
    { "quota", "list", NULL, 0, 0, "list the quotas", config_options, cmd_quota_list },
    { "app", "list", NULL, 0, 0, "list the apps", app_list_options, cmd_app_list },
    { "app", "stop", "ID", 1, 1, "stop an app for good", config_options, cmd_app_stop },
    { "node", "list", NULL, 0, 0, "list the nodes", config_options, cmd_node_list },
    { "node", "drain", "NAME", 1, 1, "place no new apps on a node; what runs there stays",
      config_options, cmd_node_drain },
    { "node", "undrain", "NAME", 1, 1, "place apps on a node again", config_options,
      cmd_node_undrain },
    { "audit", "verify", NULL, 0, 0, "verify the log, and print where it ends",
      audit_verify_options, cmd_audit_verify },
    { "audit", "list", NULL, 0, 0, "verify the log and print its lines", config_options,
      cmd_audit_list },
    { NULL, "run", NULL, 0, 0, "run the platform on this machine; also without any command",
      config_options, cmd_run },
    { NULL, "gateway", NULL, 0, 0, "pass TLS connections on to the enclaves, by their names",
      role_options, cmd_gateway },
    { NULL, "api", NULL, 0, 0, "answer what users and mse cloud ask", role_options, cmd_api },
    { NULL, "node", NULL, 0, 0, "start enclaves on this machine, and watch them", node_options,
      cmd_node },
    { NULL, "init", NULL, 0, 0, "make configuration, database, signer and the first token",
      init_options, cmd_init },
    { NULL, "check-config", NULL, 0, 0, "say whether configuration, signer and database are sound",
      config_options, cmd_check_config },
    { NULL, "backup", "FILE", 1, 1, "copy the database to a file, also while it is in use",
      backup_options, cmd_backup },
    { NULL, "restore", "FILE", 1, 1, "fill the database from a backup", restore_options,
      cmd_restore },
    { NULL, "completion", "bash|zsh|fish", 1, 1, "print a completion script for a shell",
      no_options, cmd_completion },
    { NULL, "help", "[COMMAND...]", 0, 2, "print help", no_options, cmd_help },
    { NULL, NULL, NULL, 0, 0, NULL, NULL, NULL },
};

const struct cli_program msed_program = {
    .name = "msed",
    .summary = "the operator's side of a platform for confidential web apps",
    .ungrouped = "the platform",
    .commands = commands,
    .groups = groups,
};
