/* SPDX-License-Identifier: Apache-2.0 */
/* Heads and body framing of HTTP/1.1 (RFC 9112) for somebody in the middle: what two readers could
 * understand in two ways is refused. Pure; nothing is allocated. */
#ifndef PROXY_HTTP1_H
#define PROXY_HTTP1_H

#include <mse/types.h>

#define MSE_HTTP1_HEAD_MAX   ((size_t)32768)
#define MSE_HTTP1_FIELDS_MAX 128

/* How the target of a request is written (RFC 9112 §3.2). */
enum mse_http1_form {
    MSE_HTTP1_ORIGIN,    /* /path?query */
    MSE_HTTP1_ABSOLUTE,  /* http://authority/path?query */
    MSE_HTTP1_AUTHORITY, /* host:port, of CONNECT only */
    MSE_HTTP1_ASTERISK,  /* *, of OPTIONS only */
};

/* How the end of a body is known. */
enum mse_http1_framing {
    MSE_HTTP1_NO_BODY,
    MSE_HTTP1_LENGTH,
    MSE_HTTP1_CHUNKED,
    MSE_HTTP1_UNTIL_END, /* responses only: of the connection */
};

struct mse_http1_field {
    struct mse_bytes name;
    struct mse_bytes value; /* without white space around it */
};

/* Slices borrow from what was read. */
struct mse_http1_head {
    size_t len;    /* its empty line included */
    bool one_zero; /* HTTP/1.0 */
    bool close;    /* Connection: close, or 1.0 without keep-alive */
    bool upgrade;  /* Connection: upgrade, with Upgrade: websocket */
    enum mse_http1_framing framing;
    uint64_t content_length;
    /* of requests */
    struct mse_bytes method;
    enum mse_http1_form form;
    struct mse_bytes authority;  /* of the forms ABSOLUTE and AUTHORITY */
    struct mse_bytes path;       /* with its query; "/" at least, or "*" */
    struct mse_bytes host;       /* always there */
    struct mse_bytes origin;     /* empty: none */
    struct mse_bytes referer;    /* empty: none */
    struct mse_bytes fetch_site; /* Sec-Fetch-Site; empty: none */
    struct mse_bytes accept;     /* the first; empty: none */
    bool has_origin;             /* also an empty one */
    bool has_fetch_site;
    /* of responses */
    unsigned status;
    struct mse_bytes reason; /* may be empty */
    size_t num_fields;
    struct mse_http1_field fields[MSE_HTTP1_FIELDS_MAX];
};

/* mse_http1_request reads the head of a request from the front of in. 0: it is not whole yet; 200:
 * *out is set; otherwise the status to answer with (400, 417, 431, 501, 505), and *why says what is
 * wrong. *out is scratch before. */
MSE_MUST_USE unsigned mse_http1_request(struct mse_http1_head *out, struct mse_bytes in,
                                        const char **why);
/* The same for a response to a request of this method; 502 for what is not to be passed on. */
MSE_MUST_USE unsigned mse_http1_response(struct mse_http1_head *out, struct mse_bytes in,
                                         struct mse_bytes method, const char **why);

/* Whether name is that word; case does not count. */
MSE_MUST_USE bool mse_http1_is(struct mse_bytes name, const char *word);
/* Whether a field belongs to one connection only and is not passed on. */
MSE_MUST_USE bool mse_http1_hop_by_hop(struct mse_bytes name);

/* A body that goes by, of either framing. Zeroed, then begun. */
struct mse_http1_body {
    enum mse_http1_framing framing;
    bool trailers; /* may stand behind a chunked body */
    uint64_t left; /* bytes of the body, or of this chunk */
    unsigned state;
    unsigned count; /* of digits, or of bytes of the line */
    unsigned total; /* bytes of all trailers */
    bool named;     /* this trailer has its colon */
};
void mse_http1_body_begin(struct mse_http1_body *b, const struct mse_http1_head *h, bool trailers);
enum mse_http1_step {
    MSE_HTTP1_MORE, /* all was taken, more has to come */
    MSE_HTTP1_END,  /* the body ends behind what was taken */
    MSE_HTTP1_BAD,
};
/* Takes what belongs to the body from the front of in, which may be passed on as it is. */
enum mse_http1_step mse_http1_body_take(struct mse_http1_body *b, struct mse_bytes in,
                                        size_t *taken);

#endif
