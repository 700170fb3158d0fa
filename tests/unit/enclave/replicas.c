/* SPDX-License-Identifier: Apache-2.0 */
/* See replicas.h. */
#include "unit/enclave/replicas.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "os/private_dir.h"

#define CODE 0x11

static uint32_t wanted;
static char machine[33];

static char *copy(const char *s)
{
    char *c = strdup(s);
    assert_non_null(c);
    return c;
}

static void list_of(struct mse_str_list *l, const char *s)
{
    l->items = calloc(1, sizeof *l->items);
    assert_non_null(l->items);
    l->items[0] = copy(s);
    l->num = 1;
}

static void several(struct mse_manifest *m)
{
    m->replicas = wanted;
    m->restart = MSE_RESTART_SEALED;
    list_of(&m->replica_policy.machines, machine);
    list_of(&m->replica_policy.statuses, "UpToDate");
}

static void find_machine(struct lab *l)
{
    static struct mse_verdict v;
    const uint8_t report_data[64] = { 1 };
    lab_quote(l, report_data);
    assert_status(mse_appraise_quote(&v, mse_build_view(&l->quote), &l->bundle.collateral,
                                     &l->policy, l->now, NULL),
                  MSE_OK);
    mse_hex_encode(machine, mse_bytes_of(v.pck.platform_instance_id, 16));
}

void replicas_judge(struct side *s, struct lab *l)
{
    struct lab *own = s->tee.lab;
    struct mse_replica_policy rule = s->m.replica_policy;
    char *machines[1];
    find_machine(l);
    machines[0] = machine;
    rule.machines = (struct mse_str_list) { machines, 1 };
    s->tee.lab = l;
    assert_status(mse_peers_open_replicas(&s->peers, &s->driver, &rule, l->json, l->now, NULL),
                  MSE_OK);
    s->tee.lab = own;
}

static void side_begin(struct side *s, struct lab *l)
{
    side_init_as(s, l, CODE, several);
    mse_peers_clear(&s->peers);
    replicas_judge(s, l);
}

static void folders(const char *data)
{
    char path[300];
    assert_int_equal(mkdir(data, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/home", data);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/keys", data);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void put(const char *data, const char *name, const char *text)
{
    char path[300];
    (void)snprintf(path, sizeof path, "%s/%s", data, name);
    test_write_file(path, mse_bytes_str(text));
}

/* It is configured, and has stored what its app wrote. */
static void leader_begin(struct replicas *r)
{
    char path[200];
    char data[200];
    struct side *s = &r->leader;
    struct mse_store_report report = { .stored = false };
    (void)snprintf(path, sizeof path, "%s/state", r->dir);
    (void)snprintf(data, sizeof data, "%s/leader", r->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_status(mse_durable_open(&s->durable, fd, &s->driver, &s->m, s->digest, NULL), MSE_OK);
    assert_status(mse_durable_commit(&s->durable, &s->id, NULL, r->lab->now, NULL), MSE_OK);
    folders(data);
    put(data, "home/one", "first");
    put(data, "keys/key", "second");
    const struct mse_store_take take = { .dir = data, .now = r->lab->now, .force = true };
    assert_status(mse_store_snapshot(s->durable.store, &take, &report, NULL), MSE_OK);
}

void replicas_begin_with(struct replicas *r, struct lab *l, uint32_t num)
{
    memset(r, 0, sizeof *r);
    wanted = num;
    find_machine(l);
    r->lab = l;
    r->dir = test_tmpdir();
    side_begin(&r->leader, l);
    side_begin(&r->joiner, l);
    leader_begin(r);
    mse_build_heap(&r->joiner.durable.plain, 1);
}

void replicas_begin(struct replicas *r, struct lab *l)
{
    replicas_begin_with(r, l, 2);
}

void replicas_end(struct replicas *r)
{
    mse_durable_clear(&r->leader.durable);
    mse_durable_clear(&r->joiner.durable);
    side_clear(&r->leader);
    side_clear(&r->joiner);
    test_tmpdir_remove(r->dir);
}

void replicas_party(struct mse_handover *out, struct mse_build *text, struct side *s, int fd)
{
    mse_build_heap(text, MSE_MANIFEST_MAX_LEN);
    assert_status(mse_party_handover(out, text, &s->me, NULL), MSE_OK);
    out->fd = fd;
    out->peers = &s->peers;
    out->quiet_ms = 60000;
}

struct mse_replica_room replicas_room(struct replicas *r)
{
    (void)snprintf(r->data, sizeof r->data, "%s/joiner", r->dir);
    (void)snprintf(r->scratch, sizeof r->scratch, "%s/scratch", r->dir);
    (void)mse_tree_remove(r->data);
    folders(r->data);
    return (struct mse_replica_room) { .name = FIXTURE_SAN,
                                       .scratch = r->scratch,
                                       .dir = r->data,
                                       .owner = geteuid(),
                                       .max = (uint64_t)1 << 20 };
}

void replicas_assert_text(const struct replicas *r, const char *name, const char *text)
{
    char path[300];
    (void)snprintf(path, sizeof path, "%s/%s", r->data, name);
    struct mse_bytes seen = test_read_file(path);
    assert_bytes(seen, mse_bytes_str(text));
    free((void *)(uintptr_t)seen.data);
}
