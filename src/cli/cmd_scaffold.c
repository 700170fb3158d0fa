/* SPDX-License-Identifier: Apache-2.0 */
/* mse cloud scaffold, mse home scaffold: a project that runs as it stands. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/cli.h"
#include "cli/project.h"
#include "cli/sealed_box.h"
#include "cmd/files.h"
#include "crypto/x25519.h"
#include "os/private_dir.h"

struct template
{
    const char *path;
    struct mse_bytes content;
};
#include "scaffold_files.h"

/* What stands in the place of the marks. */
struct place {
    const char *name;
    const char *group;
    char logs_key[65];
};

#define MAX_FILE ((size_t)64 * 1024)

/* The name becomes a folder and a string of TOML: letters, digits, '.', '_', '-', and no dot first.
 */
static bool good_name(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len <= 255 && name[0] != '.' && name[0] != '-' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

/* Content with every mark replaced. */
static void fill_in(struct mse_build *out, struct mse_bytes content, const struct place *to)
{
    const struct {
        struct mse_bytes mark;
        const char *text;
    } marks[] = { { mse_bytes_str("@NAME@"), to->name },
                  { mse_bytes_str("@GROUP@"), to->group },
                  { mse_bytes_str("@LOGS_KEY@"), to->logs_key } };
    while (content.len > 0) {
        size_t first = content.len;
        size_t which = MSE_ARRAY_LEN(marks);
        for (size_t i = 0; i < MSE_ARRAY_LEN(marks); i++) {
            size_t at = mse_bytes_find(content, marks[i].mark);
            which = at < first ? i : which;
            first = at < first ? at : first;
        }
        mse_wr_copy(out, content.data, first);
        if (which < MSE_ARRAY_LEN(marks)) {
            mse_wr_str(out, marks[which].text);
            first += marks[which].mark.len;
        }
        content = mse_bytes_of(content.data + first, content.len - first);
    }
}

/* secrets.json, secrets_to_seal.json */
static unsigned mode_of(const char *path)
{
    return strncmp(path, "secrets", strlen("secrets")) == 0 ? 0600 : 0644;
}

static mse_status write_file(const char *dir, const struct template *t, const struct place *to,
                             struct mse_error *err)
{
    struct mse_build text;
    char *path = cli_join(dir, t->path);
    mse_build_heap(&text, MAX_FILE);
    fill_in(&text, t->content, to);
    mse_status st = path != NULL && mse_build_ok(&text) ? MSE_OK : MSE_ERR_MEMORY;
    char *folder = st == MSE_OK ? cli_folder_of(path) : NULL;
    if (st == MSE_OK && (folder == NULL || (mkdir(folder, 0777) != 0 && errno != EEXIST))) {
        st = MSE_FAIL(err, MSE_ERR_IO, "scaffold", "%.150s cannot be made: %s", path,
                      strerror(errno));
    }
    st = st == MSE_OK ? cli_file_write(path, mse_build_view(&text), mode_of(t->path), err) : st;
    mse_build_clear(&text);
    free(folder);
    free(path);
    return st;
}

/* Whom the logs are sealed to: a key that is there stays, since older logs are sealed to it too. */
static mse_status make_logs_key(const char *dir, struct place *to, struct mse_error *err)
{
    uint8_t secret[32];
    uint8_t public[32];
    char *path = cli_join(dir, SCAFFOLD_LOGS_KEY);
    mse_status st = path == NULL ? MSE_ERR_MEMORY : MSE_OK;
    if (st == MSE_OK && cli_file_exists(path)) {
        st = cli_key_read(secret, path, err);
        st = st == MSE_OK ? mse_x25519_public(public, secret) : st;
    } else if (st == MSE_OK) {
        st = mse_x25519_generate(secret, public);
        st = st == MSE_OK ? cli_file_write(path, mse_bytes_of(secret, 32), 0600, err) : st;
    }
    if (st == MSE_OK) {
        mse_hex_encode(to->logs_key, mse_bytes_of(public, 32));
    }
    mse_wipe(secret, sizeof secret);
    free(path);
    return st;
}

static mse_status write_all(const char *dir, struct place *to, struct mse_error *err)
{
    mse_status st = make_logs_key(dir, to, err);
    for (size_t i = 0; st == MSE_OK && i < MSE_ARRAY_LEN(templates); i++) {
        st = write_file(dir, &templates[i], to, err);
    }
    return st;
}

/* All files in a folder beside, which then gets the name: a whole project or none. */
static mse_status make_project(struct place *to, struct mse_error *err)
{
    const char *name = to->name;
    char tmp[300];
    mode_t mask = umask(0);
    (void)umask(mask);
    if (snprintf(tmp, sizeof tmp, ".%s.XXXXXX", name) >= (int)sizeof tmp || mkdtemp(tmp) == NULL) {
        return MSE_FAIL(err, MSE_ERR_IO, "scaffold", "no folder can be made here: %s",
                        strerror(errno));
    }
    mse_status st = write_all(tmp, to, err);
    if (st == MSE_OK && (chmod(tmp, 0777 & ~mask) != 0 ||
                         renameat2(AT_FDCWD, tmp, AT_FDCWD, name, RENAME_NOREPLACE) != 0)) {
        st = MSE_FAIL(err, errno == EEXIST ? MSE_ERR_EXISTS : MSE_ERR_IO, "scaffold",
                      "./%.150s cannot be made: %s", name, strerror(errno));
    }
    if (st != MSE_OK) {
        (void)mse_tree_remove(tmp);
    }
    return st;
}

static void say_next_steps(const struct cli *c, const char *name)
{
    const char *group = c->command->group;
    if (c->json) {
        cli_json(c, json_pack("{s:s}", "project", name));
        return;
    }
    cli_say(c, "The project is in ./%s: mse.toml, mse_src/, tests/ and two files of secrets", name);
    cli_say(c, "What the app prints is sealed to ./%s/" SCAFFOLD_LOGS_KEY ": keep it to yourself",
            name);
    cli_say(c, "To try it on this machine:");
    cli_say(c, "  cd %s", name);
    cli_say(c, "  mse %s localtest", group);
    if (strcmp(group, "cloud") == 0) {
        cli_say(c, "To bring it to an operator: mse cloud deploy");
    }
}

enum cli_exit cmd_scaffold(struct cli *c)
{
    const char *name = c->args[0];
    struct mse_error err = { 0 };
    struct stat info;
    if (!good_name(name)) {
        return cli_trouble(c,
                           "the name is %s, wanted 1 to 255 of: letters, digits, '.', '_', '-'; "
                           "first a letter, a digit or '_'",
                           name[0] == '\0' ? "empty" : name);
    }
    bool over = cli_has(c, "force") && stat(name, &info) == 0 && S_ISDIR(info.st_mode);
    struct place to = { .name = name, .group = c->command->group };
    mse_status st = over ? write_all(name, &to, &err) : make_project(&to, &err);
    if (st != MSE_OK) {
        enum cli_exit e = cli_failed(c, st, &err);
        if (st == MSE_ERR_EXISTS) {
            cli_hint(c, "-f writes the files of the scaffold over those that are there");
        }
        return e;
    }
    say_next_steps(c, name);
    return CLI_DONE;
}
