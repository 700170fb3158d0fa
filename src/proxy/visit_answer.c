/* SPDX-License-Identifier: Apache-2.0 */
/* From the app to the client: heads are read and written anew, bodies go by. While the client's
 * socket has not taken everything, nothing more is read. */

#include <stdlib.h>

#include "base/bytes.h"
#include "base/util.h"
#include "proxy/inner.h"

static void response_over(struct visit *v)
{
    struct up *u = v->up;
    bool reusable = !v->up_close && !v->ends && v->request_done && v->answer.len == 0 &&
                    u->out.len == 0 && !mse_tls_pending(u->tls);
    bool go_on = !v->close && v->request_done;
    v->up = NULL;
    v->app = NULL;
    mse_build_clear(&v->answer);
    mse_build_heap(&v->answer, PROXY_IN_MAX);
    mse_build_clear(&v->head);
    mse_build_heap(&v->head, PROXY_IN_MAX);
    visit_enter(v, VISIT_HEAD);
    v->response_begun = false;
    if (!go_on) {
        visit_begin_last(v);
    }
    up_return(u, reusable);
}

/* Body, behind heads that were not sent yet, where there are any: together they are one segment. */
static bool send_body(struct visit *v, struct mse_build *heads, struct mse_bytes body)
{
    if (heads->len == 0) {
        return visit_send(v, body);
    }
    mse_wr_bytes(heads, body);
    return mse_build_ok(heads) && visit_send(v, mse_build_view(heads));
}

static void pass_response(struct visit *v, struct mse_build *heads, struct mse_bytes bytes)
{
    size_t taken = 0;
    enum mse_http1_step step = mse_http1_body_take(&v->response, bytes, &taken);
    if (step == MSE_HTTP1_BAD || (step == MSE_HTTP1_END && taken < bytes.len)) {
        v->up_close = true; /* what is behind the answer is nobody's */
    }
    if (step == MSE_HTTP1_BAD) {
        visit_close(v, true);
        return;
    }
    v->response_begun = true;
    if (!send_body(v, heads, mse_bytes_of(bytes.data, taken))) {
        visit_close(v, true);
    } else if (step == MSE_HTTP1_END) {
        response_over(v);
    }
}

/* What a head decides. False: it is refused. */
static bool enter_response(struct visit *v, const struct mse_http1_head *h)
{
    bool interim = h->status < 200 && h->status != 101;
    if (h->status == 101 && !(v->upgrade && h->upgrade)) {
        return false;
    }
    if (v->one_zero && (interim || h->framing == MSE_HTTP1_CHUNKED)) {
        return false;
    }
    if (h->status == 101) {
        v->stage = VISIT_TUNNEL;
    }
    if (!interim) {
        v->up_close = h->close || h->one_zero || h->framing == MSE_HTTP1_UNTIL_END;
        v->close = v->close || h->framing == MSE_HTTP1_UNTIL_END || !v->request_done ||
                   (h->one_zero && h->close);
        v->response_body = true;
        mse_http1_body_begin(&v->response, h, true);
    }
    return true;
}

static bool put_head(struct visit *v, struct mse_build *heads, const struct mse_http1_head *h)
{
    const struct mse_forward to = { .scheme = v->tunnel != NULL ? "https" : "http",
                                    .here = mse_bytes_str(v->here),
                                    .app = mse_bytes_str(v->app->host) };
    mse_forward_response(heads, h, &to, v->response_body && v->close);
    return mse_build_ok(heads);
}

/* Heads in what has come, appended to heads. False if the last one is not there yet, or it is over.
 */
