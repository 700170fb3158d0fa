/* SPDX-License-Identifier: Apache-2.0 */
/* See home_replica.h. */
#include "cli/home_replica.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/util.h"
#include "cli/home_tee.h"
#include "package/manifest.h"

static enum cli_exit check_leader(const struct home *leader)
{
    struct mse_manifest m = { 0 };
    struct mse_error err = { 0 };
    mse_status st = home_manifest(&m, leader, &err);
    uint32_t replicas = m.replicas;
    mse_manifest_clear(&m);
    if (st != MSE_OK) {
        return cli_failed(leader->c, st, &err);
    }
    if (!home_tee_simulated(leader->facts)) {
        return cli_trouble(leader->c, "%s is an enclave of SGX, which has no replicas",
                           leader->name);
    }
    if (home_fact(leader, "replica_of")[0] != '\0') {
        return cli_trouble(leader->c, "%s is a replica itself: of %s", leader->name,
                           home_fact(leader, "replica_of"));
    }
    return replicas > 1 ? CLI_DONE
                        : cli_trouble(leader->c,
                                      "%s is the only instance that there may be: replicas in its "
                                      "mse.toml is 1",
                                      leader->name);
}

enum cli_exit home_replica_open(struct home *leader, const struct cli *c)
{
    static const char *const decided[] = { "package", "tee",          "san",
                                           "size",    "days",         "prepare",
                                           "runtime", "upgrade-from", "upgrade-signature" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(decided); i++) {
        if (cli_has(c, decided[i])) {
            return cli_trouble(c, "--%s with --replica-of: it is what it is for %s", decided[i],
                               cli_value(c, "replica-of"));
        }
    }
    if (!cli_has(c, "output")) {
        return cli_trouble(c, "--output DIR is missing");
    }
    enum cli_exit e = home_open(leader, c, cli_value(c, "replica-of"));
    return e == CLI_DONE ? check_leader(leader) : e;
}

/* A file that may be large. */
static mse_status copy_file(const char *from, const char *to, bool needed, struct mse_error *err)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0 && errno == ENOENT && !needed) {
        return MSE_OK;
    }
    int out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ssize_t n = out < 0 ? -1 : 1;
    while (n > 0) {
        n = sendfile(out, in, NULL, (size_t)1 << 20);
    }
    bool good = n == 0 && fsync(out) == 0;
    mse_status st =
        good ? MSE_OK : MSE_FAIL(err, MSE_ERR_IO, "replica", "%.200s: %s", from, strerror(errno));
    if (in >= 0) {
        (void)close(in);
    }
    if (out >= 0) {
        (void)close(out);
    }
    return st;
}

mse_status home_replica_copy(const struct home *h, const struct home *leader, struct mse_error *err)
{
    static const struct {
        const char *name;
        bool needed;
    } files[] = { { HOME_MANIFEST, true },
                  { HOME_PACKAGE, true },
                  { HOME_CHAIN, false },
                  { HOME_CLIENTS, false } };
    mse_status st = MSE_OK;
    for (size_t i = 0; st == MSE_OK && i < MSE_ARRAY_LEN(files); i++) {
        char *from = home_path(leader, files[i].name);
        char *to = home_path(h, files[i].name);
        st = from == NULL || to == NULL ? MSE_FAIL(err, MSE_ERR_MEMORY, "replica", "out of memory")
                                        : copy_file(from, to, files[i].needed, err);
        free(from);
        free(to);
    }
    return st;
}

bool home_replica_facts(struct home *h, const struct home *leader)
{
    static const char *const not_its_own[] = { "upgrade_from", "upgrade_signature" };
    h->facts = json_deep_copy(leader->facts);
    for (size_t i = 0; h->facts != NULL && i < MSE_ARRAY_LEN(not_its_own); i++) {
        (void)json_object_del(h->facts, not_its_own[i]);
    }
    return h->facts != NULL && json_object_set_new(h->facts, "name", json_string(h->name)) == 0 &&
           json_object_set_new(h->facts, "replica_of", json_string(leader->name)) == 0;
}
