/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the proxy know of each other. One loop, one thread; only attesting happens in
 * others. */
#ifndef PROXY_INNER_H
#define PROXY_INNER_H

#include <uv.h>

#include "net/ages.h"
#include "net/leftover.h"
#include "net/tls.h"
#include "proxy/forward.h"
#include "proxy/proxy.h"
#include "proxy/rules.h"

#define PROXY_PLAIN_LEN  ((size_t)65536)
#define PROXY_IN_MAX     (MSE_HTTP1_HEAD_MAX + PROXY_PLAIN_LEN)
#define PROXY_CIPHER_LEN (PROXY_PLAIN_LEN + (size_t)65536 + 64 * MSE_TLS_RECORD_OVERHEAD)
#define PROXY_KEEP_MAX   (2 * PROXY_CIPHER_LEN) /* what a socket may leave over */

struct proxy;
struct visit;

/* An attested connection to an app. */
struct up {
    struct mse_aged age; /* first: in the list of idle ones, or of busy ones */
    struct app *app;
    struct visit *visit; /* NULL: idle */
    struct mse_tls *tls;
    int fd;
    uv_poll_t poll;
    int events;
    struct mse_leftover out;
    bool ready; /* there may be something to read */
    bool h2;
    bool closing;
    unsigned generation; /* of the rules that it was judged by */
    uint64_t made_ms;
};

struct app {
    struct proxy *proxy;
    size_t index;
    struct mse_proxy_app *config;
    char name[272]; /* DOMAIN:PORT */
    char host[272]; /* as Host has it: without :443 */
    bool pinned;
    struct mse_proxy_identity identity;
    struct mse_ages idle;
    struct mse_ages busy;
    size_t num_idle;
    struct visit *first_waiting;
    struct visit *last_waiting;
    unsigned opening[2]; /* jobs that are going on: of http/1.1, of h2 */
    uint64_t used_ms;
    uint64_t attested_ms;
    uint64_t tried_ms;   /* when a connection was last tried */
    uint64_t refused_ms; /* 0: the last judgement was not a refusal */
    struct mse_page refusal;
    struct mse_tls_server *server;     /* of the local CA; NULL: none */
    struct mse_tls_server *old_server; /* which connections may still use */
};

enum visit_stage {
    VISIT_SHAKE, /* TLS of the local CA */
    VISIT_HEAD,  /* a request's head is read */
    VISIT_WAIT,  /* for a connection to the app */
    VISIT_BUSY,  /* request and response go by */
    VISIT_TUNNEL,
    VISIT_LAST, /* the last bytes go out, then it ends */
};

/* A client's connection. */
struct visit {
    struct mse_aged age; /* first: in the list of all */
    struct proxy *proxy;
    enum visit_stage stage;
    int fd;
    struct mse_tls *tls; /* NULL: plain */
    uv_poll_t poll;
    int events;
    struct mse_leftover out;
    struct mse_build in;                 /* of the client, not looked at yet */
    uint64_t since_ms;                   /* of this stage */
    uint64_t moved_ms;                   /* the last byte */
    struct app *tunnel;                  /* the app that CONNECT named */
    const struct mse_tls_server *server; /* that tls is of */
    /* The request that is going on. */
    struct app *app;
    struct visit *next_waiting;
    struct up *up;
    struct mse_build head;   /* as it goes to the app */
    struct mse_build answer; /* of the response, until its head is whole */
    struct mse_http1_body request;
    struct mse_http1_body response;
    char here[272]; /* Host, as the client says it */
    char accept[64];
    bool head_only; /* HEAD: the response has no body */
    bool h2;
    bool upgrade;
    bool one_zero;
    bool repeatable; /* may be sent again on another connection */
    bool repeated;
    bool request_done;
    bool response_begun; /* something of it went to the client */
    bool response_body;  /* its head is out */
    bool up_close;       /* the app ends the connection behind this response */
    bool close;          /* the client's connection ends behind it */
    bool ready;          /* there may be something to read of the client */
    bool in_eof;
    bool ends; /* the app's end came with the last bytes */
    bool up_eof;
    bool in_told; /* the app knows of the client's end */
    bool up_told; /* the client knows of the app's end */
    bool closing;
};

