/* SPDX-License-Identifier: Apache-2.0 */
/* See browsers.h: the folders. */
#include "cli/browsers.h"

#include "base/build.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cmd/files.h"

#define MAX_INI  ((size_t)256 * 1024)
#define MAX_PATH 4096

const char *cli_browser_name(enum cli_browser b)
{
    return b == CLI_CHROMIUM ? "Chromium" : "Firefox";
}

void cli_stores_clear(struct cli_stores *s)
{
    for (size_t i = 0; i < s->num; i++) {
        free(s->items[i].folder);
    }
    s->num = 0;
}

mse_status cli_stores_add(struct cli_stores *s, enum cli_browser b, const char *folder,
                          struct mse_error *err)
{
    for (size_t i = 0; i < s->num; i++) {
        if (s->items[i].browser == b && strcmp(s->items[i].folder, folder) == 0) {
            return MSE_OK;
        }
    }
    if (s->num >= CLI_MAX_STORES) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, "browsers", "more than %d stores", CLI_MAX_STORES);
    }
    char *copy = strdup(folder);
    if (copy == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "browsers", "out of memory");
    }
    s->items[s->num++] = (struct cli_store) { .browser = b, .folder = copy };
    return MSE_OK;
}

/* dir/name in out; false if it does not fit. */
static bool join(char out[MAX_PATH], const char *dir, const char *name)
{
    struct mse_build b;
    mse_build_fixed(&b, out, MAX_PATH);
    mse_wr_str(&b, dir);
    mse_wr_u8(&b, '/');
    mse_wr_str(&b, name);
    mse_wr_u8(&b, '\0');
    return mse_build_ok(&b);
}

/* dir/name: whether it is there; the path in out. */
static bool has(char out[MAX_PATH], const char *dir, const char *name)
{
    return join(out, dir, name) && cli_file_exists(out);
}

/* The older folder shadows the one of XDG where it is there (measured, Chromium 156). */
static mse_status add_chromium(struct cli_stores *s, const char *home, const char *data_home,
                               struct mse_error *err)
{
    char path[MAX_PATH];
    bool fits = has(path, home, ".pki/nssdb") ||
                (data_home != NULL ? join(path, data_home, "pki/nssdb")
                                   : join(path, home, ".local/share/pki/nssdb"));
    return fits ? cli_stores_add(s, CLI_CHROMIUM, path, err)
                : MSE_FAIL(err, MSE_ERR_NO_SPACE, "browsers", "the path of a folder is too long");
}

/* Packages that have a home of their own. */
static mse_status add_packaged(struct cli_stores *s, const char *home, struct mse_error *err)
{
    static const char *const homes[] = { "snap/chromium/current", ".var/app/org.chromium.Chromium",
                                         ".var/app/com.google.Chrome" };
    char path[MAX_PATH];
    char data[MAX_PATH];
    mse_status st = MSE_OK;
    for (size_t i = 0; st == MSE_OK && i < MSE_ARRAY_LEN(homes); i++) {
        if (has(path, home, homes[i]) && join(data, path, "data")) {
            st = add_chromium(s, path, i == 0 ? NULL : data, err);
        }
    }
    return st;
}

static mse_status add_profiles_of(struct cli_stores *s, const char *folder, struct mse_error *err)
{
    struct cli_file f = { 0 };
    char path[MAX_PATH];
    if (!has(path, folder, "profiles.ini")) {
        return MSE_OK;
    }
    mse_status st = cli_file_read(&f, path, MAX_INI, err);
    st = st == MSE_OK ? cli_profiles_add(s, folder, cli_file_view(&f), NULL, err) : st;
    cli_file_clear(&f);
    return st;
}

static mse_status add_firefox(struct cli_stores *s, const char *home, const char *config_home,
                              struct mse_error *err)
{
    static const char *const homes[] = { ".mozilla/firefox", "snap/firefox/common/.mozilla/firefox",
                                         ".var/app/org.mozilla.firefox/.mozilla/firefox" };
    char folder[MAX_PATH];
    mse_status st = MSE_OK;
    for (size_t i = 0; st == MSE_OK && i < MSE_ARRAY_LEN(homes); i++) {
        st = has(folder, home, homes[i]) ? add_profiles_of(s, folder, err) : MSE_OK;
    }
    bool newer = config_home != NULL ? has(folder, config_home, "mozilla/firefox")
                                     : has(folder, home, ".config/mozilla/firefox");
    return st == MSE_OK && newer ? add_profiles_of(s, folder, err) : st;
}

