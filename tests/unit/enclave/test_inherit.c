/* SPDX-License-Identifier: Apache-2.0 */
/* A storage that goes on in another enclave: what comes over, under which key, and which snapshot.
 */
#include "enclave/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "lib/testlib.h"

#define NOW ((mse_time)1800000000)

/* One enclave, with a folder and a platform of its own. */
struct side {
    char *dir;
    char data[160]; /* what its app sees */
    int host_fd;
    struct mse_store_config c;
    struct mse_store *store;
    uint64_t count;
};

static mse_status count(void *arg, uint64_t *out, bool advance, struct mse_error *err)
{
    struct side *s = arg;
    (void)err;
    s->count += advance ? 1 : 0;
    *out = s->count;
    return MSE_OK;
}

static const char *at(const struct side *s, const char *name)
{
    static char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", s->data, name);
    return path;
}

static void side_init(struct side *s, uint8_t root, uint64_t counted)
{
    *s = (struct side) { .dir = test_tmpdir(), .count = counted };
    (void)snprintf(s->data, sizeof s->data, "%s/data", s->dir);
    assert_int_equal(mkdir(s->data, 0700), 0);
    assert_int_equal(mkdir(at(s, "home"), 0700), 0);
    assert_int_equal(mkdir(at(s, "keys"), 0700), 0);
    s->host_fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(s->host_fd >= 0);
    s->c = (struct mse_store_config) { .state_fd = s->host_fd, .count = count, .arg = s };
    memset(s->c.root, root, sizeof s->c.root);
}

static void side_clear(struct side *s)
{
    mse_store_free(s->store);
    (void)close(s->host_fd);
    test_tmpdir_remove(s->dir);
}

static void put(const struct side *s, const char *name, const char *text)
{
    test_write_file(at(s, name), mse_bytes_str(text));
}

static void assert_text(const struct side *s, const char *name, const char *wanted)
{
    struct mse_bytes seen = test_read_file(at(s, name));
    assert_bytes(seen, mse_bytes_str(wanted));
    free((void *)(uintptr_t)seen.data);
}

static void snap(struct side *s)
{
    struct mse_store_report r = { .stored = false };
    const struct mse_store_take take = { .dir = s->data, .now = NOW, .force = true };
    assert_status(mse_store_snapshot(s->store, &take, &r, NULL), MSE_OK);
}

/* An app that has lived for a while. */
static void old_init(struct side *s)
{
    side_init(s, 0x11, 41);
    assert_status(mse_store_create(&s->store, &s->c, NOW, NULL), MSE_OK);
    assert_status(mse_store_settle(s->store, NULL), MSE_OK);
    put(s, "home/one", "first");
    snap(s);
    put(s, "home/two", "second");
    put(s, "keys/key", "third");
    snap(s);
}

/* What the new one is told, and what it knows by itself. */
static mse_status inherit(const struct side *new, const struct side *old, const uint8_t root[32],
                          const uint8_t pin[32])
{
    struct mse_error err = { .status = MSE_OK };
    struct mse_store_config from = { .state_fd = old->host_fd };
    memcpy(from.root, root, sizeof from.root);
    mse_status st = mse_store_inherit(&from, pin, new->data, geteuid(), &err);
    assert_int_equal(st, err.status);
    return st;
}

static void everything_comes_over_under_another_root(void **state)
{
    struct side old;
    struct side new;
    uint8_t root[32];
    uint8_t pin[32];
    (void)state;
    old_init(&old);
    side_init(&new, 0x22, 0);
    mse_store_pin(old.store, root, pin);
    assert_memory_equal(root, old.c.root, sizeof root);
    assert_status(inherit(&new, &old, root, pin), MSE_OK);
    assert_text(&new, "home/one", "first");
    assert_text(&new, "home/two", "second");
    assert_text(&new, "keys/key", "third");
    assert_int_equal(old.count, 44); /* created and twice stored: nothing was counted for it */

    /* in the new one's first index there is all of it, and nothing is counted before it settles */
    assert_status(mse_store_create_from(&new.store, &new.c, new.data, NOW, NULL), MSE_OK);
    assert_int_equal(new.count, 0);
    assert_status(mse_store_settle(new.store, NULL), MSE_OK);
    assert_int_equal(new.count, 1);
    put(&new, "home/three", "fourth");
    snap(&new);
    mse_store_free(new.store);
    new.store = NULL;

    /* another life: of the old one nothing is needed any more, and its root opens nothing */
    struct side later;
    side_init(&later, 0x22, 0);
    assert_status(mse_store_open(&new.store, &new.c, NULL), MSE_OK);
    assert_status(mse_store_restore(new.store, later.data, geteuid(), NOW, NULL), MSE_OK);
    assert_text(&later, "home/one", "first");
    assert_text(&later, "keys/key", "third");
    assert_text(&later, "home/three", "fourth");
    struct side thief;
    side_init(&thief, 0x33, 0);
    mse_store_pin(new.store, root, pin);
    assert_status(inherit(&thief, &new, old.c.root, pin), MSE_ERR_STORAGE_MISSING);
    side_clear(&thief);
    side_clear(&later);
    side_clear(&new);
    side_clear(&old);
}

