/* SPDX-License-Identifier: Apache-2.0 */
/* The stream of a package (10-rules 21): a header of 72 bytes, then the plaintext, in the clear or
 * as chunks under AES-256-GCM (the STREAM construction). Bounded memory on both sides. A single
 * encrypted file (mse home encrypt) has the same form, with a magic and a key of its own. Internal
 * to package/ and its tests. */
#ifndef PACKAGE_STREAM_H
#define PACKAGE_STREAM_H

#include <mse/status.h>

#define MSE_PLAIN_MAGIC       "MSEPKG0" /* with its NUL: 8 bytes */
#define MSE_ENCRYPTED_MAGIC   "MSEPKG1"
#define MSE_FILE_MAGIC        "MSEFILE"
#define MSE_PACKAGE_HEAD_LEN  ((size_t)72)
#define MSE_PACKAGE_CHUNK_LEN ((size_t)65536) /* of plaintext */
#define MSE_CODE_SALT_LEN     ((size_t)32)

/* What both sides know of a package; everything is borrowed, 32 bytes each. */
struct mse_package {
    const uint8_t *manifest_digest;
    const uint8_t *key;      /* the code key; NULL: a plain package */
    const uint8_t *key_salt; /* writing: NULL for a fresh one; tests fix it. Reading: unused */
    uint64_t max_total;      /* unpacking: the most bytes of content */
    bool file; /* one encrypted file, not a package: key is there, manifest_digest 32 zeros */
    /* Writing a package: told how many bytes of content are packed, of how many. Optional. */
    void (*progress)(void *user, uint64_t bytes, uint64_t total);
    void *user;
};

/* The writer: opaque, heap, wiped on free. What finish did not end is refused by every reader. */
struct mse_stream_out;
MSE_MUST_USE mse_status mse_stream_out_new(struct mse_stream_out **out, int fd,
                                           const struct mse_package *p, struct mse_error *err);
/* MSE_ERR_IO, MSE_ERR_CRYPTO; errno is that of the write. */
MSE_MUST_USE mse_status mse_stream_write(struct mse_stream_out *s, struct mse_bytes piece);
MSE_MUST_USE mse_status mse_stream_finish(struct mse_stream_out *s);
void mse_stream_out_free(struct mse_stream_out *s);

/* The reader: opaque, heap, wiped on free. mse_stream_in_new reads the header:
 * MSE_ERR_MALFORMED, MSE_ERR_PACKAGE_KIND (encrypted where plain is wanted, or the other way
 * round), MSE_ERR_MANIFEST_MISMATCH, MSE_ERR_PACKAGE_TRUNCATED, MSE_ERR_IO. */
struct mse_stream_in;
MSE_MUST_USE mse_status mse_stream_in_new(struct mse_stream_in **out, int fd,
                                          const struct mse_package *p, struct mse_error *err);
/* mse_stream_read gives the next piece of plaintext, authentic if the package is encrypted,
 * borrowed until the next call; an empty one at the end, and then the stream was whole. Errors are
 * for good: MSE_ERR_PACKAGE_KEY (the first chunk is not under this key), MSE_ERR_PACKAGE_ORDER,
 * MSE_ERR_PACKAGE_TRUNCATED, MSE_ERR_PACKAGE_EXTENDED, MSE_ERR_PACKAGE_DAMAGED, MSE_ERR_IO. */
MSE_MUST_USE mse_status mse_stream_read(struct mse_stream_in *s, struct mse_bytes *out,
                                        struct mse_error *err);
void mse_stream_in_free(struct mse_stream_in *s);

#endif
