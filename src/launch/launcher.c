/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/machine.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"

static const struct mse_launcher *const launchers[] = { &mse_launcher_sim, &mse_launcher_gramine,
                                                        &mse_launcher_machine };

mse_status mse_launcher_find(const struct mse_launcher **out, const char *tee,
                             struct mse_error *err)
{
    char known[128] = "";
    size_t len = 0;
    for (size_t i = 0; i < MSE_ARRAY_LEN(launchers); i++) {
        for (const char *const *t = launchers[i]->tees; *t != NULL; t++) {
            if (strcmp(*t, tee) == 0) {
                *out = launchers[i];
                return MSE_OK;
            }
            len +=
                (size_t)snprintf(known + len, sizeof known - len, "%s%s", len == 0 ? "" : ", ", *t);
        }
    }
    return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, "tee",
                    "no enclave of TEE \"%.40s\" is started here, wanted %s", tee, known);
}

const char *mse_launcher_hardware(const char *tee)
{
    return strcmp(tee, MSE_MACHINE_EMULATED) == 0 ? "sim" : tee;
}

const char *mse_launch_option(const struct mse_instance *i, const char *name)
{
    const char *text = json_string_value(json_object_get(i->options, name));
    return text == NULL ? "" : text;
}

void mse_instance_set(struct mse_instance *out, const json_t *options)
{
    out->options = options;
    out->tee = mse_launch_option(out, "tee");
    out->tee = out->tee[0] == '\0' ? "sim" : out->tee;
    out->platform = mse_launch_option(out, "platform");
    out->runtime = mse_launch_option(out, "runtime");
    out->enclave_size = (uint64_t)json_integer_value(json_object_get(options, "size"));
    out->sandbox = json_is_true(json_object_get(options, "sandbox"));
}
