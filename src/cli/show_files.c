/* SPDX-License-Identifier: Apache-2.0 */
/* Packages and encrypted files for mse show. Nothing is decrypted: what only the holder of a key
 * may know is said to be encrypted. */
#include "cli/show_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/util.h"
#include "cli/json_of.h"
#include "package/parcel.h"
#include "package/stream.h"

#define TAG_LEN 16U /* behind each chunk */

/* Plaintext of an encrypted stream, by the length of what holds it: header, chunks, tags. */
static uint64_t content_len(uint64_t len)
{
    uint64_t body = len < MSE_PACKAGE_HEAD_LEN ? 0 : len - MSE_PACKAGE_HEAD_LEN;
    uint64_t whole = MSE_PACKAGE_CHUNK_LEN + TAG_LEN;
    uint64_t rest = body % whole;
    return body / whole * MSE_PACKAGE_CHUNK_LEN + (rest > TAG_LEN ? rest - TAG_LEN : 0);
}

static json_t *show_stream(const uint8_t head[MSE_PACKAGE_HEAD_LEN], uint64_t len, bool package)
{
    bool plain = mse_mem_equal(head, MSE_PLAIN_MAGIC, 8);
    json_t *o = json_object();
    (void)json_object_set_new(o, "size", json_integer((json_int_t)len));
    (void)json_object_set_new(o, "encrypted", json_boolean(!plain));
    if (package) {
        (void)json_object_set_new(o, "made_for", cli_hex(head + 8, 32));
    }
    if (plain) {
        return o;
    }
    (void)json_object_set_new(o, "cipher", json_string("AES-256-GCM, chunks of 65536 bytes"));
    (void)json_object_set_new(o, "key_salt", cli_hex(head + 40, 32));
    (void)json_object_set_new(o, "content_size", json_integer((json_int_t)content_len(len)));
    (void)json_object_set_new(o, "content",
                              json_string(package ? "encrypted: names, sizes and content of the "
                                                    "files, and the salt of the code"
                                                  : "encrypted"));
    return o;
}

/* Line by line: people read it so. */
static json_t *lines_of(const char *text)
{
    json_t *list = json_array();
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        (void)json_array_append_new(list, json_stringn(text, len));
        text += len + (text[len] == '\n' ? 1 : 0);
    }
    return list;
}

static json_t *show_parcel(int fd, uint64_t len)
{
    struct mse_parcel p = { 0 };
    struct mse_error err = { 0 };
    uint8_t head[MSE_PACKAGE_HEAD_LEN] = { 0 };
    size_t got = 0;
    mse_status st = mse_parcel_read(&p, fd, &err);
    if (st != MSE_OK) {
        return json_pack("{s:s}", "unreadable",
                         err.text[0] == '\0' ? mse_status_text(st) : err.text);
    }
    json_t *o = json_object();
    (void)json_object_set_new(o, "size", json_integer((json_int_t)len));
    (void)json_object_set_new(o, "code_digest", cli_hex(p.code_digest, 32));
    (void)json_object_set_new(o, "head_sha256", cli_hex(p.head_sha256, 32));
    (void)json_object_set_new(o, "mse_toml", lines_of(p.mse_toml));
    (void)json_object_set_new(o, "tests",
                              p.tests_size == 0
                                  ? json_string("none")
                                  : json_pack("{s:I, s:o}", "size", (json_int_t)p.tests_size,
                                              "sha256", cli_hex(p.tests_sha256, 32)));
    if (lseek(fd, (off_t)p.code_at, SEEK_SET) >= 0 && mse_io_read(fd, head, sizeof head, &got) &&
        got == sizeof head) {
        (void)json_object_set_new(o, "code", show_stream(head, len - p.code_at, true));
    }
    mse_parcel_clear(&p);
    return o;
}

static const char *kind_of(const uint8_t magic[8])
{
    static const struct {
        char magic[8];
        const char *kind;
    } rows[] = {
        { MSE_PARCEL_MAGIC, "package" },
        { MSE_ENCRYPTED_MAGIC, "code-package" },
        { MSE_PLAIN_MAGIC, "code-package" },
        { MSE_FILE_MAGIC, "encrypted-file" },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(rows); i++) {
        if (mse_mem_equal(magic, rows[i].magic, 8)) {
            return rows[i].kind;
        }
    }
    return NULL;
}

static json_t *show(const char **kind, int fd)
{
    struct stat info;
    uint8_t head[MSE_PACKAGE_HEAD_LEN] = { 0 };
    size_t got = 0;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) ||
        !mse_io_read(fd, head, sizeof head, &got) || got < 8) {
        return NULL;
    }
    const char *found = kind_of(head);
    if (found == NULL || lseek(fd, 0, SEEK_SET) != 0) {
        return NULL;
    }
    *kind = found;
    if (strcmp(found, "package") == 0) {
        return show_parcel(fd, (uint64_t)info.st_size);
    }
    return got == sizeof head
               ? show_stream(head, (uint64_t)info.st_size, strcmp(found, "code-package") == 0)
               : json_pack("{s:s}", "unreadable", "it ends in its header");
}

json_t *cli_show_file(const char **kind, const char *path)
{
    *kind = NULL;
    int fd = strcmp(path, "-") == 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return NULL;
    }
    json_t *o = show(kind, fd);
    (void)close(fd);
    return o;
}
