/* SPDX-License-Identifier: Apache-2.0 */
/* msed node list, drain, undrain: the fleet, from any machine of it. */
#include "base/util.h"
#include "operator/fleet.h"
#include "operator/msed.h"

struct count {
    uint64_t apps;
};

static mse_status count_app(void *arg, const struct mse_op_app *a)
{
    struct count *n = arg;
    (void)a;
    n->apps++;
    return MSE_OK;
}

struct nodes {
    struct msed *m;
    struct msed_listing *l;
    int64_t now_ms;
    struct mse_op_node *items;
    size_t num;
};

static mse_status keep_node(void *arg, const struct mse_op_node *n)
{
    struct nodes *all = arg;
    struct mse_op_node *items = realloc(all->items, (all->num + 1) * sizeof *items);
    if (items == NULL) {
        return MSE_ERR_MEMORY;
    }
    all->items = items;
    items[all->num++] = *n;
    return MSE_OK;
}

static mse_status show_node(const struct nodes *all, const struct mse_op_node *n,
                            struct mse_error *err)
{
    struct count c = { 0 };
    bool lives = n->lease_until_ms > all->now_ms;
    mse_status st = mse_op_node_apps(all->m->store, n->name, count_app, &c, err);
    if (st != MSE_OK) {
        return st;
    }
    cli_say(all->l->c, "%-20s %-8s %-8s %llu apps, at %s, msed %s%s", n->name, n->tee,
            lives ? "living" : "gone", (unsigned long long)c.apps, n->address, n->version,
            n->draining ? ", draining" : "");
    int bad = json_array_append_new(
        all->l->list, json_pack("{s:s, s:s, s:b, s:b, s:I, s:s, s:s}", "name", n->name, "tee",
                                n->tee, "living", lives, "draining", n->draining, "apps",
                                (json_int_t)c.apps, "address", n->address, "version", n->version));
    return bad == 0 ? MSE_OK : MSE_ERR_MEMORY;
}

static mse_status list_nodes(struct msed *m, void *arg, struct mse_error *err)
{
    struct nodes all = { .m = m, .l = arg };
    mse_status st = mse_op_clock_ms(m->store, &all.now_ms, err);
    st = st == MSE_OK ? mse_op_node_list(m->store, keep_node, &all, err) : st;
    for (size_t i = 0; st == MSE_OK && i < all.num; i++) {
        st = show_node(&all, &all.items[i], err);
    }
    free(all.items);
    return st;
}

enum cli_exit cmd_node_list(struct cli *c)
{
    return msed_list(c, list_nodes, "There are no nodes.");
}

struct drain {
    const char *name;
    bool on;
};

static mse_status drain_node(struct msed *m, void *arg, struct mse_error *err)
{
    const struct drain *d = arg;
    return mse_op_node_drain(m->store, &m->by, d->name, d->on, err);
}

static enum cli_exit drain(const struct cli *c, bool on)
{
    struct drain d = { c->args[0], on };
    enum cli_exit e = msed_do(c, drain_node, &d);
    return e == CLI_DONE ? msed_say(c, json_pack("{s:s, s:b}", "name", d.name, "draining", on),
                                    on ? "Takes no more apps" : "Takes apps again", d.name)
                         : e;
}

enum cli_exit cmd_node_drain(struct cli *c)
{
    return drain(c, true);
}

enum cli_exit cmd_node_undrain(struct cli *c)
{
    return drain(c, false);
}
