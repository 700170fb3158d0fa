/* SPDX-License-Identifier: Apache-2.0 */
/* msed hardware and quota. */
#include "base/bytes.h"
#include "base/util.h"
#include "operator/msed.h"

#define MAX_NUMBER ((uint64_t)1 << 40)
#define MAX_QUOTA  1000000

static bool copy_name(const struct cli *c, char out[MSE_OP_NAME_LEN], const char *what,
                      const char *text)
{
    if (text == NULL || strlen(text) >= MSE_OP_NAME_LEN) {
        (void)cli_trouble(c, "%s is %s", what, text == NULL ? "missing" : "longer than 64 bytes");
        return false;
    }
    (void)snprintf(out, MSE_OP_NAME_LEN, "%s", text);
    return true;
}

static mse_status add_hardware(struct msed *m, void *arg, struct mse_error *err)
{
    return mse_op_hardware_add(m->store, &m->by, arg, err);
}

enum cli_exit cmd_hardware_add(struct cli *c)
{
    struct mse_op_hardware h = { .memory = 0 };
    if (!copy_name(c, h.name, "the name", c->args[0]) ||
        !copy_name(c, h.tee, "--tee", cli_value(c, "tee")) ||
        !msed_number(c, "memory", &h.memory, 0, MAX_NUMBER) ||
        !msed_number(c, "cores", &h.cores, 0, MAX_NUMBER) ||
        !msed_number(c, "enclave-size", &h.enclave_size, 0, MAX_NUMBER) ||
        !msed_number(c, "max-apps", &h.max_apps, 1, MAX_NUMBER)) {
        return CLI_TROUBLE;
    }
    enum cli_exit e = msed_do(c, add_hardware, &h);
    return e == CLI_DONE
               ? msed_say(c, json_pack("{s:s, s:s}", "name", h.name, "tee", h.tee), "Added", h.name)
               : e;
}

static mse_status show_hardware(void *arg, const struct mse_op_hardware *h)
{
    const struct msed_listing *l = arg;
    cli_say(l->c, "%-20s %-8s %llu MiB, %llu cores, enclave of %llu MiB, %llu apps", h->name,
            h->tee, (unsigned long long)h->memory, (unsigned long long)h->cores,
            (unsigned long long)h->enclave_size, (unsigned long long)h->max_apps);
    (void)json_array_append_new(
        l->list,
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "name", h->name, "tee", h->tee, "memory",
                  (json_int_t)h->memory, "cores", (json_int_t)h->cores, "enclave_size",
                  (json_int_t)h->enclave_size, "max_apps", (json_int_t)h->max_apps));
    return MSE_OK;
}

static mse_status show_quota(void *arg, const struct mse_op_quota *q)
{
    const struct msed_listing *l = arg;
    cli_say(l->c, "%-20s %-20s %llu apps", q->user_name, q->hardware,
            (unsigned long long)q->max_apps);
    (void)json_array_append_new(l->list,
                                json_pack("{s:s, s:s, s:I}", "user", q->user_name, "hardware",
                                          q->hardware, "max_apps", (json_int_t)q->max_apps));
    return MSE_OK;
}

static mse_status list_hardware(struct msed *m, void *arg, struct mse_error *err)
{
    return mse_op_hardware_list(m->store, NULL, show_hardware, arg, err);
}

enum cli_exit cmd_hardware_list(struct cli *c)
{
    return msed_list(c, list_hardware, "There is no hardware.");
}

static mse_status list_quotas(struct msed *m, void *arg, struct mse_error *err)
{
    return mse_op_quota_list(m->store, show_quota, arg, err);
}

enum cli_exit cmd_quota_list(struct cli *c)
{
    return msed_list(c, list_quotas, "There are no quotas.");
}

static mse_status set_quota(struct msed *m, void *arg, struct mse_error *err)
{
    return mse_op_quota_set(m->store, &m->by, arg, err);
}

enum cli_exit cmd_quota_set(struct cli *c)
{
    struct mse_op_quota q = { .max_apps = 0 };
    if (!copy_name(c, q.user_name, "USER", c->args[0]) ||
        !copy_name(c, q.hardware, "HARDWARE", c->args[1])) {
        return CLI_TROUBLE;
    }
    if (!mse_u64_parse(&q.max_apps, mse_bytes_str(c->args[2]), MAX_QUOTA)) {
        return cli_trouble(c, "N is %s, wanted 0 to %d", c->args[2], MAX_QUOTA);
    }
    enum cli_exit e = msed_do(c, set_quota, &q);
    return e == CLI_DONE ? msed_say(c,
                                    json_pack("{s:s, s:s, s:I}", "user", q.user_name, "hardware",
                                              q.hardware, "max_apps", (json_int_t)q.max_apps),
                                    "Set", q.user_name)
                         : e;
}
