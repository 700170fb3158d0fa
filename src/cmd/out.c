/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that the commands print. */
#include <stdarg.h>

#include "cmd/cmd.h"

#define LINE_LEN  2048
#define FRONT_LEN 64

/* What stands in front of a line of stderr. */
static const char *front_of(char out[FRONT_LEN], const struct cli *c, const char *color,
                            const char *what)
{
    (void)snprintf(out, FRONT_LEN,
                   c->color_err ? "%s: \033[%sm%s:\033[0m " : "%s: %.0s%s: ", c->program->name,
                   color, what);
    return out;
}

static void vsay(char text[LINE_LEN], FILE *to, const char *front, const char *fmt, va_list ap)
{
    (void)vsnprintf(text, LINE_LEN, fmt, ap);
    for (char *p = text; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f) {
            *p = '?'; /* nothing that came from outside moves the cursor */
        }
    }
    (void)fprintf(to, "%s%s\n", front, text);
}

static void verror(const struct cli *c, const char *fmt, va_list ap)
{
    char text[LINE_LEN];
    char front[FRONT_LEN];
    (void)fflush(stdout);
    vsay(text, stderr, front_of(front, c, "31", "error"), fmt, ap);
    if (c->json && json_object_get(c->failure, "error") == NULL) {
        (void)json_object_set_new(c->failure, "error", json_string(text));
    }
}

void cli_error(const struct cli *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    verror(c, fmt, ap);
    va_end(ap);
}

void cli_hint(const struct cli *c, const char *fmt, ...)
{
    char text[LINE_LEN];
    char front[FRONT_LEN];
    va_list ap;
    va_start(ap, fmt);
    vsay(text, stderr, front_of(front, c, "33", "hint"), fmt, ap);
    va_end(ap);
    if (c->json) {
        (void)json_array_append_new(json_object_get(c->failure, "hints"), json_string(text));
    }
}

enum cli_exit cli_trouble(const struct cli *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    verror(c, fmt, ap);
    va_end(ap);
    return CLI_TROUBLE;
}

enum cli_exit cli_failed(const struct cli *c, mse_status st, const struct mse_error *err)
{
    return cli_trouble(c, "%s", err->text[0] != '\0' ? err->text : mse_status_text(st));
}

void cli_say(const struct cli *c, const char *fmt, ...)
{
    char text[LINE_LEN];
    va_list ap;
    if (c->json) {
        return;
    }
    va_start(ap, fmt);
    vsay(text, stdout, "", fmt, ap);
    va_end(ap);
    (void)fflush(stdout);
}

static void say_in(const struct cli *c, const char *color, const char *text)
{
    if (c->json) {
        return;
    }
    (void)printf("%s%s%s\n", c->color_out ? color : "", text, c->color_out ? "\033[0m" : "");
    (void)fflush(stdout);
}

void cli_say_good(const struct cli *c, const char *text)
{
    say_in(c, "\033[32m", text);
}

void cli_say_bad(const struct cli *c, const char *text)
{
    say_in(c, "\033[31m", text);
}

void cli_json_failure(const struct cli *c)
{
    if (!c->json || json_object_get(c->failure, "error") == NULL) {
        return;
    }
    (void)json_dumpf(c->failure, stdout, JSON_COMPACT);
    (void)printf("\n");
    (void)fflush(stdout);
}

void cli_json(const struct cli *c, json_t *v)
{
    (void)json_object_clear(c->failure); /* the result says it */
    if (v == NULL || json_dumpf(v, stdout, JSON_INDENT(2)) != 0) {
        (void)fprintf(stderr, "%s: error: the result could not be written as JSON\n",
                      c->program->name);
    }
    (void)printf("\n");
    (void)fflush(stdout);
    json_decref(v);
}

static void print_scalar(const json_t *v)
{
    char *text = NULL;
    if (json_is_string(v)) {
        for (const char *p = json_string_value(v); *p != '\0'; p++) {
            (void)putchar((unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p);
        }
    } else if (json_is_integer(v)) {
        (void)printf("%lld", (long long)json_integer_value(v));
    } else if (json_is_boolean(v)) {
        (void)printf("%s", json_is_true(v) ? "yes" : "no");
    } else {
        text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
        (void)printf("%s", text == NULL ? "-" : text);
        free(text);
    }
    (void)printf("\n");
}

static bool is_tree(const json_t *v)
{
    return (json_is_object(v) && json_object_size(v) > 0) ||
           (json_is_array(v) && json_array_size(v) > 0);
}

/* depth bounds the recursion; what is deeper is printed as JSON. */
void cli_print_tree(json_t *v, unsigned depth)
{
    const char *key = NULL;
    json_t *member = NULL;
    size_t i = 0;
    if (!is_tree(v) || depth > 8) {
        (void)printf("%*s", (int)depth * 2, "");
        print_scalar(v);
        return;
    }
    json_array_foreach(v, i, member)
    {
        cli_print_tree(member, depth);
        if (is_tree(member) && i + 1 < json_array_size(v)) {
            (void)printf("\n");
        }
    }
    json_object_foreach(v, key, member)
    {
        (void)printf("%*s%s:", (int)depth * 2, "", key);
        if (is_tree(member)) {
            (void)printf("\n");
            cli_print_tree(member, depth + 1);
        } else {
            (void)printf(" ");
            print_scalar(member);
        }
    }
}

bool cli_flush(void)
{
    return fflush(stdout) == 0 && ferror(stdout) == 0;
}