static bool read_heads(struct visit *v, struct mse_build *heads)
{
    static const char *const methods[] = { "GET", "HEAD" };
    struct mse_http1_head *h = &v->proxy->head;
    const char *why = NULL;
    while (!v->response_body) {
        unsigned status = mse_http1_response(h, mse_build_view(&v->answer),
                                             mse_bytes_str(methods[v->head_only ? 1 : 0]), &why);
        if (status == 0) {
            if (!visit_send(v, mse_build_view(heads))) {
                visit_close(v, true);
            }
            return false;
        }
        if (status != 200 || !enter_response(v, h)) {
            visit_fail_with(v, 502, "The app's answer is not clear",
                            status != 200 ? why : "it changes the protocol without being asked");
            return false;
        }
        if (!put_head(v, heads, h)) {
            visit_close(v, true);
            return false;
        }
        visit_consume(&v->answer, h->len);
    }
    return true;
}

/* Heads, and what is behind the last one. */
static void read_answer(struct visit *v)
{
    struct mse_build heads;
    mse_build_heap(&heads, 2 * MSE_HTTP1_HEAD_MAX + PROXY_IN_MAX);
    if (read_heads(v, &heads)) {
        struct mse_build rest = v->answer;
        mse_build_heap(&v->answer, PROXY_IN_MAX);
        v->response_begun = true;
        if (v->stage != VISIT_TUNNEL) {
            pass_response(v, &heads, mse_build_view(&rest));
        } else if (!send_body(v, &heads, mse_build_view(&rest))) {
            visit_close(v, true);
        }
        mse_build_clear(&rest);
    }
    mse_build_clear(&heads);
}

/* The app ended the connection. */
void visit_up_ended(struct visit *v, bool in_order)
{
    if (v->stage == VISIT_TUNNEL) {
        v->up_eof = true;
        if (!in_order) {
            visit_close(v, true);
        }
        return;
    }
    if (v->response_body && v->response.framing == MSE_HTTP1_UNTIL_END && in_order) {
        v->up_close = true;
        response_over(v);
        return;
    }
    if (v->repeatable && !v->repeated && !v->response_begun && v->answer.len == 0) {
        struct app *a = v->app; /* it was idle for too long: the app ended it just now */
        up_close(v->up);
        v->up = NULL;
        v->repeated = true;
        visit_enter(v, VISIT_WAIT);
        app_want(a, v);
        return;
    }
    visit_fail_with(v, 502, "The app ended the connection",
                    "the app ended the connection before its answer "
                    "was whole");
}

/* App to client. True if something was carried. */
bool visit_carry_down(struct visit *v)
{
    struct proxy *p = v->proxy;
    size_t len = 0;
    enum mse_io io = MSE_IO_DONE;
    if (v->out.len > 0 || v->up_eof || !v->up->ready) {
        return false;
    }
    while (v->up->ready && PROXY_PLAIN_LEN - len >= MSE_TLS_RECORD_MAX) {
        size_t n = 0;
        io = mse_tls_read(v->up->tls, p->plain + len, PROXY_PLAIN_LEN - len, &n);
        len += io == MSE_IO_DONE ? n : 0;
        v->up->ready = io == MSE_IO_DONE && mse_tls_pending(v->up->tls);
    }
    if (!proxy_flush(p, v->up->fd, &v->up->out)) {
        io = MSE_IO_ERROR;
    }
    struct mse_bytes bytes = { p->plain, len };
    bool ended = io == MSE_IO_EOF || io == MSE_IO_ERROR;
    v->ends = ended;
    v->moved_ms = len > 0 ? proxy_now(p) : v->moved_ms;
    if (len > 0 && v->stage == VISIT_TUNNEL) {
        if (!visit_send(v, bytes)) {
            visit_close(v, true);
        }
    } else if (len > 0 && v->response_body) {
        struct mse_build none;
        mse_build_heap(&none, 1);
        pass_response(v, &none, bytes);
    } else if (len > 0) {
        mse_wr_bytes(&v->answer, bytes);
        if (mse_build_ok(&v->answer)) {
            read_answer(v);
        } else {
            visit_fail_with(v, 502, "The app's answer is not clear", "its head is too long");
        }
    }
    if (ended && !v->closing && v->up != NULL) {
        visit_up_ended(v, io == MSE_IO_EOF);
    }
    return len > 0 || ended;
}
