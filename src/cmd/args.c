/* SPDX-License-Identifier: Apache-2.0 */
/* From argv to a command with its options. Options may stand anywhere; "--" ends them; a value
 * follows in the next word or behind '='. */
#include <unistd.h>

#include <mse/version.h>

#include "base/bytes.h"
#include "base/util.h"
#include "cmd/cmd.h"
#include "cmd/files.h"

#define MAX_ARGS 1024

const struct cli_option cli_global_options[] = {
    { "json", NULL, "print JSON on stdout", false },
    { "color", "WHEN", "auto, always or never", false },
    { "verbose", NULL, "say more (also -v)", false },
    { "help", NULL, "print help (also -h)", false },
    { "version", NULL, "print the version", false },
    { NULL, NULL, NULL, false },
};

/* What the words were sorted into. */
struct words {
    struct cli *c;
    char **args; /* words that are no options, in their order */
    size_t num_args;
    bool help;
    bool version;
    const char *color;
};

static const struct cli_command *find_command(const struct cli_program *p, const char *group,
                                              const char *name)
{
    for (const struct cli_command *k = p->commands; k->name != NULL; k++) {
        bool same_group =
            group == NULL ? k->group == NULL : k->group != NULL && strcmp(k->group, group) == 0;
        if (same_group && strcmp(k->name, name) == 0) {
            return k;
        }
    }
    return NULL;
}

