/* SPDX-License-Identifier: Apache-2.0 */
/* msed hardware and quota. */
#include "base/bytes.h"
#include "base/util.h"
#include "operator/msed.h"

#define MAX_NUMBER ((uint64_t)1 << 40)
#define MAX_QUOTA  1000000

struct listing {
    const struct cli *c;
    json_t *list;
};

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

enum cli_exit cmd_hardware_add(struct cli *c)
{
    struct msed m;
    struct mse_error err = { 0 };
    struct mse_op_hardware h = { .memory = 0 };
    if (!copy_name(c, h.name, "the name", c->args[0]) ||
        !copy_name(c, h.tee, "--tee", cli_value(c, "tee")) ||
        !msed_number(c, "memory", &h.memory, 0, MAX_NUMBER) ||
        !msed_number(c, "cores", &h.cores, 0, MAX_NUMBER) ||
        !msed_number(c, "enclave-size", &h.enclave_size, 0, MAX_NUMBER) ||
        !msed_number(c, "max-apps", &h.max_apps, 1, MAX_NUMBER)) {
        return CLI_TROUBLE;
    }
    enum cli_exit e = msed_open(&m, c, false);
    if (e == CLI_DONE) {
        mse_status st = mse_op_hardware_add(m.store, &m.by, &h, &err);
        e = st == MSE_OK ? CLI_DONE : cli_failed(c, st, &err);
    }
    msed_close(&m);
    if (e == CLI_DONE && c->json) {
        cli_json(c, json_pack("{s:s, s:s}", "name", h.name, "tee", h.tee));
    } else if (e == CLI_DONE) {
        cli_say(c, "Added: %s", h.name);
    }
    return e;
}

static mse_status show_hardware(void *arg, const struct mse_op_hardware *h)
{
    const struct listing *l = arg;
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
    const struct listing *l = arg;
    cli_say(l->c, "%-20s %-20s %llu apps", q->user_name, q->hardware,
            (unsigned long long)q->max_apps);
    (void)json_array_append_new(l->list,
                                json_pack("{s:s, s:s, s:I}", "user", q->user_name, "hardware",
                                          q->hardware, "max_apps", (json_int_t)q->max_apps));
    return MSE_OK;
}

static enum cli_exit list(const struct cli *c, bool quotas)
{
    struct msed m;
    struct mse_error err = { 0 };
    struct listing l = { .c = c, .list = json_array() };
    enum cli_exit e = msed_open(&m, c, false);
    if (e == CLI_DONE) {
        mse_status st = quotas ? mse_op_quota_list(m.store, show_quota, &l, &err)
                               : mse_op_hardware_list(m.store, NULL, show_hardware, &l, &err);
        e = st == MSE_OK ? CLI_DONE : cli_failed(c, st, &err);
    }
    msed_close(&m);
    if (e != CLI_DONE) {
        json_decref(l.list);
        return e;
    }
    return msed_list_done(c, l.list, quotas ? "There are no quotas." : "There is no hardware.");
}

enum cli_exit cmd_hardware_list(struct cli *c)
{
    return list(c, false);
}

enum cli_exit cmd_quota_list(struct cli *c)
{
    return list(c, true);
}

enum cli_exit cmd_quota_set(struct cli *c)
{
    struct msed m;
    struct mse_error err = { 0 };
    struct mse_op_quota q = { .max_apps = 0 };
    if (!copy_name(c, q.user_name, "USER", c->args[0]) ||
        !copy_name(c, q.hardware, "HARDWARE", c->args[1])) {
        return CLI_TROUBLE;
    }
    if (!mse_u64_parse(&q.max_apps, mse_bytes_str(c->args[2]), MAX_QUOTA)) {
        return cli_trouble(c, "N is %s, wanted 0 to %d", c->args[2], MAX_QUOTA);
    }
    enum cli_exit e = msed_open(&m, c, false);
    if (e == CLI_DONE) {
        mse_status st = mse_op_quota_set(m.store, &m.by, &q, &err);
        e = st == MSE_OK ? CLI_DONE : cli_failed(c, st, &err);
    }
    msed_close(&m);
    if (e == CLI_DONE && c->json) {
        cli_json(c, json_pack("{s:s, s:s, s:I}", "user", q.user_name, "hardware", q.hardware,
                              "max_apps", (json_int_t)q.max_apps));
    } else if (e == CLI_DONE) {
        cli_say(c, "Set: %s may have %llu apps on %s", q.user_name, (unsigned long long)q.max_apps,
                q.hardware);
    }
    return e;
}
