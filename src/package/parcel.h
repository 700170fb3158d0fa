/* SPDX-License-Identifier: Apache-2.0 */
/* What `mse home package` makes and an operator gets: one file (.mse) with mse.toml, the tests and
 * the package of the code (docs/protocol.md, "The file of mse home"). The digest of its head stands
 * in the header of the code's package, so that neither can be changed without the other. */
#ifndef PACKAGE_PARCEL_H
#define PACKAGE_PARCEL_H

#include <mse/status.h>

#define MSE_PARCEL_MAGIC     "MSEHOME" /* with its NUL: 8 bytes */
#define MSE_PARCEL_MAX_HEAD  ((size_t)2 * 1024 * 1024)
#define MSE_PARCEL_MAX_TESTS ((uint64_t)64 * 1024 * 1024)

/* What the head says, and where the rest lies. Release with mse_parcel_clear. */
struct mse_parcel {
    char *mse_toml;  /* its exact text */
    char *ssl_chain; /* PEM of the owner's certificate chain; NULL: none */
    char *client_ca; /* PEM of who signs client certificates; NULL: clients need none */
    uint8_t code_digest[32];
    bool encrypted;
    uint64_t tests_size; /* 0: there are none */
    uint8_t tests_sha256[32];
    uint8_t head_sha256[32]; /* the manifest's package_header */
    uint64_t code_at;        /* where the package of the code begins; it ends with the file */
};
void mse_parcel_clear(struct mse_parcel *p);

/* What goes into one; all borrowed. */
struct mse_parcel_parts {
    struct mse_bytes mse_toml;
    struct mse_bytes ssl_chain; /* empty: none */
    struct mse_bytes client_ca; /* empty: none */
    const char *code_dir;
    const char *tests_dir; /* NULL: no tests */
    const uint8_t *salt;   /* code_salt */
    const uint8_t *key;    /* the code key, 32 bytes; NULL: plain */
};
/* mse_parcel_write writes to the empty file fd and gives code_digest back. Errors of
 * mse_code_digest and mse_package_write; MSE_ERR_NO_SPACE for too many tests. */
MSE_MUST_USE mse_status mse_parcel_write(uint8_t code_digest[32], int fd,
                                         const struct mse_parcel_parts *parts,
                                         struct mse_error *err);

/* mse_parcel_read reads the head from the start of fd, a regular file, and compares the header of
 * the code's package with it. MSE_ERR_MALFORMED, MSE_ERR_UNSUPPORTED_VERSION,
 * MSE_ERR_PACKAGE_TRUNCATED, MSE_ERR_PACKAGE_KIND, MSE_ERR_MANIFEST_MISMATCH (head and package are
 * not of one making), MSE_ERR_IO. The text of mse.toml is a stranger's. */
MSE_MUST_USE mse_status mse_parcel_read(struct mse_parcel *out, int fd, struct mse_error *err);
/* mse_parcel_tests unpacks the tests into the empty folder dest, after their digest was checked:
 * MSE_ERR_PACKAGE_DAMAGED, MSE_ERR_NOT_FOUND (there are none), those of mse_package_unpack. */
MSE_MUST_USE mse_status mse_parcel_tests(const struct mse_parcel *p, int fd, const char *dest,
                                         struct mse_error *err);
/* mse_parcel_code copies the package of the code to the file to, for the enclave: as it is, judged
 * by nobody but the enclave. MSE_ERR_IO. */
MSE_MUST_USE mse_status mse_parcel_code(const struct mse_parcel *p, int fd, int to,
                                        struct mse_error *err);

/* mse_parcel_head_parse reads the JSON of a head: the strict, canonical form only. Fills what the
 * JSON has and head_sha256. MSE_ERR_MALFORMED, MSE_ERR_UNSUPPORTED_VERSION. */
MSE_MUST_USE mse_status mse_parcel_head_parse(struct mse_parcel *out, struct mse_bytes json,
                                              struct mse_error *err);
struct mse_build;
void mse_parcel_head_write(struct mse_build *b, const struct mse_parcel *p);

#endif