mse_status cli_stores_find(struct cli_stores *out, const char *home, const char *data_home,
                           const char *config_home, struct mse_error *err)
{
    struct cli_stores s = { .num = 0 };
    mse_status st = add_chromium(&s, home, data_home, err);
    st = st == MSE_OK ? add_packaged(&s, home, err) : st;
    st = st == MSE_OK ? add_firefox(&s, home, config_home, err) : st;
    if (st != MSE_OK) {
        cli_stores_clear(&s);
        return st;
    }
    *out = s;
    return MSE_OK;
}

/* ---- profiles.ini ---- */

struct profile {
    bool is_profile; /* a section [Profile…] */
    bool relative;
    struct mse_bytes path;
    struct mse_bytes name;
};

static mse_status end_profile(struct cli_stores *s, const struct profile *p, const char *folder,
                              const char *only, struct mse_error *err)
{
    char path[MAX_PATH];
    bool wanted = only == NULL || mse_bytes_is_str(p->name, only);
    if (!p->is_profile || p->path.len == 0 || p->path.len >= MAX_PATH / 2 || !wanted ||
        memchr(p->path.data, '\0', p->path.len) != NULL) {
        return MSE_OK;
    }
    int n = snprintf(path, sizeof path, "%s%s%.*s", p->relative ? folder : "",
                     p->relative ? "/" : "", (int)p->path.len, (const char *)p->path.data);
    return n > 0 && (size_t)n < sizeof path && cli_file_exists(path)
               ? cli_stores_add(s, CLI_FIREFOX, path, err)
               : MSE_OK;
}

/* The next line without its end; false when there is none. */
static bool next_line(struct mse_bytes *in, struct mse_bytes *line)
{
    if (in->len == 0) {
        return false;
    }
    const uint8_t *end = memchr(in->data, '\n', in->len);
    size_t len = end == NULL ? in->len : (size_t)(end - in->data);
    *line = mse_bytes_of(in->data, len);
    *in = mse_bytes_of(in->data + len + (end != NULL), in->len - len - (end != NULL));
    if (len > 0 && line->data[len - 1] == '\r') {
        line->len--;
    }
    return true;
}

/* key=value; an empty value if the line has another key. */
static bool value_of(struct mse_bytes *out, struct mse_bytes line, const char *key)
{
    size_t len = strlen(key);
    if (line.len <= len || line.data[len] != '=' ||
        !mse_bytes_is_str(mse_bytes_of(line.data, len), key)) {
        return false;
    }
    *out = mse_bytes_of(line.data + len + 1, line.len - len - 1);
    return true;
}

static bool begins_profile(struct mse_bytes line)
{
    return line.len > 8 && mse_bytes_is_str(mse_bytes_of(line.data, 8), "[Profile");
}

mse_status cli_profiles_add(struct cli_stores *s, const char *folder, struct mse_bytes ini,
                            const char *name, struct mse_error *err)
{
    struct profile p = { .is_profile = false };
    struct mse_bytes line;
    mse_status st = MSE_OK;
    while (st == MSE_OK && next_line(&ini, &line)) {
        struct mse_bytes v;
        if (line.len > 0 && line.data[0] == '[') {
            st = end_profile(s, &p, folder, name, err);
            p = (struct profile) { .is_profile = begins_profile(line), .relative = true };
        } else if (value_of(&v, line, "Path")) {
            p.path = v;
        } else if (value_of(&v, line, "Name")) {
            p.name = v;
        } else if (value_of(&v, line, "IsRelative")) {
            p.relative = !mse_bytes_is_str(v, "0");
        }
    }
    return st == MSE_OK ? end_profile(s, &p, folder, name, err) : st;
}
