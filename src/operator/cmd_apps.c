/* SPDX-License-Identifier: Apache-2.0 */
/* msed app: what runs on the platform, whoever it belongs to. */
#include "base/bytes.h"
#include "base/util.h"
#include "operator/fleet.h"
#include "operator/msed.h"

#define PAGE   500U
#define LIVING ((1U << MSE_OP_SPAWNING) | (1U << MSE_OP_INITIALIZING) | (1U << MSE_OP_RUNNING))

struct page {
    struct msed_listing *l;
    uint64_t num;
};

static mse_status show_app(void *arg, const struct mse_op_app *a)
{
    struct page *p = arg;
    char at[MSE_TIME_TEXT_LEN];
    const char *status = mse_op_status_name(a->status);
    const char *node = a->node[0] == '\0' ? "-" : a->node;
    char several[32] = "";
    if (a->replicas > 1) {
        (void)snprintf(several, sizeof several, " (%u instances)", a->replicas);
    }
    p->num++;
    cli_say(p->l->c, "%s  %s  %-12s  %-12s  %s on %s%s%s%s", a->id, msed_time(at, a->created_at),
            status, node, a->name, a->domain_name, several, a->detail[0] == '\0' ? "" : ": ",
            a->detail);
    int bad = json_array_append_new(
        p->l->list,
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "id", a->id, "name",
                  a->name, "owner_id", a->owner_id, "status", status, "node", a->node, "hardware",
                  a->hardware, "domain_name", a->domain_name, "detail", a->detail, "created_at",
                  (json_int_t)a->created_at, "replicas", (json_int_t)a->replicas));
    return bad == 0 ? MSE_OK : MSE_ERR_MEMORY;
}

static mse_status list_apps(struct msed *m, void *arg, struct mse_error *err)
{
    struct mse_op_app_filter f = { .statuses = cli_has(m->c, "all") ? 0 : LIVING, .limit = PAGE };
    struct page p = { .l = arg, .num = PAGE };
    mse_status st = MSE_OK;
    for (; st == MSE_OK && p.num == PAGE; f.offset += PAGE) {
        p.num = 0;
        st = mse_op_app_list(m->store, &f, show_app, &p, err);
    }
    return st;
}

enum cli_exit cmd_app_list(struct cli *c)
{
    return msed_list(c, list_apps,
                     cli_has(c, "all") ? "There are no apps."
                                       : "No apps that live (--all lists the others too).");
}

static mse_status stop_app(struct msed *m, void *arg, struct mse_error *err)
{
    return mse_op_app_stop(m->store, &m->by, NULL, arg, err);
}

enum cli_exit cmd_app_stop(struct cli *c)
{
    enum cli_exit e = msed_do(c, stop_app, c->args[0]);
    return e == CLI_DONE
               ? msed_say(c, json_pack("{s:s}", "stopping", c->args[0]), "Stopping", c->args[0])
               : e;
}
