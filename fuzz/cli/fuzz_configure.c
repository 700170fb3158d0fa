/* SPDX-License-Identifier: Apache-2.0 */
/* What an enclave answers to its owner: a status, and words that are safe to print. */
#include "base/bytes.h"
#include "base/util.h"
#include "cli/configure.h"

static void check_word(const char *word, size_t cap)
{
    char again[64];
    MSE_ASSERT(cap <= sizeof again && strnlen(word, cap) < cap);
    memcpy(again, word, strlen(word) + 1);
    mse_utf8_printable(again);
    MSE_ASSERT(strcmp(again, word) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cli_configure_answer a;
    struct cli_configure_answer untouched;
    struct mse_error err = { .status = MSE_OK };
    memset(&a, 0xa5, sizeof a);
    memset(&untouched, 0xa5, sizeof untouched);
    mse_status st = cli_configure_parse(&a, mse_bytes_of(data, size), &err);
    MSE_ASSERT(st == err.status);
    if (st != MSE_OK) {
        MSE_ASSERT(st == MSE_ERR_PROTOCOL && mse_mem_equal(&a, &untouched, sizeof a));
        return 0;
    }
    MSE_ASSERT(a.status >= 100 && a.status <= 599);
    check_word(a.state, sizeof a.state);
    check_word(a.error, sizeof a.error);
    check_word(a.field, sizeof a.field);
    return 0;
}
