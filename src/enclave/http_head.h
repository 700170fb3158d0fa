/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a request of the configuration protocol: the little of HTTP/1.1 (RFC 9112) that it
 * needs, and nothing else. No allocation. */
#ifndef ENCLAVE_HTTP_HEAD_H
#define ENCLAVE_HTTP_HEAD_H

#include <mse/types.h>

#define MSE_HTTP_MAX_HEAD ((size_t)8192)

struct mse_http_head {
    size_t len; /* of the head, its empty line included */
    bool post;  /* otherwise GET */
    bool has_token;
    uint8_t token[32]; /* of Authorization: Bearer and 64 hexadecimal digits; the caller wipes it */
    bool wants_continue;
    uint64_t content_length;
};
/* Reads a head from the front of in. 0: it is not whole yet; 200: *out is set; otherwise the status
 * to answer with: 400, 404, 405, 411, 431, 505. */
MSE_MUST_USE unsigned mse_http_head_read(struct mse_http_head *out, struct mse_bytes in);

#endif
