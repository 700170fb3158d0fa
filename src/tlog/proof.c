/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs in a file (C2SP tlog-proof), with what ours bring along: the entry, and the consistency
 * proof from an earlier tree. */
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "tlog/note.h"

static const char version_line[] = "c2sp.org/tlog-proof@v1";

static bool rd_extra(struct mse_bytes *in, struct mse_log_proof *p, size_t *len)
{
    struct mse_bytes text;
    *len = 0;
    return !mse_log_rd_word(in, "extra", &text) ||
           mse_base64_decode(p->extra, sizeof p->extra, len, text);
}

/* The entry ends at its first empty line, or with the whole. */
static bool rd_brought(struct mse_log_proof *p, struct mse_bytes in)
{
    struct mse_bytes line;
    size_t end = mse_bytes_find(in, mse_bytes_str("\n\n"));
    if (end == SIZE_MAX) {
        p->entry = in;
        return true;
    }
    if (!mse_rd_bytes(&in, &p->entry, end + 1) || !mse_rd_skip(&in, 1)) {
        return false;
    }
    p->has_link = true;
    return mse_log_rd_word(&in, "since", &line) && mse_u64_parse(&p->link_size, line, INT64_MAX) &&
           mse_log_rd_hashes(&in, p->link, &p->num_link, MSE_LOG_MAX_LINK) && in.len == 0;
}

static bool rd_proof(struct mse_bytes in, struct mse_log_proof *p)
{
    struct mse_bytes line;
    size_t extra = 0;
    return mse_log_rd_line(&in, &line) && mse_bytes_is_str(line, version_line) &&
           rd_extra(&in, p, &extra) && rd_brought(p, mse_bytes_of(p->extra, extra)) &&
           mse_log_rd_word(&in, "index", &line) && mse_u64_parse(&p->index, line, INT64_MAX) &&
           mse_log_rd_hashes(&in, p->path, &p->num_path, MSE_LOG_MAX_PATH) &&
           mse_log_rd_line(&in, &line) && line.len == 0 &&
           mse_log_checkpoint_parse(&p->checkpoint, in, NULL) == MSE_OK;
}

mse_status mse_log_proof_parse(struct mse_log_proof *out, struct mse_bytes in,
                               struct mse_error *err)
{
    memset(out, 0, sizeof *out);
    if (in.len > MSE_LOG_MAX_NOTE + (size_t)16384 || !rd_proof(in, out)) {
        return MSE_FAIL(err, MSE_ERR_LOG_FORM, "log", "no proof of the form %s", version_line);
    }
    return MSE_OK;
}
