/* SPDX-License-Identifier: Apache-2.0 */
/* Ignore rules: the first line is a path, the rest are rules. A rule "/" + path with everything
 * escaped, put behind them, must ignore the path; its negation must bring it back. */
#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "package/ignore.h"
#include "package/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool judge(struct mse_bytes rules, struct mse_bytes path)
{
    struct mse_ignore ig = { 0 };
    if (mse_ignore_parse(&ig, rules, NULL) != MSE_OK) {
        return false;
    }
    bool ignored = mse_ignore_match(&ig, path, false);
    if (mse_ignore_match(&ig, path, true) && !ignored) {
        ignored = false; /* a rule for folders only */
    }
    mse_ignore_clear(&ig);
    return ignored;
}

static void add_exact(struct mse_build *b, const char *front, struct mse_bytes path)
{
    mse_wr_str(b, front);
    for (size_t i = 0; i < path.len; i++) {
        if (path.data[i] != '/') {
            mse_wr_u8(b, '\\');
        }
        mse_wr_u8(b, path.data[i]);
    }
    mse_wr_u8(b, '\n');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes in = mse_bytes_of(data, size > 2048 ? 2048 : size);
    size_t end = mse_bytes_find(in, mse_bytes_str("\n"));
    if (end == SIZE_MAX) {
        return 0;
    }
    struct mse_bytes path = mse_bytes_of(in.data, end);
    struct mse_bytes rules = mse_bytes_of(in.data + end + 1, in.len - end - 1);
    (void)judge(rules, path);
    if (!mse_rule_path(path) || mse_bytes_find(path, mse_bytes_str("\r")) != SIZE_MAX) {
        return 0;
    }
    struct mse_build b;
    mse_build_heap(&b, (size_t)1024 * 1024);
    mse_wr_bytes(&b, rules);
    mse_wr_u8(&b, '\n');
    add_exact(&b, "/", path);
    MSE_ASSERT(judge(mse_build_view(&b), path));
    add_exact(&b, "!/", path);
    MSE_ASSERT(!judge(mse_build_view(&b), path));
    mse_build_clear(&b);
    return 0;
}
