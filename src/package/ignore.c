/* SPDX-License-Identifier: Apache-2.0 */
/* Matching is done part by part: '**' parts against any number of path parts, and inside a part the
 * usual wildcards. Both loops go back to the last star only, so the time is bounded by the product
 * of the lengths. */
#include "package/ignore.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"

/* A named class of a bracket expression, C locale. */
static bool in_class(struct mse_bytes name, uint8_t c)
{
    static const struct {
        const char *name;
        int (*test)(int);
    } classes[] = {
        { "alnum", isalnum }, { "alpha", isalpha }, { "blank", isblank }, { "cntrl", iscntrl },
        { "digit", isdigit }, { "graph", isgraph }, { "lower", islower }, { "print", isprint },
        { "punct", ispunct }, { "space", isspace }, { "upper", isupper }, { "xdigit", isxdigit },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(classes); i++) {
        if (mse_bytes_is_str(name, classes[i].name)) {
            return c < 0x80 && classes[i].test(c) != 0;
        }
    }
    return false;
}

/* One character of a bracket expression; a backslash takes the next one as it is. */
static bool bracket_char(struct mse_bytes *p, uint8_t *c)
{
    if (!mse_rd_u8(p, c)) {
        return false;
    }
    return *c != '\\' || mse_rd_u8(p, c);
}

/* "[:name:]" at the front of p, the first '[' taken already. */
static bool take_class(struct mse_bytes *p, struct mse_bytes *name)
{
    if (p->len < 3 || p->data[0] != ':') {
        return false;
    }
    struct mse_bytes rest = mse_bytes_of(p->data + 1, p->len - 1);
    size_t end = mse_bytes_find(rest, mse_bytes_str(":]"));
    if (end == SIZE_MAX) {
        return false;
    }
    *name = mse_bytes_of(rest.data, end);
    *p = mse_bytes_of(rest.data + end + 2, rest.len - end - 2);
    return true;
}

/* One item of a bracket expression: a class, a range or a character. False: it never ends. */
static bool bracket_item(struct mse_bytes *p, uint8_t c, bool *hit)
{
    uint8_t low = 0;
    struct mse_bytes name;
    if (p->len > 1 && p->data[0] == '[') {
        struct mse_bytes rest = mse_bytes_of(p->data + 1, p->len - 1);
        if (take_class(&rest, &name)) {
            *p = rest;
            *hit = *hit || in_class(name, c);
            return true;
        }
    }
    if (!bracket_char(p, &low)) {
        return false;
    }
    uint8_t high = low;
    if (p->len > 1 && p->data[0] == '-' && p->data[1] != ']') {
        if (!mse_rd_skip(p, 1) || !bracket_char(p, &high)) {
            return false;
        }
    }
    *hit =
        *hit || c == low || (c >= low && c <= high); /* the start counts in a backward range too */
    return true;
}

/* A bracket expression whose '[' was taken. False: it never ends, then nothing matches. */
static bool take_bracket(struct mse_bytes *p, uint8_t c, bool *hit)
{
    bool negated = p->len > 0 && (p->data[0] == '!' || p->data[0] == '^');
    bool any = false;
    if (negated && !mse_rd_skip(p, 1)) {
        return false;
    }
    for (bool first = true; p->len > 0; first = false) {
        if (p->data[0] == ']' && !first) {
            *hit = any != negated;
            return mse_rd_skip(p, 1);
        }
        if (!bracket_item(p, c, &any)) {
            return false;
        }
    }
    return false;
}

/* Takes one unit of the pattern, not a star, and judges c by it. */
static bool unit_match(struct mse_bytes *p, uint8_t c)
{
    uint8_t u = 0;
    bool hit = false;
    if (!mse_rd_u8(p, &u)) {
        return false;
    }
    if (u == '?') {
        return true;
    }
    if (u == '[') {
        return take_bracket(p, c, &hit) && hit;
    }
    if (u == '\\' && !mse_rd_u8(p, &u)) {
        return false;
    }
    return u == c;
}

