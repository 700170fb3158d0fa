/* SPDX-License-Identifier: Apache-2.0 */
/* A log as it is served: a folder or a URL. Nothing of it is believed here: who reads compares with
 * the root of a checkpoint that is signed. Everything that comes in is bounded. */
#ifndef CLI_TLOG_SOURCE_H
#define CLI_TLOG_SOURCE_H

#include <stdatomic.h>

#include "cmd/files.h"
#include "tlog/prove.h"

/* What there may be of entries: what a monitor reads of a log that never ends. */
#define CLI_LOG_MAX_SIZE (((uint64_t)1 << 24) - 1)
#define CLI_LOG_LEVELS   3

struct cli_log_tile {
    bool there;
    uint64_t index;
    unsigned width;
    uint8_t hashes[MSE_LOG_TILE_WIDTH][MSE_SHA256_LEN];
};

struct mse_http;
struct cli_log_source {
    char *base; /* folder or URL, without a slash behind it; heap */
    bool is_url;
    struct mse_http *http; /* of a URL, once something was asked */
    unsigned timeout_ms;
    const atomic_bool *ends; /* then nothing more is read; NULL: never */
    uint64_t size;           /* of the tree whose tiles are read: that of the checkpoint */
    struct cli_log_tile tiles[CLI_LOG_LEVELS];
};
/* cli_log_source_open: place is http://…, https://…, file://… or a folder (that of mse log init, or
 * the one in it that is served). MSE_ERR_NOT_FOUND. Release with cli_log_source_free. */
MSE_MUST_USE mse_status cli_log_source_open(struct cli_log_source **out, const char *place,
                                            unsigned timeout_ms, struct mse_error *err);
void cli_log_source_free(struct cli_log_source *s);

/* cli_log_source_read reads one file of the log, at most max bytes. MSE_ERR_NOT_FOUND; MSE_ERR_IO,
 * MSE_ERR_TIMEOUT (also: it ends); MSE_ERR_LOG_TILE: longer than it may be; MSE_ERR_PROTOCOL. */
MSE_MUST_USE mse_status cli_log_source_read(struct cli_file *out, struct cli_log_source *s,
                                            const char *path, size_t max, struct mse_error *err);
/* cli_log_source_head reads the checkpoint, whose bytes *note holds, and sets the size.
 * MSE_ERR_LOG_FORM, or MSE_ERR_NO_SPACE above CLI_LOG_MAX_SIZE. */
MSE_MUST_USE mse_status cli_log_source_head(struct cli_log_source *s, struct cli_file *note,
                                            struct mse_log_checkpoint *c, struct mse_error *err);
/* The nodes out of tiles. MSE_ERR_LOG_TILE: one that is no tile; those of reading. */
struct mse_log_nodes cli_log_source_nodes(struct cli_log_source *s);

/* cli_log_source_entries hands over the entries from number from on; what each returns but MSE_OK
 * ends it. MSE_ERR_LOG_TILE: a bundle that is none; those of reading. */
typedef mse_status cli_log_each(void *user, uint64_t index, struct mse_bytes entry,
                                struct mse_error *err);
MSE_MUST_USE mse_status cli_log_source_entries(struct cli_log_source *s, uint64_t from,
                                               cli_log_each *each, void *user,
                                               struct mse_error *err);

/* Where the tile of a tree of size leaves lies: its width, or 0 if there is none. */
unsigned cli_log_tile_width(uint64_t size, int level, uint64_t index);

#endif
