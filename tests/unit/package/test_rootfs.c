/* SPDX-License-Identifier: Apache-2.0 */
/* The list of a rootfs, and the .manifest.sgx over it. tests/integration/measure has a second
 * implementation, and a reader of TOML that is not ours. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "lib/testlib.h"
#include "package/gramine.h"

#define A "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb" /* of "a" */
#define B "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d" /* of "b" */

static const char sample[] = B " - 1 gramine/libsysdb.so\n" A " x 1 mse/mse-enclave\n";

static mse_status digest_of(uint8_t out[32], const char *list)
{
    struct mse_error err = { 0 };
    mse_status st = mse_rootfs_digest(out, mse_bytes_str(list), &err);
    assert_true((st == MSE_OK) == (err.text[0] == '\0'));
    return st;
}

static void list_of_a_folder(void **state)
{
    (void)state;
    char *dir = test_tmpdir();
    char path[256];
    struct mse_build list;
    static const char *const names[] = { "gramine", "mse", "empty" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(names); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    (void)snprintf(path, sizeof path, "%s/gramine/libsysdb.so", dir);
    test_write_file(path, mse_bytes_str("b"));
    (void)snprintf(path, sizeof path, "%s/mse/mse-enclave", dir);
    test_write_file(path, mse_bytes_str("a"));
    assert_int_equal(chmod(path, 0755), 0);
    mse_build_heap(&list, MSE_ROOTFS_MAX_LEN);
    assert_status(mse_rootfs_list(&list, dir, NULL), MSE_OK);
    assert_bytes(mse_build_view(&list), mse_bytes_str(sample));
    mse_build_clear(&list);
    mse_build_heap(&list, 100); /* one line and a bit */
    struct mse_error err = { 0 };
    assert_status(mse_rootfs_list(&list, dir, &err), MSE_ERR_NO_SPACE);
    mse_build_clear(&list);
    (void)snprintf(path, sizeof path, "%s/a\nb", dir);
    test_write_file(path, mse_bytes_str(""));
    mse_build_heap(&list, MSE_ROOTFS_MAX_LEN);
    assert_status(mse_rootfs_list(&list, dir, &err), MSE_ERR_MALFORMED);
    mse_build_clear(&list);
    test_tmpdir_remove(dir);
}

/* The rows of 10-rules 20 under the tag of 10-rules 17, written out. */
static void digest_to_the_byte(void **state)
{
    (void)state;
    static const uint8_t rows[] = "mse-rootfs-v1\0"
                                  "\x01\0\0\0p\x01\x07\0\0\0\0\0\0\0";
    uint8_t a[32];
    uint8_t text[sizeof rows - 1 + 32];
    uint8_t wanted[32];
    uint8_t seen[32];
    assert_true(mse_hex_decode(a, 32, mse_bytes_str(A)));
    memcpy(text, rows, sizeof rows - 1);
    memcpy(text + sizeof rows - 1, a, 32);
    assert_status(mse_sha256(wanted, mse_bytes_of(text, sizeof text)), MSE_OK);
    assert_status(digest_of(seen, A " x 7 p\n"), MSE_OK);
    assert_bytes(mse_bytes_of(seen, 32), mse_bytes_of(wanted, 32));
}

static void refused_lists(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\n",
        A " x 1 p",
        A " x 1 \n",
        A " x 1\n",
        A "  x 1 p\n",
        A " X 1 p\n",
        A " x -1 p\n",
        A " x 01x p\n",
        A " x 9223372036854775808 p\n",
        A "0 x 1 p\n",
        "g" A " x 1 p\n",
        A " x 1 /p\n",
        A " x 1 ./p\n",
        A " x 1 p/../q\n",
        A " x 1 p//q\n",
        A " x 1 p\t\n",
        A " x 1 p\r\n",
        A " x 1 \x7f\n",
        A " x 1 \xff\n",
        A " x 1 b\n" A " x 1 a\n",
        A " x 1 b\n" A " x 1 b\n",
        A " x 1 b\n\n",
    };
    uint8_t out[32];
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        if (digest_of(out, bad[i]) != MSE_ERR_MALFORMED) {
            fail_msg("row %zu was taken", i);
        }
    }
    assert_status(digest_of(out, A " x 0 a b \n"), MSE_OK);
    assert_status(digest_of(out, ""), MSE_OK);
}