/* One part of a pattern against one part of a path. */
static bool part_match(struct mse_bytes p, struct mse_bytes s)
{
    struct mse_bytes star_p = { 0 };
    struct mse_bytes star_s = { 0 };
    bool star = false;
    while (s.len > 0 || p.len > 0) {
        if (p.len > 0 && p.data[0] == '*') {
            p = mse_bytes_of(p.data + 1, p.len - 1);
            star_p = p;
            star_s = s;
            star = true;
            continue;
        }
        if (s.len > 0 && unit_match(&p, s.data[0])) {
            s = mse_bytes_of(s.data + 1, s.len - 1);
            continue;
        }
        if (!star || star_s.len == 0) {
            return false;
        }
        star_s = mse_bytes_of(star_s.data + 1, star_s.len - 1);
        s = star_s;
        p = star_p;
    }
    return true;
}

static bool escaped_slash(struct mse_bytes s)
{
    return s.len > 1 && s.data[0] == '\\' && s.data[1] == '/';
}

/* Where the first part of a pattern ends: a '/' outside brackets, with a backslash or without. */
static size_t pattern_part_len(struct mse_bytes p)
{
    struct mse_bytes rest = p;
    while (rest.len > 0 && rest.data[0] != '/' && !escaped_slash(rest)) {
        bool hit = false;
        struct mse_bytes inside = mse_bytes_of(rest.data + 1, rest.len - 1);
        if (rest.data[0] == '[' && take_bracket(&inside, 0, &hit)) {
            rest = inside;
            continue;
        }
        size_t step = rest.data[0] == '\\' && rest.len > 1 ? 2 : 1;
        rest = mse_bytes_of(rest.data + step, rest.len - step);
    }
    return p.len - rest.len;
}

/* Cuts the first part off; *last tells that no '/' stood behind it. */
static struct mse_bytes cut(struct mse_bytes *s, size_t len, bool *last)
{
    struct mse_bytes part = mse_bytes_of(s->data, len);
    *last = len == s->len;
    size_t skip = *last ? len : len + 1;
    skip += !*last && s->data[len] == '\\' ? 1 : 0;
    *s = mse_bytes_of(s->data + skip, s->len - skip);
    return part;
}

static size_t path_part_len(struct mse_bytes s)
{
    size_t slash = mse_bytes_find(s, mse_bytes_str("/"));
    return slash == SIZE_MAX ? s.len : slash;
}

/* Two stars or more, and nothing else. */
static bool is_star_star(struct mse_bytes part)
{
    for (size_t i = 0; i < part.len; i++) {
        if (part.data[i] != '*') {
            return false;
        }
    }
    return part.len >= 2;
}

/* A cursor over parts; done when the last part was taken. */
struct parts {
    struct mse_bytes rest;
    bool done;
};

/* A whole pattern against a whole path. */
static bool path_match(struct mse_bytes pattern, struct mse_bytes path)
{
    struct parts p = { pattern, false };
    struct parts s = { path, false };
    struct parts back_p = { 0 };
    struct parts back_s = { 0 };
    bool star = false;
    for (;;) {
        if (p.done && s.done) {
            return true;
        }
        struct parts next_p = p;
        struct parts next_s = s;
        struct mse_bytes want = { 0 };
        if (!p.done) {
            want = cut(&next_p.rest, pattern_part_len(p.rest), &next_p.done);
        }
        if (!p.done && is_star_star(want)) {
            if (next_p.done) {
                return !s.done; /* "a" followed by all: everything inside, not a itself */
            }
            p = next_p;
            back_p = p;
            back_s = s;
            star = true;
            continue;
        }
        if (!p.done && !s.done) {
            struct mse_bytes part = cut(&next_s.rest, path_part_len(s.rest), &next_s.done);
            if (part_match(want, part)) {
                p = next_p;
                s = next_s;
                continue;
            }
        }
        if (!star || back_s.done) {
            return false;
        }
        (void)cut(&back_s.rest, path_part_len(back_s.rest), &back_s.done);
        s = back_s;
        p = back_p;
    }
}

static bool rule_match(const struct mse_ignore_rule *r, struct mse_bytes path, bool is_folder)
{
    if (r->folder_only && !is_folder) {
        return false;
    }
    if (r->anchored) {
        return path_match(r->pattern, path);
    }
    size_t at = path.len;
    while (at > 0 && path.data[at - 1] != '/') {
        at--;
    }
    return part_match(r->pattern, mse_bytes_of(path.data + at, path.len - at));
}