static void another_snapshot_is_refused(void **state)
{
    struct side old;
    struct side new;
    uint8_t root[32];
    uint8_t pin[32];
    (void)state;
    old_init(&old);
    side_init(&new, 0x22, 0);
    mse_store_pin(old.store, root, pin);
    snap(&old); /* the host keeps the old one running, or shows an earlier one */
    assert_status(inherit(&new, &old, old.c.root, pin), MSE_ERR_STORAGE_ROLLED_BACK);
    assert_int_equal(access(at(&new, "home/one"), F_OK), -1);
    mse_store_pin(old.store, root, pin);
    assert_status(inherit(&new, &old, old.c.root, pin), MSE_OK);
    side_clear(&new);
    side_clear(&old);
}

static void another_root_opens_nothing(void **state)
{
    struct side old;
    struct side new;
    uint8_t root[32];
    uint8_t pin[32];
    (void)state;
    old_init(&old);
    side_init(&new, 0x22, 0);
    mse_store_pin(old.store, root, pin);
    assert_status(inherit(&new, &old, new.c.root, pin), MSE_ERR_STORAGE_MISSING);
    pin[0] ^= 1;
    assert_status(inherit(&new, &old, old.c.root, pin), MSE_ERR_STORAGE_ROLLED_BACK);
    side_clear(&new);
    side_clear(&old);
}

static void an_empty_storage_comes_over(void **state)
{
    struct side old;
    struct side new;
    uint8_t root[32];
    uint8_t pin[32];
    (void)state;
    side_init(&old, 0x11, 0);
    assert_status(mse_store_create(&old.store, &old.c, NOW, NULL), MSE_OK);
    assert_status(mse_store_settle(old.store, NULL), MSE_OK);
    side_init(&new, 0x22, 0);
    mse_store_pin(old.store, root, pin);
    assert_status(inherit(&new, &old, old.c.root, pin), MSE_OK);
    assert_status(mse_store_create_from(&new.store, &new.c, new.data, NOW, NULL), MSE_OK);
    assert_status(mse_store_settle(new.store, NULL), MSE_OK);
    assert_int_equal(mse_store_floor(new.store), NOW);
    side_clear(&new);
    side_clear(&old);
}

/* ---- the files on their way to another instance ---- */

struct wire {
    struct mse_build b;
    struct mse_bytes in;
};

static mse_status wire_out(void *arg, struct mse_bytes piece, struct mse_error *err)
{
    struct wire *w = arg;
    mse_wr_bytes(&w->b, piece);
    return mse_build_ok(&w->b) ? MSE_OK : MSE_FAIL(err, MSE_ERR_NO_SPACE, "wire", "full");
}

static mse_status wire_in(void *arg, void *buf, size_t len, struct mse_error *err)
{
    struct wire *w = arg;
    struct mse_bytes piece;
    if (!mse_rd_bytes(&w->in, &piece, len)) {
        return MSE_FAIL(err, MSE_ERR_IO, "wire", "cut");
    }
    memcpy(buf, piece.data, len);
    return MSE_OK;
}

static void export_to(struct wire *w, struct side *from)
{
    mse_build_heap(&w->b, (size_t)1 << 20);
    assert_status(mse_store_export(from->store, wire_out, w, NULL), MSE_OK);
}