static void cut_anywhere(void **state)
{
    (void)state;
    uint8_t whole[32];
    uint8_t out[32];
    assert_status(digest_of(whole, sample), MSE_OK);
    for (size_t n = 0; n < sizeof sample - 1; n++) {
        mse_status st = mse_rootfs_digest(out, mse_bytes_of(sample, n), NULL);
        assert_true(st == MSE_ERR_MALFORMED || (st == MSE_OK && (n == 0 || sample[n - 1] == '\n') &&
                                                !mse_mem_equal(out, whole, 32)));
    }
    for (size_t extra = 0; extra < 2; extra++) {
        struct mse_build list;
        mse_build_heap(&list, (size_t)MSE_PATH_MAX_LEN * 2);
        mse_wr_str(&list, A " x 1 ");
        for (size_t i = 0; i < MSE_PATH_MAX_LEN + extra; i++) {
            mse_wr_u8(&list, 'p');
        }
        mse_wr_str(&list, "\n");
        assert_status(digest_of(out, mse_build_cstr(&list)),
                      extra == 0 ? MSE_OK : MSE_ERR_MALFORMED);
        mse_build_clear(&list);
    }
}

static mse_status manifest_of(struct mse_build *out, struct mse_manifest *m, const char *list)
{
    struct mse_error err = { 0 };
    mse_build_reset(out);
    mse_status st = mse_gramine_manifest(out, m, mse_bytes_str("{}"), mse_bytes_str(list), &err);
    assert_true((st == MSE_OK) == (err.text[0] == '\0'));
    return st;
}

static void manifest(void **state)
{
    (void)state;
    static char name[] = "r";
    static char version[] = "1";
    struct mse_manifest m = { .rootfs = { .name = name, .version = version },
                              .enclave_size = 1U << 30 };
    struct mse_build out;
    mse_build_heap(&out, MSE_GRAMINE_MANIFEST_MAX);
    assert_status(digest_of(m.rootfs.digest, sample), MSE_OK);
    assert_true(mse_hex_decode(m.runtime, 32, mse_bytes_str(A)));
    assert_status(manifest_of(&out, &m, sample), MSE_OK);
    static const char trusted[] =
        "sgx.trusted_files = [\n"
        "  { uri = \"file:manifest.json\", sha256 = "
        "\"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\" },\n"
        "  { uri = \"file:rootfs/gramine/libsysdb.so\", sha256 = \"" B "\" },\n"
        "  { uri = \"file:rootfs/mse/mse-enclave\", sha256 = \"" A "\" },\n"
        "]\nsys.brk.max_size";
    assert_true(mse_bytes_find(mse_build_view(&out), mse_bytes_str(trusted)) != SIZE_MAX);
    assert_true(mse_bytes_find(mse_build_view(&out),
                               mse_bytes_str("\nsgx.enclave_size = \"1073741824\"\n")) != SIZE_MAX);
    m.rootfs.digest[31] ^= 1;
    assert_status(manifest_of(&out, &m, sample), MSE_ERR_MANIFEST_MISMATCH);
    m.rootfs.digest[31] ^= 1;
    m.runtime[0] ^= 1;
    assert_status(manifest_of(&out, &m, sample), MSE_ERR_MANIFEST_MISMATCH);
    m.runtime[0] ^= 1;
    assert_status(manifest_of(&out, &m, "x\n"), MSE_ERR_MALFORMED);
    static const char *const lacking[] = { A " x 1 mse/mse-enclave\n",
                                           B " - 1 gramine/libsysdb.so\n" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(lacking); i++) {
        assert_status(digest_of(m.rootfs.digest, lacking[i]), MSE_OK);
        assert_status(manifest_of(&out, &m, lacking[i]), MSE_ERR_NOT_FOUND);
    }
    static const char no_x[] = B " - 1 gramine/libsysdb.so\n" A " - 1 mse/mse-enclave\n";
    assert_status(digest_of(m.rootfs.digest, no_x), MSE_OK);
    assert_status(manifest_of(&out, &m, no_x), MSE_ERR_MANIFEST_MISMATCH);
    m.rootfs.name = NULL;
    assert_status(manifest_of(&out, &m, sample), MSE_ERR_NOT_FOUND);
    mse_build_clear(&out);
    struct mse_build small;
    uint8_t buf[100];
    mse_build_fixed(&small, buf, sizeof buf);
    m.rootfs.name = name;
    assert_status(digest_of(m.rootfs.digest, sample), MSE_OK);
    assert_status(manifest_of(&small, &m, sample), MSE_ERR_NO_SPACE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_of_a_folder), cmocka_unit_test(digest_to_the_byte),
        cmocka_unit_test(refused_lists),    cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(manifest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
