/* SPDX-License-Identifier: Apache-2.0 */
/* Help and completion, all out of the table of commands. */
#include <mse/version.h>

#include "cli/cli.h"

#define WIDTH ((size_t)100)

/* One word of the usage; column is where the line stands. Further lines begin below the options. */
static void usage_word(const char *word, size_t *column, size_t indent)
{
    size_t len = strlen(word);
    if (*column + 1 + len > WIDTH) {
        (void)printf("\n%*s", (int)indent, "");
        *column = indent;
    }
    (void)printf(" %s", word);
    *column += 1 + len;
}

static void usage_line(const struct cli_command *k)
{
    int n = printf("usage: mse %s%s%s", k->group == NULL ? "" : k->group,
                   k->group == NULL ? "" : " ", k->name);
    size_t indent = n < 0 ? 0 : (size_t)n;
    size_t column = indent;
    for (const struct cli_option *o = k->options; o->name != NULL; o++) {
        char word[96];
        (void)snprintf(word, sizeof word, "[--%s%s%s]%s", o->name, o->arg == NULL ? "" : " ",
                       o->arg == NULL ? "" : o->arg, o->many ? "..." : "");
        usage_word(word, &column, indent);
    }
    if (k->args != NULL) {
        usage_word(k->args, &column, indent);
    }
    (void)printf("\n");
}

void cli_print_usage(const struct cli_command *k)
{
    (void)fprintf(stderr, "mse: hint: mse %s%s%s --help\n", k->group == NULL ? "" : k->group,
                  k->group == NULL ? "" : " ", k->name);
}

static void option_rows(const struct cli_option *o)
{
    for (; o->name != NULL; o++) {
        char left[64];
        (void)snprintf(left, sizeof left, "--%s%s%s", o->name, o->arg == NULL ? "" : " ",
                       o->arg == NULL ? "" : o->arg);
        (void)printf("  %-26s %s\n", left, o->help);
    }
}

void cli_print_help(const struct cli_command *k)
{
    usage_line(k);
    (void)printf("\n%s\n", k->summary);
    if (k->options[0].name != NULL) {
        (void)printf("\noptions:\n");
        option_rows(k->options);
    }
    (void)printf("\nfor every command:\n");
    option_rows(cli_global_options);
}

static void command_rows(const char *group)
{
    for (const struct cli_command *k = cli_commands; k->name != NULL; k++) {
        bool here =
            group == NULL ? k->group == NULL : k->group != NULL && strcmp(k->group, group) == 0;
        if (here) {
            char left[64];
            (void)snprintf(left, sizeof left, "%s%s%s %s", k->group == NULL ? "" : k->group,
                           k->group == NULL ? "" : " ", k->name, k->args == NULL ? "" : k->args);
            (void)printf("  %-32s %s\n", left, k->summary);
        }
    }
}

bool cli_is_group(const char *word)
{
    for (size_t i = 0; cli_groups[i][0] != NULL; i++) {
        if (strcmp(cli_groups[i][0], word) == 0) {
            return true;
        }
    }
    return false;
}

void cli_print_group(const char *group)
{
    (void)printf("usage: mse %s COMMAND ...\n\n", group);
    command_rows(group);
}

void cli_print_overview(void)
{
    (void)printf("usage: mse [--json] [--color WHEN] [-v] [GROUP] COMMAND ...\n"
                 "mse %s: run web apps confidentially, and check that they are\n",
                 mse_version());
    for (size_t i = 0; cli_groups[i][0] != NULL; i++) {
        (void)printf("\nmse %s: %s\n", cli_groups[i][0], cli_groups[i][1]);
        command_rows(cli_groups[i][0]);
    }
    (void)printf("\nfor everyone:\n");
    command_rows(NULL);
    (void)printf("\nfor every command:\n");
    option_rows(cli_global_options);
}

enum cli_exit cmd_help(struct cli *c)
{
    if (c->num_args == 0) {
        cli_print_overview();
        return CLI_DONE;
    }
    for (const struct cli_command *k = cli_commands; k->name != NULL; k++) {
        bool one = c->num_args == 1 && k->group == NULL && strcmp(k->name, c->args[0]) == 0;
        bool two = c->num_args == 2 && k->group != NULL && strcmp(k->group, c->args[0]) == 0 &&
                   strcmp(k->name, c->args[1]) == 0;
        if (one || two) {
            cli_print_help(k);
            return CLI_DONE;
        }
    }
    if (c->num_args == 1 && cli_is_group(c->args[0])) {
        cli_print_group(c->args[0]);
        return CLI_DONE;
    }
    return cli_trouble(c, "no command %s%s%s", c->args[0], c->num_args > 1 ? " " : "",
                       c->num_args > 1 ? c->args[1] : "");
}

