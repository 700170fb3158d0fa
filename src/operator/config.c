/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/config.h"

#include "base/bytes.h"
#include "cmd/files.h"
#include "conf/reader.h"
#include "db/db.h"
#include "package/rules.h"

#define KEY(n, member)                                                                             \
    {                                                                                              \
        (n), MSE_CONF_STRING, true, offsetof(struct mse_op_config, member), 1, 0, NULL             \
    }

static const struct mse_conf_key keys[] = {
    KEY("domain", domain),
    KEY("database", database),
    KEY("signer_key", signer_key),
    { NULL, MSE_CONF_STRING, false, 0, 0, 0, NULL },
};

/* A path, from the folder of the file on. */
static bool resolve(char **path, const char *dir)
{
    char *whole = cli_join(dir, *path);
    if (whole == NULL) {
        return false;
    }
    free(*path);
    *path = whole;
    return true;
}

static mse_status check(struct mse_op_config *c, const struct mse_conf_file *f,
                        struct mse_error *err)
{
    if (!mse_rule_host(c->domain)) {
        return mse_conf_fail(f, mse_conf_line_of(f, "domain"), err,
                             "domain is \"%.80s\", wanted a host name in lower case", c->domain);
    }
    if (strstr(c->database, "://") != NULL && !mse_db_is_postgres(c->database)) {
        return mse_conf_fail(f, mse_conf_line_of(f, "database"), err,
                             "database is of no kind that is known, wanted a path or "
                             "postgresql://...");
    }
    char *dir = cli_folder_of(f->name);
    bool good = dir != NULL && (mse_db_is_postgres(c->database) || resolve(&c->database, dir)) &&
                resolve(&c->signer_key, dir);
    free(dir);
    return good ? MSE_OK : mse_conf_fail(f, 0, err, "out of memory");
}

mse_status mse_op_config_parse(struct mse_op_config *out, const char *name, struct mse_bytes text,
                               struct mse_error *err)
{
    struct mse_conf_file f;
    struct mse_op_config c = { .domain = NULL };
    mse_status st = mse_conf_open(&f, name, text, err);
    if (st != MSE_OK) {
        return st;
    }
    st = mse_conf_read(&c, &f, keys, err);
    if (st == MSE_OK) {
        st = check(&c, &f, err);
    }
    if (st == MSE_OK) {
        *out = c;
    } else {
        mse_op_config_clear(&c);
    }
    mse_conf_close(&f);
    return st;
}

void mse_op_config_clear(struct mse_op_config *c)
{
    mse_conf_clear(c, keys);
}