/* Reads it into a folder of its own. */
static mse_status import_from(struct wire *w, struct mse_bytes bytes, const struct side *to,
                              uint64_t max, uint8_t pin[32])
{
    char *dir = test_tmpdir();
    uint8_t root[32];
    memset(root, 0x11, sizeof root);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    w->in = bytes;
    const struct mse_store_import i = {
        .dir_fd = fd, .root = root, .max = max, .in = wire_in, .arg = w
    };
    mse_status st = mse_store_import(&i, pin, NULL);
    if (st == MSE_OK && to != NULL) {
        struct mse_store_config from = { .state_fd = fd };
        memcpy(from.root, root, sizeof from.root);
        st = mse_store_inherit(&from, pin, to->data, geteuid(), NULL);
    }
    (void)close(fd);
    test_tmpdir_remove(dir);
    return st;
}

/* Of one moment, whatever is stored while it travels. */
static void files_travel_to_another_instance(void **state)
{
    struct side old;
    struct side new;
    struct wire w;
    uint8_t root[32];
    uint8_t pin[32];
    uint8_t got[32];
    (void)state;
    old_init(&old);
    side_init(&new, 0x22, 0);
    mse_store_pin(old.store, root, pin);
    export_to(&w, &old);
    put(&old, "home/one", "changed");
    snap(&old);
    assert_status(import_from(&w, mse_build_view(&w.b), &new, 1 << 20, got), MSE_OK);
    assert_memory_equal(got, pin, 32);
    assert_int_equal(w.in.len, 0);
    assert_text(&new, "home/one", "first");
    assert_text(&new, "home/two", "second");
    assert_text(&new, "keys/key", "third");
    mse_build_clear(&w.b);
    side_clear(&new);
    side_clear(&old);
}

static void files_that_are_cut_or_too_many_are_refused(void **state)
{
    struct side old;
    struct wire w;
    uint8_t pin[32];
    (void)state;
    old_init(&old);
    export_to(&w, &old);
    struct mse_bytes all = mse_build_view(&w.b);
    for (size_t len = 0; len < all.len; len += len < 64 ? 1 : 97) {
        assert_status(import_from(&w, mse_bytes_of(all.data, len), NULL, 1 << 20, pin), MSE_ERR_IO);
    }
    assert_status(import_from(&w, all, NULL, all.len, pin), MSE_OK);
    assert_status(import_from(&w, all, NULL, 100, pin), MSE_ERR_STORAGE_LIMIT);
    mse_build_clear(&w.b);
    side_clear(&old);
}

static void files_that_no_storage_has_are_refused(void **state)
{
    static const char *const bad[] = {
        "0000",                               /* none */
        "0402",                               /* more than a storage has */
        "000100",                             /* no name */
        "000122",                             /* one that is too long */
        "000105696e6465780000000000000001",   /* the end instead of content */
        "000105696e646578ffffffffffffffff",   /* longer than everything */
        "0001056f746865720000000000000000",   /* another one first */
        "000106696e646578000000000000000000", /* a NUL behind it */
        "000205696e646578000000000000000005696e6465780000000000000000",         /* twice */
        "000205696e6465780000000000000000092e2e2f7365616c65640000000000000000", /* outside */
    };
    static const mse_status want[] = { MSE_ERR_PROTOCOL, MSE_ERR_PROTOCOL, MSE_ERR_PROTOCOL,
                                       MSE_ERR_PROTOCOL, MSE_ERR_IO,       MSE_ERR_STORAGE_LIMIT,
                                       MSE_ERR_PROTOCOL, MSE_ERR_PROTOCOL, MSE_ERR_PROTOCOL,
                                       MSE_ERR_PROTOCOL };
    struct wire w;
    uint8_t bytes[64];
    uint8_t pin[32];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t len = strlen(bad[i]) / 2;
        assert_true(mse_hex_decode(bytes, len, mse_bytes_str(bad[i])));
        assert_status(import_from(&w, mse_bytes_of(bytes, len), NULL, 1000, pin), want[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_comes_over_under_another_root),
        cmocka_unit_test(another_snapshot_is_refused),
        cmocka_unit_test(another_root_opens_nothing),
        cmocka_unit_test(an_empty_storage_comes_over),
        cmocka_unit_test(files_travel_to_another_instance),
        cmocka_unit_test(files_that_are_cut_or_too_many_are_refused),
        cmocka_unit_test(files_that_no_storage_has_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