bool mse_ignore_match(const struct mse_ignore *ig, struct mse_bytes path, bool is_folder)
{
    for (size_t i = ig->num; i > 0; i--) {
        if (rule_match(&ig->rules[i - 1], path, is_folder)) {
            return !ig->rules[i - 1].negated;
        }
    }
    return false;
}

/* Blanks at the end do not count unless a backslash stands in front of them. */
static size_t trimmed_len(struct mse_bytes line)
{
    size_t keep = 0;
    for (size_t i = 0; i < line.len; i++) {
        if (line.data[i] == '\\' && i + 1 < line.len) {
            i++;
            keep = i + 1;
        } else if (line.data[i] != ' ') {
            keep = i + 1;
        }
    }
    return keep;
}

/* One line; false if it holds no rule. */
static bool parse_line(struct mse_ignore_rule *out, struct mse_bytes line)
{
    struct mse_ignore_rule r = { 0 };
    if (line.len > 0 && line.data[line.len - 1] == '\r') {
        line.len--;
    }
    if (line.len == 0 || line.data[0] == '#') {
        return false;
    }
    line.len = trimmed_len(line);
    if (line.len > 0 && line.data[0] == '!') {
        r.negated = true;
        line = mse_bytes_of(line.data + 1, line.len - 1);
    }
    if (line.len > 0 && line.data[line.len - 1] == '/') {
        r.folder_only = true;
        line.len--;
    }
    r.anchored = mse_bytes_find(line, mse_bytes_str("/")) != SIZE_MAX;
    if (line.len > 0 && line.data[0] == '/') {
        line = mse_bytes_of(line.data + 1, line.len - 1);
    }
    r.pattern = line;
    *out = r;
    return line.len > 0;
}

static size_t count_lines(struct mse_bytes text)
{
    size_t n = 1;
    for (size_t i = 0; i < text.len; i++) {
        n += text.data[i] == '\n' ? 1 : 0;
    }
    return n;
}

mse_status mse_ignore_parse(struct mse_ignore *out, struct mse_bytes text, struct mse_error *err)
{
    size_t lines = count_lines(text);
    if (text.len > MSE_IGNORE_MAX_LEN || lines > MSE_IGNORE_MAX_NUM) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, MSE_IGNORE_FILE,
                        "%zu bytes in %zu lines, at most %zu in %zu", text.len, lines,
                        MSE_IGNORE_MAX_LEN, MSE_IGNORE_MAX_NUM);
    }
    struct mse_ignore ig = { .rules = calloc(lines, sizeof *ig.rules) };
    if (ig.rules == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, MSE_IGNORE_FILE, "out of memory");
    }
    static const uint8_t bom[] = { 0xef, 0xbb, 0xbf };
    if (text.len >= sizeof bom && mse_mem_equal(text.data, bom, sizeof bom)) {
        text = mse_bytes_of(text.data + sizeof bom, text.len - sizeof bom);
    }
    while (text.len > 0) {
        size_t end = mse_bytes_find(text, mse_bytes_str("\n"));
        size_t len = end == SIZE_MAX ? text.len : end;
        if (parse_line(&ig.rules[ig.num], mse_bytes_of(text.data, len))) {
            ig.num++;
        }
        size_t skip = end == SIZE_MAX ? len : len + 1;
        text = mse_bytes_of(text.data + skip, text.len - skip);
    }
    *out = ig;
    return MSE_OK;
}

void mse_ignore_clear(struct mse_ignore *ig)
{
    free(ig->rules);
    struct mse_ignore empty = { 0 };
    *ig = empty;
}

struct mse_bytes mse_ignore_default(void)
{
    static const char list[] = "/mse.toml\n/context.toml\n/secrets.json\n/secrets_to_seal.json\n"
                               ".git\n.hg/\n.svn/\n.bzr/\n.gitignore\n.gitattributes\n.gitmodules\n"
                               ".venv/\nvenv/\n.env\n"
                               "__pycache__/\n*.py[cod]\n.pytest_cache/\n.mypy_cache/\n"
                               ".ruff_cache/\n.tox/\n.nox/\n.coverage\n*.egg-info/\n.eggs/\n"
                               ".idea/\n.vscode/\n*.swp\n*~\n.DS_Store\n";
    return mse_bytes_str(list);
}
