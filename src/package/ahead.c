/* SPDX-License-Identifier: Apache-2.0 */
/* See ahead.h. A ring of pieces: the thread fills them, the caller empties them. */
#include "package/ahead.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/io.h"

#define PIECE_LEN ((size_t)128 * 1024)
#define NUM       4U

struct ring {
    int fd;
    uint64_t left; /* bytes that are still to be read; the thread's own */
    uint8_t *pieces;
    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t changed;
    size_t len[NUM];
    unsigned long filled;  /* pieces, since the beginning */
    unsigned long emptied; /* likewise */
    bool ended;            /* no more will be filled */
    bool unwanted;         /* no more are wanted */
    int error;
};

/* Waits for an empty piece; false: nobody wants it. */
static bool wait_for_room(struct ring *r)
{
    (void)pthread_mutex_lock(&r->lock);
    while (r->filled - r->emptied == NUM && !r->unwanted) {
        (void)pthread_cond_wait(&r->changed, &r->lock);
    }
    bool wanted = !r->unwanted;
    (void)pthread_mutex_unlock(&r->lock);
    return wanted;
}

static void put_piece(struct ring *r, size_t len, bool last, int error)
{
    (void)pthread_mutex_lock(&r->lock);
    if (len > 0) {
        r->len[r->filled % NUM] = len;
        r->filled++;
    }
    r->ended = last;
    r->error = error;
    (void)pthread_cond_signal(&r->changed);
    (void)pthread_mutex_unlock(&r->lock);
}

static void *fill(void *arg)
{
    struct ring *r = arg;
    bool last = false;
    while (!last && wait_for_room(r)) {
        /* Only this thread changes r->filled. */
        uint8_t *piece = r->pieces + r->filled % NUM * PIECE_LEN;
        size_t want = r->left < PIECE_LEN ? (size_t)r->left : PIECE_LEN;
        size_t got = 0;
        bool good = mse_io_read(r->fd, piece, want, &got);
        int error = good ? 0 : errno;
        r->left -= got;
        last = !good || got < want || r->left == 0;
        put_piece(r, got, last, error);
    }
    return NULL;
}

/* The next piece; empty at the end. */
static struct mse_bytes next_piece(struct ring *r)
{
    struct mse_bytes piece = { 0 };
    (void)pthread_mutex_lock(&r->lock);
    while (r->filled == r->emptied && !r->ended) {
        (void)pthread_cond_wait(&r->changed, &r->lock);
    }
    if (r->filled != r->emptied) {
        unsigned long at = r->emptied % NUM;
        piece = mse_bytes_of(r->pieces + at * PIECE_LEN, r->len[at]);
    }
    (void)pthread_mutex_unlock(&r->lock);
    return piece;
}

static void give_back(struct ring *r, bool unwanted)
{
    (void)pthread_mutex_lock(&r->lock);
    r->emptied++;
    r->unwanted = unwanted;
    (void)pthread_cond_signal(&r->changed);
    (void)pthread_mutex_unlock(&r->lock);
}

static void empty(struct mse_ahead_end *out, struct ring *r, mse_ahead_sink *sink, void *user)
{
    struct mse_bytes piece = next_piece(r);
    while (piece.len > 0 && out->status == MSE_OK) {
        out->status = sink(user, piece);
        out->len += piece.len;
        give_back(r, out->status != MSE_OK);
        if (out->status == MSE_OK) {
            piece = next_piece(r);
        }
    }
}

/* The program's signals are not for a thread that it does not know of. */
static bool start(pthread_t *out, struct ring *r)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    bool masked = pthread_sigmask(SIG_SETMASK, &all, &before) == 0;
    bool started = pthread_create(out, NULL, fill, r) == 0;
    if (masked) {
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    return started;
}

bool mse_ahead_read(struct mse_ahead_end *out, int fd, uint64_t len, mse_ahead_sink *sink,
                    void *user)
{
    struct ring r = { .fd = fd,
                      .left = len,
                      .lock = PTHREAD_MUTEX_INITIALIZER,
                      .changed = PTHREAD_COND_INITIALIZER };
    struct mse_ahead_end end = { 0, 0, MSE_OK };
    pthread_t thread;
    r.pieces = len == 0 ? NULL : malloc(NUM * PIECE_LEN);
    bool started = r.pieces != NULL && start(&thread, &r);
    if (started) {
        empty(&end, &r, sink, user);
        (void)pthread_join(thread, NULL);
        end.error = end.status == MSE_OK ? r.error : 0;
        *out = end;
    }
    free(r.pieces);
    return started;
}