/* The index of an option in a table; SIZE_MAX if it is not there. */
static size_t find_option(const struct cli_option *table, const char *name, size_t len)
{
    for (size_t i = 0; table[i].name != NULL; i++) {
        if (strlen(table[i].name) == len && strncmp(table[i].name, name, len) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* SIZE_MAX if the command has no such option: code that several commands share may ask. */
static size_t option_index(const struct cli *c, const char *name)
{
    return find_option(c->command->options, name, strlen(name));
}

const char *cli_value(const struct cli *c, const char *name)
{
    size_t i = option_index(c, name);
    return i == SIZE_MAX || c->num_values[i] == 0 ? NULL : c->values[i][0];
}

bool cli_has(const struct cli *c, const char *name)
{
    return cli_value(c, name) != NULL;
}

size_t cli_num_values(const struct cli *c, const char *name)
{
    size_t i = option_index(c, name);
    return i == SIZE_MAX ? 0 : c->num_values[i];
}

const char *cli_value_at(const struct cli *c, const char *name, size_t at)
{
    size_t i = option_index(c, name);
    MSE_ASSERT(i != SIZE_MAX && at < c->num_values[i]);
    return c->values[i][at];
}

static bool set_global(struct words *w, const char *name, const char *value)
{
    if (strcmp(name, "json") == 0) {
        w->c->json = true;
    } else if (strcmp(name, "verbose") == 0) {
        w->c->verbose = true;
    } else if (strcmp(name, "help") == 0) {
        w->help = true;
    } else if (strcmp(name, "version") == 0) {
        w->version = true;
    } else {
        w->color = value;
    }
    return true;
}

/* An option of the command (known by now) or a global one. */
static bool set_option(struct words *w, const char *word, const char *value, bool global, size_t i)
{
    struct cli *c = w->c;
    if (global) {
        return set_global(w, cli_global_options[i].name, value);
    }
    const struct cli_option *o = &c->command->options[i];
    if (c->num_values[i] > 0 && !o->many) {
        (void)cli_trouble(c, "%s is given twice", word);
        return false;
    }
    if (c->num_values[i] == CLI_MAX_VALUES) {
        (void)cli_trouble(c, "%s is given more than %d times", word, CLI_MAX_VALUES);
        return false;
    }
    c->values[i][c->num_values[i]++] = o->arg == NULL ? "" : value;
    return true;
}

/* One word that begins with "--"; *next is the word behind it. */
static bool take_option(struct words *w, const char *word, const char *next, bool *used_next)
{
    const char *name = word + 2;
    size_t len = strcspn(name, "=");
    const char *value = name[len] == '=' ? name + len + 1 : NULL;
    size_t i = find_option(cli_global_options, name, len);
    bool global = i != SIZE_MAX;
    if (!global && w->c->command != NULL) {
        i = find_option(w->c->command->options, name, len);
    }
    if (i == SIZE_MAX) {
        (void)cli_trouble(w->c, "unknown option %s", word);
        return false;
    }
    const struct cli_option *o = global ? &cli_global_options[i] : &w->c->command->options[i];
    if (o->arg == NULL && value != NULL) {
        (void)cli_trouble(w->c, "--%s takes no value", o->name);
        return false;
    }
    if (o->arg != NULL && value == NULL) {
        if (next == NULL) {
            (void)cli_trouble(w->c, "--%s needs a value: %s", o->name, o->arg);
            return false;
        }
        value = next;
        *used_next = true;
    }
    return set_option(w, word, value, global, i);
}

/* Short forms: of global options, -f, which is what the command has of --force and --follow, and -y
 * for --yes. */
static const char *long_form(const struct cli_command *k, const char *word)
{
    if (strcmp(word, "-f") == 0 && k != NULL) {
        return find_option(k->options, "follow", 6) != SIZE_MAX  ? "--follow"
               : find_option(k->options, "force", 5) != SIZE_MAX ? "--force"
                                                                 : word;
    }
    if (strcmp(word, "-y") == 0 && k != NULL) {
        return find_option(k->options, "yes", 3) != SIZE_MAX ? "--yes" : word;
    }
    if (strcmp(word, "-h") == 0) {
        return "--help";
    }
    return strcmp(word, "-v") == 0 ? "--verbose" : word;
}

static bool take_words(struct words *w, int argc, char **argv, bool globals_only)
{
    for (int i = 1; i < argc; i++) {
        const char *word = long_form(w->c->command, argv[i]);
        if (!globals_only && strcmp(word, "--") == 0) {
            for (i++; i < argc; i++) {
                w->args[w->num_args++] = argv[i];
            }
            return true;
        }
        if (word[0] != '-' || word[1] == '\0') {
            w->args[w->num_args++] = argv[i];
            continue;
        }
        if (word[1] != '-') {
            (void)cli_trouble(w->c, "unknown option %s", word);
            return false;
        }
        bool used_next = false;
        if (!take_option(w, word, i + 1 < argc ? argv[i + 1] : NULL, &used_next)) {
            return false;
        }
        i += used_next ? 1 : 0;
    }
    return true;
}

/* The command words: the first words that are no global options. Returns how many of argv they and
 * the options in front of them are; 0 if there is none. */
static int find_words(char **argv, int argc, int *first, int *second)
{
    *first = 0;
    *second = 0;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (strcmp(word, "--color") == 0) {
            i++;
            continue;
        }
        if (word[0] == '-') {
            continue;
        }
        if (*first == 0) {
            *first = i;
            continue;
        }
        *second = i;
        return i;
    }
    return *first;
}

/* A variable may let the group be left out. */
static const char *default_group(const struct cli_program *p)
{
    const char *env = p->default_group == NULL ? NULL : cli_environment(p->default_group);
    return env != NULL && cli_is_group(p, env) ? env : NULL;
}

/* Removes argv[at]. */
static void drop(int *argc, char **argv, int at)
{
    for (int i = at; i + 1 < *argc; i++) {
        argv[i] = argv[i + 1];
    }
    (*argc)--;
}

/* Finds the command and takes its words out of argv. NULL: there is none; *group is set if only a
 * group was named. */
static const struct cli_command *pick_command(const struct cli_program *p, int *argc, char **argv,
                                              const char **group)
{
    int first = 0;
    int second = 0;
    const struct cli_command *k = NULL;
    *group = NULL;
    if (find_words(argv, *argc, &first, &second) == 0) {
        return NULL;
    }
    if (cli_is_group(p, argv[first])) {
        *group = argv[first];
        k = second == 0 ? NULL : find_command(p, argv[first], argv[second]);
        if (k != NULL) {
            drop(argc, argv, second);
            drop(argc, argv, first);
            return k;
        }
        k = find_command(p, NULL, argv[first]); /* a word may be both */
        if (k != NULL) {
            drop(argc, argv, first);
        }
        return k;
    }
    if (default_group(p) != NULL) {
        k = find_command(p, default_group(p), argv[first]);
    }
    k = k == NULL ? find_command(p, NULL, argv[first]) : k;
    if (k != NULL) {
        drop(argc, argv, first);
    }
    return k;
}

static bool wants_color(const struct words *w, int fd)
{
    const char *no_color = getenv("NO_COLOR"); /* NOLINT(concurrency-mt-unsafe) */
    if (w->color != NULL && strcmp(w->color, "always") == 0) {
        return true;
    }
    if (w->color != NULL && strcmp(w->color, "never") == 0) {
        return false;
    }
    return (no_color == NULL || no_color[0] == '\0') && isatty(fd) == 1;
}

static enum cli_exit no_command(const struct words *w, const char *group)
{
    const struct cli *c = w->c;
    if (w->version) {
        (void)printf("%s %s\n", c->program->name, mse_version());
        return cli_flush() ? CLI_DONE : CLI_TROUBLE;
    }
    if (w->help) {
        if (group != NULL) {
            cli_print_group(c->program, group);
        } else {
            cli_print_overview(c->program);
        }
        return cli_flush() ? CLI_DONE : CLI_TROUBLE;
    }
    if (w->num_args == 0) {
        cli_error(c, "no command");
        cli_hint(c, "%s help lists the commands", c->program->name);
        return CLI_TROUBLE;
    }
    if (group != NULL && w->num_args == 1) {
        cli_error(c, "%s %s needs a command", c->program->name, group);
        cli_hint(c, "%s %s --help lists them", c->program->name, group);
        return CLI_TROUBLE;
    }
    cli_error(c, "unknown command %s%s%s", w->args[0], group == NULL ? "" : " ",
              group == NULL ? "" : w->args[1]);
    cli_hint(c, "%s help lists the commands", c->program->name);
    return CLI_TROUBLE;
}

static enum cli_exit check_and_run(struct words *w)
{
    struct cli *c = w->c;
    const struct cli_command *k = c->command;
    if (w->help) {
        cli_print_help(c->program, k);
        return cli_flush() ? CLI_DONE : CLI_TROUBLE;
    }
    if (w->num_args < k->min_args || w->num_args > k->max_args) {
        if (w->num_args < k->min_args) {
            cli_error(c, "%s is missing", k->args);
        } else {
            cli_error(c, "%s: %s",
                      k->max_args == 0 ? "it takes no arguments" : "too many arguments",
                      w->args[k->max_args]);
            if (find_option(k->options, "project", strlen("project")) != SIZE_MAX) {
                cli_hint(c, "--project DIR names the folder of a project");
            }
        }
        cli_print_usage(c->program, k);
        return CLI_TROUBLE;
    }
    c->args = w->args;
    c->num_args = w->num_args;
    enum cli_exit status = k->run(c);
    if (!cli_flush() && status != CLI_TROUBLE) {
        return cli_trouble(c, "standard output could not be written");
    }
    return status;
}

static enum cli_exit run(struct words *w, int argc, char **argv)
{
    struct cli *c = w->c;
    const char *group = NULL;
    c->command = pick_command(c->program, &argc, argv, &group);
    bool known = take_words(w, argc, argv, c->command == NULL);
    c->color_out = wants_color(w, STDOUT_FILENO);
    c->color_err = wants_color(w, STDERR_FILENO);
    if (w->color != NULL && strcmp(w->color, "auto") != 0 && strcmp(w->color, "always") != 0 &&
        strcmp(w->color, "never") != 0) {
        return cli_trouble(c, "--color is %s, wanted auto, always or never", w->color);
    }
    if (!known) {
        if (c->command != NULL) {
            cli_print_usage(c->program, c->command);
        }
        return CLI_TROUBLE;
    }
    return c->command == NULL ? no_command(w, group) : check_and_run(w);
}

int cli_main(const struct cli_program *p, int argc, char **argv)
{
    struct cli *c = calloc(1, sizeof *c);
    char **args = calloc(MAX_ARGS, sizeof *args);
    char **words = calloc(MAX_ARGS + 1, sizeof *words);
    enum cli_exit status = CLI_TROUBLE;
    struct words w = { .c = c, .args = args };
    if (c == NULL || args == NULL || words == NULL || argc > MAX_ARGS) {
        (void)fprintf(stderr, "%s: error: too many arguments, or no memory\n", p->name);
    } else {
        for (int i = 0; i < argc; i++) {
            words[i] = argv[i];
        }
        c->program = p;
        c->failure = json_pack("{s:[]}", "hints");
        status = run(&w, argc, words);
        cli_json_failure(c);
        json_decref(c->failure);
    }
    free(words);
    free(args);
    free(c);
    return (int)status;
}
