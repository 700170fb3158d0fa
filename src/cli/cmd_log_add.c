/* SPDX-License-Identifier: Apache-2.0 */
/* mse log add: what was released, into the log of its keeper. */
#include <fcntl.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/io.h"
#include "base/util.h"
#include "cli/app.h"
#include "cli/tlog_cmd.h"
#include "cli/tlog_store.h"

#define MAX_DIGEST_FILE ((size_t)4096)
#define PACKAGE_HEAD    40 /* magic and digest of the manifest */

/* An entry with what its texts borrow from. */
struct adding {
    const struct cli *c;
    struct mse_log_entry entry;
    bool has_kind;
    bool has_fingerprint;
    struct cli_app app;
    bool has_app;
};

static void know(struct adding *a, enum mse_log_kind kind, const uint8_t fingerprint[32])
{
    a->entry.kind = kind;
    a->has_kind = true;
    memcpy(a->entry.fingerprint, fingerprint, 32);
    a->has_fingerprint = true;
}

/* --context with --code: the fingerprint is computed anew, as users do it. */
static enum cli_exit take_context(struct adding *a)
{
    struct mse_error err = { 0 };
    struct cli_fingerprint fp;
    const struct cli *c = a->c;
    if (!cli_has(c, "context") && !cli_has(c, "code")) {
        return CLI_DONE;
    }
    if (!cli_has(c, "context") || !cli_has(c, "code")) {
        return cli_trouble(c, "--context and --code go together");
    }
    mse_status st = cli_app_load(&a->app, cli_value(c, "context"), &err);
    if (st != MSE_OK) {
        return cli_failed(c, st, &err);
    }
    a->has_app = true;
    st = cli_fingerprint_make(&fp, c, &a->app, cli_value(c, "code"), &err);
    if (st != MSE_OK) {
        return cli_failed(c, st, &err);
    }
    if (fp.code_differs) {
        return cli_trouble(c, "the code in %s is not the code of the context",
                           cli_value(c, "code"));
    }
    bool simulated = strncmp(a->app.context.layout, "sim", 3) == 0;
    know(a, simulated ? MSE_LOG_SIM : MSE_LOG_SGX, fp.value);
    a->entry.name = mse_bytes_str(a->app.manifest.name);
    a->entry.has_manifest = true;
    memcpy(a->entry.manifest, a->app.manifest_sha256, 32);
    if (a->app.context.signer != NULL &&
        mse_hex_decode(a->entry.signer, 32, mse_bytes_str(a->app.context.signer))) {
        a->entry.signer_len = 32;
    }
    return CLI_DONE;
}

/* 64 digits, white space around them allowed. */
static bool rd_digest(uint8_t out[32], struct mse_bytes in)
{
    while (in.len > 0 && (in.data[in.len - 1] == '\n' || in.data[in.len - 1] == ' ')) {
        in.len--;
    }
    return mse_hex_decode(out, 32, in);
}

/* What ./dev package leaves: RUNTIME, the digest of the mse-enclave in it. */
static enum cli_exit take_release(struct adding *a, const char *runtime_path)
{
    struct mse_error err = { 0 };
    struct cli_file f = { 0 };
    uint8_t digest[32];
    mse_status st = cli_file_read(&f, runtime_path, MAX_DIGEST_FILE, &err);
    if (st == MSE_OK && !rd_digest(digest, cli_file_view(&f))) {
        st =
            MSE_FAIL(&err, MSE_ERR_MALFORMED, "log",
                     "%.180s is not the digest of a runtime (64 hexadecimal digits)", runtime_path);
    }
    cli_file_clear(&f);
    if (st != MSE_OK) {
        return cli_failed(a->c, st, &err);
    }
    know(a, MSE_LOG_RUNTIME, digest);
    a->entry.name = mse_bytes_str("mse-enclave");
    return CLI_DONE;
}

/* The beginning of a file that may be large. */
static bool read_head(uint8_t head[PACKAGE_HEAD], const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    bool good = fd >= 0 && mse_io_read_exact(fd, head, PACKAGE_HEAD);
    if (fd >= 0) {
        (void)close(fd);
    }
    return good;
}

/* A package names the digest of its manifest; any other file is taken for a fingerprint. */
static enum cli_exit take_file(struct adding *a, const char *path)
{
    struct mse_error err = { 0 };
    struct cli_file f = { 0 };
    uint8_t digest[32];
    struct mse_bytes magic;
    uint8_t head[PACKAGE_HEAD];
    struct mse_bytes in = { head, sizeof head };
    if (read_head(head, path) && mse_rd_bytes(&in, &magic, 8) &&
        (mse_mem_equal(magic.data, "MSEPKG1", 8) || mse_mem_equal(magic.data, "MSEPKG0", 8)) &&
        mse_rd_copy(&in, digest, sizeof digest)) {
        know(a, MSE_LOG_MANIFEST, digest);
        a->entry.has_manifest = true;
        memcpy(a->entry.manifest, digest, sizeof digest);
        return CLI_DONE;
    }
    mse_status st = cli_file_read(&f, path, MAX_DIGEST_FILE, &err);
    if (st != MSE_OK) {
        return cli_failed(a->c, st, &err);
    }
    enum cli_exit e = CLI_DONE;
    if (rd_digest(digest, cli_file_view(&f))) {
        memcpy(a->entry.fingerprint, digest, sizeof digest);
        a->has_fingerprint = true;
    } else {
        e = cli_trouble(a->c,
                        "%s is no package, no folder of a release and no fingerprint (64 "
                        "hexadecimal digits)",
                        path);
    }
    cli_file_clear(&f);
    return e;
}