static void print_options(const char *format, const struct cli_option *o)
{
    for (; o->name != NULL; o++) {
        (void)printf(format, o->name);
    }
}

static void print_names(const char *group, const char *separator)
{
    for (const struct cli_command *k = cli_commands; k->name != NULL; k++) {
        bool here =
            group == NULL ? k->group == NULL : k->group != NULL && strcmp(k->group, group) == 0;
        if (here) {
            (void)printf("%s%s", k->name, separator);
        }
    }
}

/* A shell "case" over the words before the cursor; bash and zsh share it. */
static void print_cases(void)
{
    for (size_t i = 0; cli_groups[i][0] != NULL; i++) {
        (void)printf("    %s) words='", cli_groups[i][0]);
        print_names(cli_groups[i][0], " ");
        (void)printf("' ;;\n");
    }
    for (const struct cli_command *k = cli_commands; k->name != NULL; k++) {
        (void)printf("    '%s%s%s'*) words='", k->group == NULL ? "" : k->group,
                     k->group == NULL ? "" : " ", k->name);
        print_options("--%s ", k->options);
        print_options("--%s ", cli_global_options);
        (void)printf("' ;;\n");
    }
    (void)printf("    *) words='");
    for (size_t i = 0; cli_groups[i][0] != NULL; i++) {
        (void)printf("%s ", cli_groups[i][0]);
    }
    print_names(NULL, " ");
    print_options("--%s ", cli_global_options);
    (void)printf("' ;;\n");
}

static void print_bash(void)
{
    (void)printf("# bash completion of mse: eval \"$(mse completion bash)\"\n"
                 "_mse() {\n  local line words\n"
                 "  line=\"${COMP_WORDS[*]:1:COMP_CWORD-1}\"\n"
                 "  case \"$line\" in\n");
    print_cases();
    (void)printf(
        "  esac\n"
        "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\")\n"
        "}\ncomplete -o default -F _mse mse\n");
}

static void print_zsh(void)
{
    (void)printf("#compdef mse\n_mse() {\n  local line words_here\n"
                 "  line=\"${words[2,CURRENT-1]}\"\n  local words\n  case \"$line\" in\n");
    print_cases();
    (void)printf("  esac\n  compadd -- ${=words}\n  _files\n}\ncompdef _mse mse\n");
}

static void print_fish_command(const struct cli_command *k)
{
    char seen[96];
    if (k->group == NULL) {
        (void)printf("complete -c mse -n __fish_use_subcommand -a %s -d '%s'\n", k->name,
                     k->summary);
        (void)snprintf(seen, sizeof seen, "__fish_seen_subcommand_from %s", k->name);
    } else {
        (void)printf("complete -c mse -n '__fish_seen_subcommand_from %s' -a %s -d '%s'\n",
                     k->group, k->name, k->summary);
        (void)snprintf(seen, sizeof seen,
                       "__fish_seen_subcommand_from %s; and __fish_seen_subcommand_from %s",
                       k->group, k->name);
    }
    for (const struct cli_option *o = k->options; o->name != NULL; o++) {
        (void)printf("complete -c mse -n '%s' -l %s%s -d \"%s\"\n", seen, o->name,
                     o->arg == NULL ? "" : " -r", o->help);
    }
}

static void print_fish(void)
{
    for (size_t i = 0; cli_groups[i][0] != NULL; i++) {
        (void)printf("complete -c mse -n __fish_use_subcommand -a %s -d \"%s\"\n", cli_groups[i][0],
                     cli_groups[i][1]);
    }
    for (const struct cli_option *o = cli_global_options; o->name != NULL; o++) {
        (void)printf("complete -c mse -l %s%s -d \"%s\"\n", o->name, o->arg == NULL ? "" : " -r",
                     o->help);
    }
    for (const struct cli_command *k = cli_commands; k->name != NULL; k++) {
        print_fish_command(k);
    }
}

enum cli_exit cmd_completion(struct cli *c)
{
    const char *shell = c->args[0];
    if (strcmp(shell, "bash") == 0) {
        print_bash();
    } else if (strcmp(shell, "zsh") == 0) {
        print_zsh();
    } else if (strcmp(shell, "fish") == 0) {
        print_fish();
    } else {
        return cli_trouble(c, "no completion for %s, wanted bash, zsh or fish", shell);
    }
    return CLI_DONE;
}
