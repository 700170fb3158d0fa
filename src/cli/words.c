/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/words.h"

#include "base/error.h"

/* Reading position and writing position in one copy of the text: a word never grows. */
struct cursor {
    const char *in;
    char *out;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* Behind an opening quote, up to the closing one. POSIX shell, 2.2: between single quotes nothing
 * is special, between double quotes a backslash is before '"', '\', '$' and '`'. */
static bool take_quoted(struct cursor *k, char quote)
{
    while (*k->in != '\0' && *k->in != quote) {
        if (quote == '"' && *k->in == '\\' && k->in[1] != '\0' &&
            strchr("\"\\$`", k->in[1]) != NULL) {
            k->in++;
        }
        *k->out++ = *k->in++;
    }
    if (*k->in == '\0') {
        return false;
    }
    k->in++;
    return true;
}

static bool take_word(struct cursor *k)
{
    while (*k->in != '\0' && !is_blank(*k->in)) {
        char c = *k->in++;
        if (c == '\'' || c == '"') {
            if (!take_quoted(k, c)) {
                return false;
            }
            continue;
        }
        if (c == '\\') {
            c = *k->in++;
            if (c == '\0') {
                return false;
            }
        }
        *k->out++ = c;
    }
    return true;
}

/* The text was copied to w->text, which the words overwrite from the front. */
static mse_status split(struct cli_words *w, struct mse_error *err)
{
    struct cursor k = { w->text, w->text };
    for (;;) {
        while (is_blank(*k.in)) {
            k.in++;
        }
        if (*k.in == '\0') {
            break;
        }
        if (w->num == CLI_MAX_WORDS) {
            return MSE_FAIL(err, MSE_ERR_CONFIG, "command", "more than %d words", CLI_MAX_WORDS);
        }
        w->argv[w->num++] = k.out;
        if (!take_word(&k)) {
            return MSE_FAIL(err, MSE_ERR_CONFIG, "command", "a quote or a backslash is left open");
        }
        bool more = *k.in != '\0';
        k.in += more ? 1 : 0;
        *k.out++ = '\0';
    }
    return w->num > 0 ? MSE_OK : MSE_FAIL(err, MSE_ERR_CONFIG, "command", "there is no word");
}

mse_status cli_words_split(struct cli_words *out, const char *command, struct mse_error *err)
{
    struct cli_words w = { .text = strdup(command) };
    if (w.text == NULL) {
        return MSE_ERR_MEMORY;
    }
    mse_status st = split(&w, err);
    if (st != MSE_OK) {
        free(w.text);
        return st;
    }
    *out = w;
    return MSE_OK;
}

void cli_words_clear(struct cli_words *w)
{
    free(w->text);
    *w = (struct cli_words) { 0 };
}
