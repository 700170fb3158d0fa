/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of the command line: one table of commands (table.c), from which usage, help,
 * completion and the checks of the man pages come. Only the CLI includes this. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <jansson.h>

#include <mse/status.h>

/* Exit statuses. Never one code for two things. */
enum cli_exit {
    CLI_DONE = 0,    /* done, accepted */
    CLI_REFUSED = 1, /* evidence not acceptable */
    CLI_TROUBLE = 2, /* usage or environment */
};

struct cli_option {
    const char *name; /* without dashes */
    const char *arg;  /* what the value is called; NULL: a switch */
    const char *help; /* one line, no full stop */
    bool many;        /* may be given more than once */
};

#define CLI_MAX_OPTIONS 32
#define CLI_MAX_VALUES  32

struct cli;
struct cli_command {
    const char *group; /* NULL for the commands of nobody */
    const char *name;
    const char *args; /* how usage shows the arguments; NULL: none */
    size_t min_args;
    size_t max_args;
    const char *summary;
    const struct cli_option *options; /* ended by a NULL name */
    enum cli_exit (*run)(struct cli *c);
};
/* The table; ended by a NULL name. */
extern const struct cli_command cli_commands[];
extern const struct cli_option cli_global_options[];
/* The groups with their summaries: pairs, ended by NULL. */
extern const char *const cli_groups[][2];

/* What the user said. */
struct cli {
    const struct cli_command *command;
    const char *values[CLI_MAX_OPTIONS][CLI_MAX_VALUES];
    size_t num_values[CLI_MAX_OPTIONS];
    char **args;
    size_t num_args;
    bool json;
    bool verbose;
    bool color_out; /* colour on stdout and stderr */
    bool color_err;
    json_t *failure; /* under --json: the first "error" and all "hints" of a result still to come */
};

/* mse_cli_main parses argv and runs the command. */
int mse_cli_main(int argc, char **argv);
/* Value of an option; NULL if it was not given or the command has none of this name, "" for a
 * switch that was given. */
const char *cli_value(const struct cli *c, const char *name);
bool cli_has(const struct cli *c, const char *name);
size_t cli_num_values(const struct cli *c, const char *name);
const char *cli_value_at(const struct cli *c, const char *name, size_t at);

/* "mse: error: …" and "mse: hint: …" on stderr. User data in them is printed as it is, but for
 * control characters. */
void cli_error(const struct cli *c, const char *fmt, ...) MSE_PRINTF(2, 3);
void cli_hint(const struct cli *c, const char *fmt, ...) MSE_PRINTF(2, 3);
/* Prints the error and returns CLI_TROUBLE. */
enum cli_exit cli_trouble(const struct cli *c, const char *fmt, ...) MSE_PRINTF(2, 3);
/* cli_failed prints err's text, or the status in words if there is none; CLI_TROUBLE. */
enum cli_exit cli_failed(const struct cli *c, mse_status st, const struct mse_error *err);
/* One line on stdout, nothing under --json. */
void cli_say(const struct cli *c, const char *fmt, ...) MSE_PRINTF(2, 3);
/* As cli_say, in green or red on a terminal. */
void cli_say_good(const struct cli *c, const char *text);
void cli_say_bad(const struct cli *c, const char *text);
/* One JSON value on stdout with a line end; takes the reference over. */
void cli_json(const struct cli *c, json_t *v);
/* Under --json, what failed and has no result of its own: {"error":…,"hints":[…]} on one line. */
void cli_json_failure(const struct cli *c);
/* A tree of JSON as indented "key: value" lines on stdout. */
void cli_print_tree(json_t *v, unsigned depth);
/* Flushes stdout; false if something of the output was lost. */
bool cli_flush(void);

/* help.c */
void cli_print_usage(const struct cli_command *k); /* one line, on stderr */
void cli_print_help(const struct cli_command *k);  /* on stdout */
void cli_print_overview(void);
void cli_print_group(const char *group);
bool cli_is_group(const char *word);
enum cli_exit cmd_completion(struct cli *c);
enum cli_exit cmd_help(struct cli *c);

/* cmd_*.c */
enum cli_exit cmd_cloud_fingerprint(struct cli *c);
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
enum cli_exit cmd_measure(struct cli *c);
enum cli_exit cmd_scaffold(struct cli *c);
enum cli_exit cmd_show(struct cli *c);
enum cli_exit cmd_sim_init(struct cli *c);
enum cli_exit cmd_sim_run(struct cli *c);
enum cli_exit cmd_sim_show(struct cli *c);
enum cli_exit cmd_verify(struct cli *c);

#endif
