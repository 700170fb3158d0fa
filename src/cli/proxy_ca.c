/* SPDX-License-Identifier: Apache-2.0 */
/* See proxy_ca.h. Its name constraints are critical: what it signs is good for these names, none
 * below them (but where one of them is below another, which is said), and for no address. */
#include "cli/proxy_ca.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/util.h"
#include "cmd/newfile.h"
#include "crypto/x509.h"
#include "proxy/proxy.h"
#include "ratls/make.h"
#include "ratls/oids.h"
#include "ratls/profile.h"

#define CERT_FILE  "proxy/ca.pem"
#define KEY_FILE   "proxy/ca.key"
#define CA_SECONDS ((mse_time)365 * 86400)
#define HOUR       ((mse_time)3600)
#define MAX_FILE   ((size_t)65536)
#define MAX_DER    ((size_t)32768)

/* The names, sorted: the order is not the user's. */
struct names {
    size_t num;
    struct mse_bytes list[MSE_PROXY_MAX_APPS];
};

static int compare_names(const void *a, const void *b)
{
    const struct mse_bytes *x = a;
    const struct mse_bytes *y = b;
    return strcmp((const char *)x->data, (const char *)y->data);
}

static void sort_names(struct names *n, const char *const *names, size_t num)
{
    n->num = 0;
    for (size_t i = 0; i < num && i < MSE_PROXY_MAX_APPS; i++) {
        n->list[n->num++] = mse_bytes_str(names[i]);
    }
    qsort(n->list, n->num, sizeof n->list[0], compare_names);
    size_t kept = 0;
    for (size_t i = 0; i < n->num; i++) {
        if (kept == 0 || !mse_bytes_equal(n->list[i], n->list[kept - 1])) {
            n->list[kept++] = n->list[i];
        }
    }
    n->num = kept;
}

static mse_status make_der(struct cli_proxy_ca *ca, const struct names *n, struct mse_error *err)
{
    mse_time now = (mse_time)time(NULL);
    const struct mse_ratls_local_params p = { .key = ca->key,
                                              .names = n->list,
                                              .num_names = n->num,
                                              .not_before = now - HOUR,
                                              .not_after = now + CA_SECONDS };
    ca->not_after = p.not_after;
    return mse_ratls_local_make(&ca->der, &p, err);
}

/* The key first: a certificate without its key would be imported in vain. */
static mse_status write_ca(struct cli_proxy_ca *ca, const char *key_path, const struct names *n,
                           bool anew, struct mse_error *err)
{
    struct mse_build pem;
    mse_build_heap(&pem, MAX_FILE);
    mse_status st = cli_make_parents(ca->path, err);
    st = st == MSE_OK ? mse_privkey_generate_p256(&ca->key) : st;
    st = st == MSE_OK ? make_der(ca, n, err) : st;
    st = st == MSE_OK ? mse_privkey_to_pem(ca->key, &pem) : st;
    st = st == MSE_OK ? cli_newfile_put(key_path, mse_build_view(&pem), 0600, anew, err) : st;
    mse_build_clear(&pem);
    mse_build_heap(&pem, MAX_FILE);
    if (st == MSE_OK) {
        mse_ratls_put_pem(&pem, mse_build_view(&ca->der));
        st = cli_newfile_put(ca->path, mse_build_view(&pem), 0644, anew, err);
    }
    mse_build_clear(&pem);
    ca->made = st == MSE_OK;
    return st;
}

static enum cli_exit wrong(const struct cli *c, const struct cli_proxy_ca *ca, const char *why)
{
    cli_error(c, "the local CA %s %s", ca->path, why);
    cli_hint(c, "--new-local-ca makes another one; it has to be imported, and the old one removed "
                "from where it was");
    return CLI_TROUBLE;
}

/* That the certificate is what would be made for these names, by this key, today. */
static enum cli_exit check_ca(struct cli_proxy_ca *ca, const struct cli *c, const struct names *n)
{
    uint8_t room[MAX_DER];
    struct mse_build want;
    struct mse_build spki;
    uint8_t spki_room[256];
    struct mse_cert cert;
    struct mse_bytes seen;
    bool critical = false;
    mse_time now = (mse_time)time(NULL);
    mse_build_fixed(&want, room, sizeof room);
    mse_build_fixed(&spki, spki_room, sizeof spki_room);
    mse_profile_constraints_all(&want, n->list, n->num);
    if (mse_cert_parse(&cert, mse_build_view(&ca->der), NULL) != MSE_OK ||
        mse_privkey_spki(ca->key, &spki) != MSE_OK ||
        !mse_bytes_equal(cert.key.spki, mse_build_view(&spki))) {
        return wrong(c, ca, "does not belong to its key");
    }
    if (!mse_cert_extension(&cert, MSE_OID(mse_oid_name_constraints), &seen, &critical) ||
        !critical || !mse_bytes_equal(seen, mse_build_view(&want))) {
        return wrong(c, ca, "is for other apps than these");
    }
    if (now < cert.not_before || now + CLI_PROXY_LEAF_SECONDS > cert.not_after) {
        return wrong(c, ca, "has ended, or ends within two days");
    }
    ca->not_after = cert.not_after;
    return CLI_DONE;
}

