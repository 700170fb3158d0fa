/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of a command line: one table of commands for each program, from which usage, help,
 * completion and the checks of the man pages come. */
#ifndef CMD_CMD_H
#define CMD_CMD_H

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

#define CLI_MAX_OPTIONS 56
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

/* A program: its name and its table. */
struct cli_program {
    const char *name;
    const char *summary;                /* what it is for, in one line */
    const char *ungrouped;              /* what the commands without a group are called */
    const char *default_group;          /* variable that names the group left out; NULL: none */
    const struct cli_command *commands; /* ended by a NULL name */
    const char *const (*groups)[2];     /* with their summaries: pairs, ended by NULL */
};
extern const struct cli_option cli_global_options[];

/* What the user said. */
struct cli {
    const struct cli_program *program;
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

/* cli_main parses argv and runs the command. */
int cli_main(const struct cli_program *p, int argc, char **argv);
/* Value of an option; NULL if it was not given or the command has none of this name, "" for a
 * switch that was given. */
const char *cli_value(const struct cli *c, const char *name);
bool cli_has(const struct cli *c, const char *name);
size_t cli_num_values(const struct cli *c, const char *name);
const char *cli_value_at(const struct cli *c, const char *name, size_t at);

/* "NAME: error: …" and "NAME: hint: …" on stderr. User data in them is printed as it is, but for
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
void cli_print_usage(const struct cli_program *p, const struct cli_command *k); /* on stderr */
void cli_print_help(const struct cli_program *p, const struct cli_command *k);  /* on stdout */
void cli_print_overview(const struct cli_program *p);
void cli_print_group(const struct cli_program *p, const char *group);
bool cli_is_group(const struct cli_program *p, const char *word);
/* Two commands that every program has. */
enum cli_exit cmd_completion(struct cli *c);
enum cli_exit cmd_help(struct cli *c);

#endif
