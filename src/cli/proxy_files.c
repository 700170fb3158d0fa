/* SPDX-License-Identifier: Apache-2.0 */
/* See proxy_files.h. */
#include "cli/proxy_files.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "cli/signed_list.h"
#include "cli/trust.h"

static void take_stamp(struct cli_stamp *out, const char *path)
{
    struct stat st;
    *out = (struct cli_stamp) { .there = path != NULL && stat(path, &st) == 0 };
    if (out->there) {
        out->changed = st.st_mtim;
        out->size = st.st_size;
        out->number = st.st_ino;
    }
}

static bool same_stamp(const struct cli_stamp *a, const struct cli_stamp *b)
{
    return a->there == b->there && a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec && a->size == b->size && a->number == b->number;
}

static char *copy_of(const char *text)
{
    return text == NULL || strcmp(text, "-") == 0 ? NULL : strdup(text);
}

void cli_proxy_files_name(struct cli_proxy_files *f, const struct cli *c)
{
    const char *root = cli_value(c, "simulation-root");
    const char *collateral = cli_value(c, "collateral");
    bool pinned = false;
    f->own[0].path = copy_of(cli_value(c, "policy"));
    f->own[1].path = copy_of(cli_value(c, "machines"));
    f->own[2].path =
        collateral == NULL ? cli_conf_path("sim/collateral.json") : copy_of(collateral);
    f->own[3].path = root == NULL ? cli_conf_path("sim/root.pem") : copy_of(root);
    f->own[4].path = cli_conf_path("operators.toml");
    f->own[5].path = copy_of(cli_value(c, "signer"));
    f->own[6].path = cli_conf_path("trust.toml");
    f->own[7].path = cli_list_key_path(&pinned, c, "machines-key", "machines.pem");
    if (f->own[1].path != NULL && asprintf(&f->own[8].path, "%s.sig", f->own[1].path) < 0) {
        f->own[8].path = NULL;
    }
    f->own[9].path = copy_of(cli_value(c, "log-proof"));
    for (size_t i = 0; i < CLI_PROXY_NUM_FILES; i++) {
        take_stamp(&f->own[i].stamp, f->own[i].path);
    }
}

void cli_proxy_files_name_theirs(struct cli_proxy_files *f, const struct cli_guard *guards,
                                 size_t num)
{
    struct mse_trust store = { .num = 0 };
    bool loaded = mse_trust_load(&store, NULL) == MSE_OK;
    for (size_t i = 0; loaded && i < num; i++) {
        const struct mse_trust_app *a = mse_trust_find(&store, guards[i].domain, guards[i].port);
        const char *const paths[2] = { a == NULL ? NULL : a->policy,
                                       a == NULL ? NULL : a->log_proof };
        for (size_t k = 0; k < 2; k++) {
            struct cli_proxy_file *n = &f->named[i][k];
            free(n->path);
            n->path = copy_of(paths[k]);
            take_stamp(&n->stamp, n->path);
        }
    }
    mse_trust_clear(&store);
}

/* True if the file is another one than before. */
static bool look_again(struct cli_proxy_file *f)
{
    struct cli_stamp now;
    take_stamp(&now, f->path);
    bool other = !same_stamp(&now, &f->stamp);
    f->stamp = now;
    return other;
}

bool cli_proxy_files_changed(struct cli_proxy_files *f)
{
    bool other = false;
    for (size_t i = 0; i < CLI_PROXY_NUM_FILES; i++) {
        other = look_again(&f->own[i]) || other;
    }
    for (size_t i = 0; i < MSE_PROXY_MAX_APPS; i++) {
        other = look_again(&f->named[i][0]) || other;
        other = look_again(&f->named[i][1]) || other;
    }
    return other;
}

void cli_proxy_files_clear(struct cli_proxy_files *f)
{
    for (size_t i = 0; i < CLI_PROXY_NUM_FILES; i++) {
        free(f->own[i].path);
    }
    for (size_t i = 0; i < MSE_PROXY_MAX_APPS; i++) {
        free(f->named[i][0].path);
        free(f->named[i][1].path);
    }
    *f = (struct cli_proxy_files) { 0 };
}
