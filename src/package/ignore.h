/* SPDX-License-Identifier: Apache-2.0 */
/* Ignore rules with the semantics of gitignore(5): later rules win, '!' brings back, a '/' inside
 * anchors, a '/' at the end means folders only, '**' crosses folders. What lies in an ignored
 * folder cannot be brought back: the walker does not enter it. */
#ifndef PACKAGE_IGNORE_H
#define PACKAGE_IGNORE_H

#include <mse/status.h>

#define MSE_IGNORE_FILE    ".mseignore"
#define MSE_IGNORE_MAX_LEN ((size_t)64 * 1024)
#define MSE_IGNORE_MAX_NUM ((size_t)4096)

struct mse_ignore_rule {
    struct mse_bytes pattern; /* without '!', leading and trailing '/' */
    bool negated;
    bool folder_only;
    bool anchored; /* matched against the whole path, else against the last part */
};

/* Rules point into the text that they were read from, which must outlive them. */
struct mse_ignore {
    struct mse_ignore_rule *rules;
    size_t num;
};
/* mse_ignore_parse reads the lines of an ignore file. Any text is a valid one; errors are
 * MSE_ERR_NO_SPACE above the maxima and MSE_ERR_MEMORY. Release with mse_ignore_clear. */
MSE_MUST_USE mse_status mse_ignore_parse(struct mse_ignore *out, struct mse_bytes text,
                                         struct mse_error *err);
void mse_ignore_clear(struct mse_ignore *ig);
/* The list that is used where there is no ignore file (version 1 of it; the manifest's "ignore").
 */
struct mse_bytes mse_ignore_default(void);
/* mse_ignore_match tells whether the last rule that matches path ignores it. path is relative to
 * the folder of the ignore file, '/'-separated. Its parents are not looked at. */
MSE_MUST_USE bool mse_ignore_match(const struct mse_ignore *ig, struct mse_bytes path,
                                   bool is_folder);

#endif
