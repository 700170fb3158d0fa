/* SPDX-License-Identifier: Apache-2.0 */
/* From a package to a manifest. Operator and code provider both do this: the one to start the app,
 * the other to see that nothing but the operator's members was chosen by him. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/app.h"
#include "cli/home.h"
#include "cli/tls_files.h"
#include "conf/project.h"
#include "package/owner_chain.h"
#include "package/parcel.h"

enum cli_exit home_parcel_open(struct mse_parcel *out, int *out_fd, const struct cli *c,
                               const char *path)
{
    struct mse_error err = { 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return cli_trouble(c, "%s: %s", path, strerror(errno));
    }
    mse_status st = mse_parcel_read(out, fd, &err);
    if (st != MSE_OK) {
        (void)close(fd);
        return cli_trouble(c, "%s: %s", path, err.text[0] != '\0' ? err.text : mse_status_text(st));
    }
    *out_fd = fd;
    return CLI_DONE;
}

static struct mse_bytes text_of(const char *text)
{
    return mse_bytes_str(text == NULL ? "" : text);
}

mse_status home_manifest_fill(struct mse_manifest *m, bool *own_token, const struct mse_parcel *p,
                              struct mse_error *err)
{
    struct mse_project project = { 0 };
    mse_status st =
        mse_project_parse(&project, "mse.toml in the package", mse_bytes_str(p->mse_toml), err);
    if (st != MSE_OK) {
        return st;
    }
    mse_manifest_defaults(m);
    st = cli_manifest_fill(m, &project, err);
    st = st == MSE_OK ? cli_manifest_alone(m, err) : st;
    if (st == MSE_OK) {
        st = cli_tls_fill(m, &project, text_of(p->ssl_chain), text_of(p->client_ca), err);
    }
    mse_project_clear(&project);
    m->package = p->encrypted ? MSE_PACKAGE_ENCRYPTED : MSE_PACKAGE_PLAIN;
    memcpy(m->code_digest, p->code_digest, sizeof m->code_digest);
    memcpy(m->package_header, p->head_sha256, sizeof m->package_header);
    *own_token = (p->encrypted || m->expects != 0) &&
                 mse_mem_is_zero(m->config_token_sha256, sizeof m->config_token_sha256);
    return st;
}

static bool copy_text(char **out, const char *in)
{
    *out = strdup(in);
    return *out != NULL;
}

/* The operator's members, as he chose them. */
static mse_status copy_choice(struct mse_manifest *to, const struct mse_manifest *from,
                              bool own_token, struct mse_error *err)
{
    memcpy(to->app_id, from->app_id, sizeof to->app_id);
    memcpy(to->runtime, from->runtime, sizeof to->runtime);
    to->created_at = from->created_at;
    to->expires_at = from->expires_at;
    to->enclave_size = from->enclave_size;
    if (own_token) {
        memcpy(to->config_token_sha256, from->config_token_sha256, sizeof to->config_token_sha256);
    }
    /* Under the owner's certificate the name is the owner's choice. */
    return (to->san != NULL || copy_text(&to->san, from->san)) &&
                   copy_text(&to->config_domain_name, from->config_domain_name)
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_MEMORY, "manifest", "out of memory");
}

mse_status home_chain_end(mse_time *out, const struct mse_parcel *p, struct mse_error *err)
{
    struct mse_owner_chain chain = { .not_after = 0 };
    mse_status st = mse_owner_chain_read(&chain, text_of(p->ssl_chain), err);
    if (st == MSE_OK) {
        *out = chain.not_after;
    }
    mse_owner_chain_clear(&chain);
    return st;
}

mse_status home_check_expiry(const struct mse_manifest *m, const struct mse_parcel *p,
                             struct mse_error *err)
{
    mse_time end = 0;
    mse_status st = home_chain_end(&end, p, err);
    if (st == MSE_OK && m->expires_at > end) {
        char seen[MSE_TIME_TEXT_LEN];
        char wanted[MSE_TIME_TEXT_LEN];
        mse_time_format(seen, m->expires_at);
        mse_time_format(wanted, end);
        st = MSE_FAIL(err, MSE_ERR_MANIFEST_MISMATCH, "expires_at",
                      "the app runs until %s, and the owner's certificate until %s", seen, wanted);
    }
    return st;
}

static char *member_text(const json_t *object, const char *name)
{
    const json_t *v = json_object_get(object, name);
    return v == NULL ? strdup("nothing") : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
}

/* Says which member is not the same. */
static mse_status name_difference(struct mse_bytes seen, struct mse_bytes wanted,
                                  struct mse_error *err)
{
    json_t *a = json_loadb((const char *)seen.data, seen.len, 0, NULL);
    json_t *b = json_loadb((const char *)wanted.data, wanted.len, 0, NULL);
    mse_status st = MSE_ERR_MANIFEST_MISMATCH;
    bool found = false;
    for (size_t i = 0; !found && mse_manifest_member_name(i) != NULL; i++) {
        const char *name = mse_manifest_member_name(i);
        char *have = member_text(a, name);
        char *want = member_text(b, name);
        /* Out of memory: nothing to tell. */
        found = have != NULL && strcmp(have, want == NULL ? have : want) != 0;
        if (found) {
            st = MSE_FAIL(err, MSE_ERR_MANIFEST_MISMATCH, "manifest",
                          "%s of the enclave's manifest is not that of the package (read %.70s "
                          "expected %.70s)",
                          name, have, want);
        }
        free(have);
        free(want);
    }
    json_decref(a);
    json_decref(b);
    return st;
}

mse_status home_manifest_check(struct mse_manifest *out, const struct mse_parcel *p,
                               struct mse_bytes manifest, struct mse_error *err)
{
    struct mse_manifest seen = { 0 };
    struct mse_manifest mine = { 0 };
    struct mse_build text;
    bool own_token = false;
    mse_build_heap(&text, MSE_MANIFEST_MAX_LEN);
    mse_status st = mse_manifest_parse(&seen, manifest, err);
    st = st == MSE_OK ? home_manifest_fill(&mine, &own_token, p, err) : st;
    st = st == MSE_OK ? copy_choice(&mine, &seen, own_token, err) : st;
    st = st == MSE_OK ? mse_manifest_write(&text, &mine, err) : st;
    if (st == MSE_OK && !mse_bytes_equal(mse_build_view(&text), manifest)) {
        st = name_difference(manifest, mse_build_view(&text), err);
    }
    if (st == MSE_OK && p->ssl_chain != NULL) {
        st = home_check_expiry(&seen, p, err);
    }
    if (st == MSE_OK) {
        *out = seen;
    } else {
        mse_manifest_clear(&seen);
    }
    mse_manifest_clear(&mine);
    mse_build_clear(&text);
    return st;
}
