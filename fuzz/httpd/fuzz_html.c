/* SPDX-License-Identifier: Apache-2.0 */
/* Writing HTML: whatever the bytes, what comes out is UTF-8 without markup, and no character of it
 * is one that the reader would not see. */
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/util.h"
#include "httpd/html.h"

static void check_text(const char *text, size_t len)
{
    static const char *const hidden[] = { "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x80\x8b",
                                          "\xc2\x85" };
    MSE_ASSERT(strlen(text) == len);
    MSE_ASSERT(mse_utf8_valid(mse_bytes_of(text, len)));
    MSE_ASSERT(strpbrk(text, "<>\"'\r\x1b\x7f\b") == NULL);
    for (size_t i = 0; i < MSE_ARRAY_LEN(hidden); i++) {
        MSE_ASSERT(strstr(text, hidden[i]) == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_build b;
    mse_build_heap(&b, (size_t)1 << 20);
    mse_html_text(&b, mse_bytes_of(data, size));
    const char *text = mse_build_cstr(&b);
    if (text != NULL) {
        check_text(text, b.len);
    }
    mse_build_clear(&b);
    return 0;
}
