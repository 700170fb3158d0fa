/* SPDX-License-Identifier: Apache-2.0 */
/* usage: fake_fleet DATABASE app NAME PORT [MODE [proxy]] | apps NUM PORT... | route ID PORT |
 *        stop ID | lease MS
 * A node that runs nothing: it says where an app is. `app` prints id, public and configuration
 * name; `apps` makes many, which have the ports in turn; the database is one that msed init made.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/util.h"
#include "operator/fleet.h"

#define LEASE_MS 3600000
#define NODE     "fake"
#define MACHINE  "5f0c1c39-6f39-4c0b-8b8e-0d6f6f1c2a11"
#define DOMAIN   "mse.localhost"

static void must(mse_status st, const struct mse_error *err, const char *what)
{
    if (st != MSE_OK) {
        (void)fprintf(stderr, "fake_fleet: %s: %s: %s\n", what, mse_status_name(st), err->text);
        exit(1);
    }
}

static struct mse_op_node join(struct mse_op_store *s, int64_t lease_ms)
{
    struct mse_error err = { 0 };
    struct mse_op_node n = { .name = NODE,
                             .id = MACHINE,
                             .address = "127.0.0.1",
                             .tee = "sim",
                             .version = "1",
                             .memory = 1 << 24,
                             .cores = 100000,
                             .enclave_memory = 1 << 24 };
    must(mse_op_node_join(s, &n, lease_ms, &err), &err, "join");
    return n;
}

static void put(struct mse_op_store *s, const struct mse_op_node *n, const char *id,
                const char *port)
{
    struct mse_error err = { 0 };
    uint64_t number = 0;
    struct mse_op_instance i = { .fingerprint = { 1 }, .spki_sha256 = { 1 } };
    if (!mse_u64_parse(&number, mse_bytes_str(port), UINT16_MAX)) {
        must(MSE_ERR_ARGUMENT, &err, "port");
    }
    i.port = (uint16_t)number;
    must(mse_op_instance_set(s, n->name, n->epoch, id, &i, &err), &err, "instance");
}

static mse_status take_project(void *arg, const struct mse_op_project *p)
{
    *(struct mse_op_project *)arg = *p;
    return MSE_OK;
}

static void make_hardware(struct mse_op_store *s, const struct mse_op_by *by)
{
    struct mse_error err = { 0 };
    struct mse_op_hardware h = { .name = "fake",
                                 .tee = "sim",
                                 .memory = 16,
                                 .cores = 1,
                                 .enclave_size = 16,
                                 .max_apps = 100000 };
    mse_status st = mse_op_hardware_add(s, by, &h, &err);
    must(st == MSE_ERR_EXISTS ? MSE_OK : st, &err, "hardware");
}

static void make_app(struct mse_op_store *s, const char *name, const char *port, const char *mode,
                     bool proxy)
{
    struct mse_error err = { 0 };
    struct mse_op_by by = { .actor = "msed:fake", .now = (mse_time)time(NULL) };
    struct mse_op_user user;
    struct mse_op_project project;
    struct mse_op_reservation r = { .expires_at = by.now + 3600 };
    struct mse_op_app a = { .expires_at = by.now + 86400, .proxy_protocol = proxy };
    struct mse_op_app claimed;
    make_hardware(s, &by);
    must(mse_op_user_get(s, &user, "admin", &err), &err, "user");
    must(mse_op_project_list(s, user.id, "default", take_project, &project, &err), &err, "project");
    memcpy(r.owner_id, user.id, sizeof r.owner_id);
    memcpy(r.project_id, project.id, sizeof r.project_id);
    (void)snprintf(r.name, sizeof r.name, "%s", name);
    if (!mse_op_mode_parse(&r.mode, mse_bytes_str(mode))) {
        must(MSE_ERR_ARGUMENT, &err, "mode");
    }
    must(mse_op_reserve(s, &by, &r, &err), &err, "reserve");
    memcpy(a.id, r.app_id, sizeof a.id);
    memcpy(a.owner_id, r.owner_id, sizeof a.owner_id);
    memcpy(a.project_id, r.project_id, sizeof a.project_id);
    memcpy(a.name, r.name, sizeof a.name);
    a.mode = r.mode;
    (void)snprintf(a.domain_name, sizeof a.domain_name, "%s.%s" DOMAIN, r.label,
                   r.mode == MSE_OP_OPERATOR ? "dev." : "");
    (void)snprintf(a.config_domain_name, sizeof a.config_domain_name, "%s." DOMAIN, r.app_id);
    (void)snprintf(a.hardware, sizeof a.hardware, "fake");
    must(mse_op_app_create(s, &by, &a, mse_bytes_str("{}"), &err), &err, "create");
    struct mse_op_node n = join(s, LEASE_MS);
    must(mse_op_claim(s, n.name, n.epoch, &claimed, &err), &err, "claim");
    put(s, &n, a.id, port);
    must(mse_op_node_move(s, n.name, n.epoch, a.id, MSE_OP_INITIALIZING, "", &err), &err, "move");
    must(mse_op_node_move(s, n.name, n.epoch, a.id, MSE_OP_RUNNING, "", &err), &err, "move");
    (void)printf("%s %s %s\n", a.id, a.domain_name, a.config_domain_name);
}

static void make_apps(struct mse_op_store *s, const char *wanted, char **ports, size_t num_ports)
{
    struct mse_error err = { 0 };
    uint64_t num = 0;
    if (!mse_u64_parse(&num, mse_bytes_str(wanted), 100000)) {
        must(MSE_ERR_ARGUMENT, &err, "number of apps");
    }
    for (size_t i = 0; i < num; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "app%zu", i);
        make_app(s, name, ports[i % num_ports], "self", false);
    }
}

int main(int argc, char **argv)
{
    struct mse_error err = { 0 };
    struct mse_op_store *s = NULL;
    const char *what = argc > 2 ? argv[2] : "";
    if (argc < 4) {
        (void)fprintf(stderr, "fake_fleet: see the head of its source\n");
        return 2;
    }
    must(mse_op_store_open(&s, argv[1], false, &err), &err, "store");
    if (strcmp(what, "app") == 0 && argc >= 5) {
        make_app(s, argv[3], argv[4], argc > 5 ? argv[5] : "self", argc > 6);
    } else if (strcmp(what, "apps") == 0 && argc >= 5) {
        make_apps(s, argv[3], argv + 4, (size_t)argc - 4);
    } else if (strcmp(what, "lease") == 0) {
        (void)join(s, strtol(argv[3], NULL, 10));
    } else {
        struct mse_op_node n = join(s, LEASE_MS);
        if (strcmp(what, "route") == 0 && argc >= 5) {
            put(s, &n, argv[3], argv[4]);
        } else if (strcmp(what, "stop") == 0) {
            must(mse_op_node_move(s, n.name, n.epoch, argv[3], MSE_OP_STOPPED, "", &err), &err,
                 "stop");
        } else {
            must(MSE_ERR_ARGUMENT, &err, "command");
        }
    }
    mse_op_store_close(s);
    return 0;
}