static enum cli_exit take_source(struct adding *a)
{
    if (a->c->num_args < 2) {
        return CLI_DONE;
    }
    const char *path = a->c->args[1];
    char *runtime = cli_join(path, "RUNTIME");
    if (runtime == NULL) {
        return cli_trouble(a->c, "out of memory");
    }
    enum cli_exit e = cli_file_exists(runtime) ? take_release(a, runtime) : take_file(a, path);
    free(runtime);
    return e;
}

static enum cli_exit take_hex(struct adding *a, const char *option, uint8_t *out, size_t len)
{
    const char *text = cli_value(a->c, option);
    return mse_hex_decode(out, len, mse_bytes_str(text))
               ? CLI_DONE
               : cli_trouble(a->c, "--%s is %s, wanted %zu hexadecimal digits", option, text,
                             2 * len);
}

/* The digits of --signer tell what it is. */
static enum cli_exit take_signer(struct adding *a)
{
    size_t len = strlen(cli_value(a->c, "signer")) / 2;
    a->entry.signer_len = len == 48 ? 48 : 32;
    return take_hex(a, "signer", a->entry.signer, a->entry.signer_len);
}

static void take_text(struct mse_bytes *out, const struct cli *c, const char *option)
{
    if (cli_has(c, option)) {
        *out = mse_bytes_str(cli_value(c, option));
    }
}

/* Options say it last. */
static enum cli_exit take_options(struct adding *a)
{
    const struct cli *c = a->c;
    struct mse_log_entry *e = &a->entry;
    enum cli_exit x = CLI_DONE;
    take_text(&e->name, c, "name");
    take_text(&e->version, c, "app-version");
    take_text(&e->note, c, "note");
    if (cli_has(c, "kind")) {
        a->has_kind = mse_log_kind_parse(&e->kind, mse_bytes_str(cli_value(c, "kind")));
        x = a->has_kind
                ? x
                : cli_trouble(c, "--kind is %s, wanted " CLI_LOG_KINDS, cli_value(c, "kind"));
    }
    if (x == CLI_DONE && cli_has(c, "fingerprint")) {
        x = take_hex(a, "fingerprint", e->fingerprint, 32);
        a->has_fingerprint = true;
    }
    x = x == CLI_DONE && cli_has(c, "signer") ? take_signer(a) : x;
    if (x == CLI_DONE && cli_has(c, "manifest")) {
        x = take_hex(a, "manifest", e->manifest, 32);
        e->has_manifest = true;
    }
    e->date = (mse_time)time(NULL);
    if (x == CLI_DONE && cli_has(c, "date") &&
        !mse_time_parse(&e->date, mse_bytes_str(cli_value(c, "date")))) {
        x = cli_trouble(c, "--date is %s, wanted a time in UTC such as 2030-01-31T12:00:00Z",
                        cli_value(c, "date"));
    }
    return x;
}

static enum cli_exit complete(const struct adding *a)
{
    if (!a->has_fingerprint) {
        cli_error(a->c, "what was released? There is no fingerprint");
        cli_hint(a->c, "--context FILE --code DIR, --fingerprint HEX, a file with one, a package, "
                       "or the folder of a release");
        return CLI_TROUBLE;
    }
    if (!a->has_kind) {
        return cli_trouble(a->c, "--kind is missing: " CLI_LOG_KINDS);
    }
    return a->entry.name.len > 0 ? CLI_DONE
                                 : cli_trouble(a->c, "--name is missing: what was released");
}

static enum cli_exit append(const struct adding *a)
{
    const struct cli *c = a->c;
    struct mse_error err = { 0 };
    struct cli_log_store s;
    uint8_t entry[MSE_LOG_MAX_ENTRY];
    size_t len = 0;
    mse_status st = mse_log_entry_write(entry, &len, &a->entry, &err);
    if (st != MSE_OK) {
        return cli_failed(c, st, &err);
    }
    st = cli_log_store_open(&s, c->args[0], &err);
    if (st != MSE_OK) {
        return cli_log_failed(c, st, &err);
    }
    uint64_t index = s.head.size;
    st = cli_log_store_add(&s, mse_bytes_of(entry, len), &err);
    cli_log_store_close(&s);
    if (st != MSE_OK) {
        return cli_log_failed(c, st, &err);
    }
    if (c->json) {
        cli_json(c, cli_log_entry_json(index, &a->entry));
    } else {
        cli_log_say_entry(c, index, &a->entry);
    }
    return CLI_DONE;
}

enum cli_exit cmd_log_add(struct cli *c)
{
    struct adding a = { .c = c };
    enum cli_exit e = take_context(&a);
    e = e == CLI_DONE ? take_source(&a) : e;
    e = e == CLI_DONE ? take_options(&a) : e;
    e = e == CLI_DONE ? complete(&a) : e;
    e = e == CLI_DONE ? append(&a) : e;
    if (a.has_app) {
        cli_app_clear(&a.app);
    }
    return e;
}
