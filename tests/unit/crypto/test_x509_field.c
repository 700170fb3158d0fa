/* SPDX-License-Identifier: Apache-2.0 */
/* Every certificate and CRL of the shared vectors, whole and damaged, against OpenSSL. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mse/status.h>

#include "base/bytes.h"
#include "crypto/x509.h"
#include "lib/testlib.h"
#include "unit/crypto/diff.h"

/* What nftw's callback has to reach. */
static struct {
    size_t certs;
    size_t refused;
    size_t crls;
    size_t damaged;
} seen;

#define MAX_DER 65536

/* Flips one bit at a time, at a stride that keeps the test short, and cuts and lengthens. */
static void damage(struct mse_bytes der, bool (*judge)(struct mse_bytes))
{
    uint8_t *copy = malloc(der.len + 1);
    assert_non_null(copy);
    memcpy(copy, der.data, der.len);
    copy[der.len] = 0;
    const size_t step = test_stride(7);
    for (size_t bit = seen.damaged % step; bit < der.len * 8; bit += step) {
        copy[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        (void)judge(mse_bytes_of(copy, der.len));
        copy[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        seen.damaged++;
    }
    for (size_t len = 0; len < der.len; len++) {
        assert_false(judge(mse_bytes_of(copy, len)));
    }
    assert_false(judge(mse_bytes_of(copy, der.len + 1)));
    free(copy);
}

static void judge_cert(struct mse_bytes der, const char *path)
{
    bool ok = diff_certificate(der);
    seen.certs++;
    if (!ok) {
        seen.refused++;
        print_message("# refused: %s\n", path);
    } else if (seen.certs % 16 == 0) {
        damage(der, diff_certificate);
    }
}

static void judge_crl(struct mse_bytes der, const char *path)
{
    if (!diff_crl(der)) {
        print_message("refused CRL: %s\n", path);
        seen.refused++;
    } else if (seen.crls++ % 16 == 0 && der.len < 4096) {
        damage(der, diff_crl);
    }
}

static bool ends_with(const char *path, const char *end)
{
    size_t len = strlen(path);
    size_t end_len = strlen(end);
    return len >= end_len && strcmp(path + len - end_len, end) == 0;
}

static void judge_pem(struct mse_bytes in, const char *label, const char *path,
                      void (*judge)(struct mse_bytes, const char *))
{
    static uint8_t der[MAX_DER];
    size_t len = 0;
    mse_status st = mse_pem_next(&in, label, der, sizeof der, &len);
    while (st == MSE_OK) {
        judge(mse_bytes_of(der, len), path);
        st = mse_pem_next(&in, label, der, sizeof der, &len);
    }
    if (st != MSE_ERR_NOT_FOUND) {
        print_message("refused PEM: %s\n", path);
        seen.refused++;
    }
}

static int visit(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)ftw;
    if (flag != FTW_F || st->st_size > MAX_DER || strstr(path, "nitro") != NULL ||
        strstr(path, "neg-") != NULL) {
        return 0;
    }
    struct mse_bytes in = test_read_file(path);
    struct mse_bytes cert_begin = mse_bytes_str("-----BEGIN CERTIFICATE-----");
    if (ends_with(path, ".pem") && mse_bytes_find(in, cert_begin) == 0) {
        judge_pem(in, "CERTIFICATE", path, judge_cert);
    } else if (ends_with(path, "crl.der")) {
        judge_crl(in, path);
    } else if (ends_with(path, ".der") && !ends_with(path, "extension.der")) {
        judge_cert(in, path);
    }
    union {
        const uint8_t *in;
        void *out;
    } p = { in.data };
    free(p.out);
    return 0;
}

static void test_field(void **state)
{
    (void)state;
    const char *dir = test_vectors();
    if (dir == NULL) {
        skip();
        return;
    }
    assert_int_equal(nftw(dir, visit, 16, FTW_PHYS), 0);
    print_message("# %zu certificates, %zu CRLs, %zu damaged\n", seen.certs, seen.crls,
                  seen.damaged);
    assert_true(seen.certs > 100 && seen.crls > 50);
    assert_int_equal(seen.refused, 1); /* tf-230-vcek-first-byte-flipped */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
