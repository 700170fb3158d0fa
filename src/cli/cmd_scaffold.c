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
#include "cmd/files.h"
#include "os/private_dir.h"

struct template
{
    const char *path;
    struct mse_bytes content;
};
#include "scaffold_files.h"

#define MAX_FILE ((size_t)64 * 1024)

/* The name becomes a folder and a string of TOML: letters, digits, '.', '_', '-', and no dot first.
 */
static bool good_name(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len <= 255 && name[0] != '.' && name[0] != '-' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

/* Content with every @NAME@ replaced. */
static void fill_in(struct mse_build *out, struct mse_bytes content, const char *name)
{
    static const char mark[] = "@NAME@";
    const char *at = (const char *)content.data;
    const char *end = at + content.len;
    while (at < end) {
        const char *hit = memmem(at, (size_t)(end - at), mark, sizeof mark - 1);
        mse_wr_copy(out, at, (size_t)((hit == NULL ? end : hit) - at));
        if (hit == NULL) {
            return;
        }
        mse_wr_str(out, name);
        at = hit + sizeof mark - 1;
    }
}

static mse_status write_file(const char *dir, const struct template *t, const char *name,
                             struct mse_error *err)
{
    struct mse_build text;
    char *path = cli_join(dir, t->path);
    mse_build_heap(&text, MAX_FILE);
    fill_in(&text, t->content, name);
    mse_status st = path != NULL && mse_build_ok(&text) ? MSE_OK : MSE_ERR_MEMORY;
    char *folder = st == MSE_OK ? cli_folder_of(path) : NULL;
    if (st == MSE_OK && (folder == NULL || (mkdir(folder, 0777) != 0 && errno != EEXIST))) {
        st = MSE_FAIL(err, MSE_ERR_IO, "scaffold", "%.150s cannot be made: %s", path,
                      strerror(errno));
    }
    st = st == MSE_OK ? cli_file_write(path, mse_build_view(&text), 0644, err) : st;
    mse_build_clear(&text);
    free(folder);
    free(path);
    return st;
}

static mse_status write_all(const char *dir, const char *name, struct mse_error *err)
{
    mse_status st = MSE_OK;
    for (size_t i = 0; st == MSE_OK && i < MSE_ARRAY_LEN(templates); i++) {
        st = write_file(dir, &templates[i], name, err);
    }
    return st;
}

/* All files in a folder beside, which then gets the name: a whole project or none. */
static mse_status make_project(const char *name, struct mse_error *err)
{
    char tmp[300];
    mode_t mask = umask(0);
    (void)umask(mask);
    if (snprintf(tmp, sizeof tmp, ".%s.XXXXXX", name) >= (int)sizeof tmp || mkdtemp(tmp) == NULL) {
        return MSE_FAIL(err, MSE_ERR_IO, "scaffold", "no folder can be made here: %s",
                        strerror(errno));
    }
    mse_status st = write_all(tmp, name, err);
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
    cli_say(c, "The project is in ./%s: mse.toml, mse_src/ and tests/", name);
    cli_say(c, "To try it on this machine:");
    cli_say(c, "  cd %s", name);
    cli_say(c, "  mse %s localtest", group);
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
    mse_status st = over ? write_all(name, name, &err) : make_project(name, &err);
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