/* Something that is looked after beside the loop, one at a time. */
struct proxy_look {
    struct proxy *proxy;
    uv_work_t work;
    bool (*run)(void *user);
    bool busy;
    bool other; /* what it came back with */
};

struct proxy {
    const struct mse_proxy_config *cfg;
    uv_loop_t loop;
    uv_poll_t listener;
    uv_timer_t tick;
    uv_signal_t signals[2];
    bool accepting;
    bool ending;
    uint64_t ending_ms;
    uint64_t renewed_ms;
    unsigned generation;
    struct proxy_look rules;
    struct proxy_look others; /* who are asked */
    unsigned jobs;
    struct app apps[MSE_PROXY_MAX_APPS];
    struct mse_ages visits;
    size_t num_visits;
    struct mse_tls_client *client; /* lends its way to read sockets */
    struct mse_build cipher;
    struct mse_http1_head head; /* scratch */
    uint8_t cipher_buf[PROXY_CIPHER_LEN];
    uint8_t plain[PROXY_PLAIN_LEN];
};

static inline uint64_t proxy_now(const struct proxy *p)
{
    return uv_now(&p->loop);
}
/* Watches for these events and no others. */
void proxy_watch(uv_poll_t *h, int *now, int wanted, uv_poll_cb cb);
/* Sends what the TLS calls before appended. */
bool proxy_flush(struct proxy *p, int fd, struct mse_leftover *out);

/* ---- app.c */
MSE_MUST_USE mse_status app_init(struct app *a, struct proxy *p, size_t index,
                                 struct mse_error *err);
/* Takes the app's new leaf for the clients to come. */
MSE_MUST_USE bool app_renew(struct app *a, struct mse_error *err);
void app_clear(struct app *a);
/* Gives v a connection, now or later, or an answer that there is none. */
void app_want(struct app *a, struct visit *v);
/* v waits no longer. */
void app_forget(struct app *a, struct visit *v);
/* Once a second. */
void app_tick(struct app *a);
/* Closes all connections, with a reset to clients that get an answer. */
void app_drop(struct app *a, const struct mse_page *why);
/* Closes those that are idle, and those that nothing bounds, since other rules count. */
void app_outdate(struct app *a);
/* up goes back to the idle ones, or is closed. */
void up_return(struct up *u, bool reusable);
/* Fills a page. */
void page_set(struct mse_page *p, unsigned status, const char *title, const char *fmt, ...)
    MSE_PRINTF(4, 5);

/* ---- up.c */
/* Takes the connection out of link; NULL without memory. */
struct up *up_new(struct app *a, const struct mse_proxy_link *link, bool h2, unsigned generation);
/* Of a new one that nobody waits for. In HTTP/2 the app speaks first: such a connection does not
 * idle. */
void up_idle(struct up *u);
void up_close(struct up *u);
void up_watch(struct up *u, int wanted);
/* Into the list of busy ones, if it has a visit, or of idle ones; and out of it. */
void up_list(struct up *u);
void up_unlist(struct up *u);
/* Attested too long ago to be used again. */
bool up_is_aged(const struct up *u);

/* ---- visit.c */
bool visit_new(struct proxy *p, int fd);
void visit_close(struct visit *v, bool reset);
void visit_attach(struct visit *v, struct up *u);
/* The request is answered with a page, or, if an answer has begun, cut off. */
void visit_fail(struct visit *v, const struct mse_page *page);
void visit_fail_with(struct visit *v, unsigned status, const char *title, const char *why);
/* Nothing more is answered; what is out goes out. */
void visit_begin_last(struct visit *v);
void visit_enter(struct visit *v, enum visit_stage stage);
/* To the client; false if the socket is of no more use. */
MSE_MUST_USE bool visit_send(struct visit *v, struct mse_bytes b);
/* Takes len bytes off the front of b. */
void visit_consume(struct mse_build *b, size_t len);
/* Does what can be done. */
void visit_turn(struct visit *v);
void visit_tick(struct visit *v);

/* ---- visit_answer.c */
/* App to client. True if something was carried. */
bool visit_carry_down(struct visit *v);
/* The app ended the connection. */
void visit_up_ended(struct visit *v, bool in_order);

/* ---- request.c */
/* A head is there: answers it, or prepares it for the app and sets app. */
void request_begin(struct visit *v, const struct mse_http1_head *h);

#endif
