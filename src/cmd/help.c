/* SPDX-License-Identifier: Apache-2.0 */
/* Help and completion, all out of the table of commands. */
#include <mse/version.h>

#include "cmd/cmd.h"

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

static void usage_line(const struct cli_program *p, const struct cli_command *k)
{
    int n = printf("usage: %s %s%s%s", p->name, k->group == NULL ? "" : k->group,
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

void cli_print_usage(const struct cli_program *p, const struct cli_command *k)
{
    (void)fprintf(stderr, "%s: hint: %s %s%s%s --help\n", p->name, p->name,
                  k->group == NULL ? "" : k->group, k->group == NULL ? "" : " ", k->name);
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

void cli_print_help(const struct cli_program *p, const struct cli_command *k)
{
    usage_line(p, k);
    (void)printf("\n%s\n", k->summary);
    if (k->options[0].name != NULL) {
        (void)printf("\noptions:\n");
        option_rows(k->options);
    }
    (void)printf("\nfor every command:\n");
    option_rows(cli_global_options);
}

static void command_rows(const struct cli_program *p, const char *group)
{
    for (const struct cli_command *k = p->commands; k->name != NULL; k++) {
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

bool cli_is_group(const struct cli_program *p, const char *word)
{
    for (size_t i = 0; p->groups[i][0] != NULL; i++) {
        if (strcmp(p->groups[i][0], word) == 0) {
            return true;
        }
    }
    return false;
}

void cli_print_group(const struct cli_program *p, const char *group)
{
    (void)printf("usage: %s %s COMMAND ...\n\n", p->name, group);
    command_rows(p, group);
}

void cli_print_overview(const struct cli_program *p)
{
    (void)printf("usage: %s [--json] [--color WHEN] [-v] [GROUP] COMMAND ...\n%s %s: %s\n", p->name,
                 p->name, mse_version(), p->summary);
    for (size_t i = 0; p->groups[i][0] != NULL; i++) {
        (void)printf("\n%s %s: %s\n", p->name, p->groups[i][0], p->groups[i][1]);
        command_rows(p, p->groups[i][0]);
    }
    (void)printf("\n%s:\n", p->ungrouped);
    command_rows(p, NULL);
    (void)printf("\nfor every command:\n");
    option_rows(cli_global_options);
}

enum cli_exit cmd_help(struct cli *c)
{
    const struct cli_program *p = c->program;
    if (c->num_args == 0) {
        cli_print_overview(p);
        return CLI_DONE;
    }
    for (const struct cli_command *k = p->commands; k->name != NULL; k++) {
        bool one = c->num_args == 1 && k->group == NULL && strcmp(k->name, c->args[0]) == 0;
        bool two = c->num_args == 2 && k->group != NULL && strcmp(k->group, c->args[0]) == 0 &&
                   strcmp(k->name, c->args[1]) == 0;
        if (one || two) {
            cli_print_help(p, k);
            return CLI_DONE;
        }
    }
    if (c->num_args == 1 && cli_is_group(p, c->args[0])) {
        cli_print_group(p, c->args[0]);
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

static void print_names(const struct cli_program *p, const char *group, const char *separator)
{
    for (const struct cli_command *k = p->commands; k->name != NULL; k++) {
        bool here =
            group == NULL ? k->group == NULL : k->group != NULL && strcmp(k->group, group) == 0;
        if (here) {
            (void)printf("%s%s", k->name, separator);
        }
    }
}

/* A shell "case" over the words before the cursor; bash and zsh share it. */
static void print_cases(const struct cli_program *p)
{
    for (size_t i = 0; p->groups[i][0] != NULL; i++) {
        (void)printf("    %s) words='", p->groups[i][0]);
        print_names(p, p->groups[i][0], " ");
        (void)printf("' ;;\n");
    }
    for (const struct cli_command *k = p->commands; k->name != NULL; k++) {
        (void)printf("    '%s%s%s'*) words='", k->group == NULL ? "" : k->group,
                     k->group == NULL ? "" : " ", k->name);
        print_options("--%s ", k->options);
        print_options("--%s ", cli_global_options);
        (void)printf("' ;;\n");
    }
    (void)printf("    *) words='");
    for (size_t i = 0; p->groups[i][0] != NULL; i++) {
        (void)printf("%s ", p->groups[i][0]);
    }
    print_names(p, NULL, " ");
    print_options("--%s ", cli_global_options);
    (void)printf("' ;;\n");
}

static void print_bash(const struct cli_program *p)
{
    (void)printf("# bash completion of %s: eval \"$(%s completion bash)\"\n"
                 "_%s() {\n  local line words\n"
                 "  line=\"${COMP_WORDS[*]:1:COMP_CWORD-1}\"\n"
                 "  case \"$line\" in\n",
                 p->name, p->name, p->name);
    print_cases(p);
    (void)printf(
        "  esac\n"
        "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\")\n"
        "}\ncomplete -o default -F _%s %s\n",
        p->name, p->name);
}

static void print_zsh(const struct cli_program *p)
{
    (void)printf("#compdef %s\n_%s() {\n  local line words_here\n"
                 "  line=\"${words[2,CURRENT-1]}\"\n  local words\n  case \"$line\" in\n",
                 p->name, p->name);
    print_cases(p);
    (void)printf("  esac\n  compadd -- ${=words}\n  _files\n}\ncompdef _%s %s\n", p->name, p->name);
}

static void print_fish_command(const struct cli_program *p, const struct cli_command *k)
{
    char seen[96];
    if (k->group == NULL) {
        (void)printf("complete -c %s -n __fish_use_subcommand -a %s -d '%s'\n", p->name, k->name,
                     k->summary);
        (void)snprintf(seen, sizeof seen, "__fish_seen_subcommand_from %s", k->name);
    } else {
        (void)printf("complete -c %s -n '__fish_seen_subcommand_from %s' -a %s -d '%s'\n", p->name,
                     k->group, k->name, k->summary);
        (void)snprintf(seen, sizeof seen,
                       "__fish_seen_subcommand_from %s; and __fish_seen_subcommand_from %s",
                       k->group, k->name);
    }
    for (const struct cli_option *o = k->options; o->name != NULL; o++) {
        (void)printf("complete -c %s -n '%s' -l %s%s -d \"%s\"\n", p->name, seen, o->name,
                     o->arg == NULL ? "" : " -r", o->help);
    }
}

static void print_fish(const struct cli_program *p)
{
    for (size_t i = 0; p->groups[i][0] != NULL; i++) {
        (void)printf("complete -c %s -n __fish_use_subcommand -a %s -d \"%s\"\n", p->name,
                     p->groups[i][0], p->groups[i][1]);
    }
    for (const struct cli_option *o = cli_global_options; o->name != NULL; o++) {
        (void)printf("complete -c %s -l %s%s -d \"%s\"\n", p->name, o->name,
                     o->arg == NULL ? "" : " -r", o->help);
    }
    for (const struct cli_command *k = p->commands; k->name != NULL; k++) {
        print_fish_command(p, k);
    }
}

enum cli_exit cmd_completion(struct cli *c)
{
    const char *shell = c->args[0];
    if (strcmp(shell, "bash") == 0) {
        print_bash(c->program);
    } else if (strcmp(shell, "zsh") == 0) {
        print_zsh(c->program);
    } else if (strcmp(shell, "fish") == 0) {
        print_fish(c->program);
    } else {
        return cli_trouble(c, "no completion for %s, wanted bash, zsh or fish", shell);
    }
    return CLI_DONE;
}