static mse_status read_pem_cert(struct mse_build *der, struct mse_bytes pem)
{
    size_t len = 0;
    uint8_t *room = mse_wr_space(der, pem.len);
    mse_status st =
        room == NULL ? MSE_ERR_MEMORY : mse_pem_next(&pem, "CERTIFICATE", room, pem.len, &len);
    der->len = st == MSE_OK ? len : 0;
    return st;
}

static enum cli_exit read_ca(struct cli_proxy_ca *ca, const struct cli *c, const char *key_path,
                             const struct names *n)
{
    struct mse_error err = { 0 };
    struct cli_file cert = { 0 };
    struct cli_file key = { 0 };
    mse_status st = cli_file_read(&cert, ca->path, MAX_FILE, &err);
    st = st == MSE_OK ? cli_file_read(&key, key_path, MAX_FILE, &err) : st;
    st = st == MSE_OK ? mse_privkey_from_pem(&ca->key, cli_file_view(&key), &err) : st;
    st = st == MSE_OK ? read_pem_cert(&ca->der, cli_file_view(&cert)) : st;
    cli_file_wipe(&key);
    cli_file_clear(&cert);
    return st == MSE_OK ? check_ca(ca, c, n) : cli_failed(c, st, &err);
}

static void say_wide(const struct cli *c, const struct names *n)
{
    for (size_t i = 0; i < n->num; i++) {
        if (mse_profile_has_below(n->list[i], n->list, n->num)) {
            cli_hint(c, "another app is below %s: the local CA can sign for every name below it",
                     (const char *)n->list[i].data);
        }
    }
}

enum cli_exit cli_proxy_ca_open(struct cli_proxy_ca *out, const struct cli *c,
                                const char *const *names, size_t num, bool anew)
{
    struct names n;
    struct mse_error err = { 0 };
    char *key_path = cli_conf_path(KEY_FILE);
    *out = (struct cli_proxy_ca) { .path = cli_conf_path(CERT_FILE) };
    mse_build_heap(&out->der, MAX_DER);
    sort_names(&n, names, num);
    if (out->path == NULL || key_path == NULL) {
        free(key_path);
        return cli_trouble(c, "no configuration folder: set MSE_CONF_PATH or HOME");
    }
    enum cli_exit e = CLI_DONE;
    if (!anew && cli_file_exists(out->path)) {
        e = read_ca(out, c, key_path, &n);
    } else {
        mse_status st = write_ca(out, key_path, &n, anew, &err);
        say_wide(c, &n);
        e = st == MSE_OK ? CLI_DONE : cli_failed(c, st, &err);
    }
    free(key_path);
    if (e == CLI_DONE && mse_privkey_generate_p256(&out->leaf_key) != MSE_OK) {
        e = cli_trouble(c, "no key can be made");
    }
    return e;
}

void cli_proxy_ca_clear(struct cli_proxy_ca *ca)
{
    free(ca->path);
    mse_privkey_free(ca->key);
    mse_privkey_free(ca->leaf_key);
    mse_build_clear(&ca->der);
    *ca = (struct cli_proxy_ca) { .path = NULL };
}

mse_status cli_proxy_ca_leaf(struct mse_build *pem, const struct cli_proxy_ca *ca, const char *name,
                             struct mse_error *err)
{
    struct mse_build der;
    struct mse_bytes text = mse_bytes_str(name);
    mse_time now = (mse_time)time(NULL);
    const struct mse_ratls_local_params p = { .key = ca->leaf_key,
                                              .names = &text,
                                              .num_names = 1,
                                              .ca = ca->key,
                                              .not_before = now - HOUR,
                                              .not_after = now + CLI_PROXY_LEAF_SECONDS };
    mse_build_heap(&der, MAX_DER);
    mse_status st = mse_ratls_local_make(&der, &p, err);
    if (st == MSE_OK) {
        mse_ratls_put_pem(pem, mse_build_view(&der));
        mse_ratls_put_pem(pem, mse_build_view(&ca->der));
        st = mse_build_ok(pem) ? MSE_OK : MSE_ERR_NO_SPACE;
    }
    mse_build_clear(&der);
    return st;
}
