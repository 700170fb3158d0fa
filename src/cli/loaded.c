/* SPDX-License-Identifier: Apache-2.0 */
/* What mse loads where other programs link: the functions of these names in the modules do the
 * work. Part of the program only; tests link the functions themselves. */
#include <stdio.h>

#include "base/error.h"
#include "cli/modules.h"
#include "conf/toml_shim.h"
#include "package/code.h"

bool mse_toml_parse(struct mse_toml_node **out, struct mse_bytes text,
                    struct mse_toml_problem *problem)
{
    char why[MSE_ERROR_TEXT_LEN];
    mse_toml_parse_fn parse = NULL;
    if (!cli_module_find(&parse, CLI_MODULE_TOML, "mse_toml_parse", why)) {
        problem->line = 0;
        (void)snprintf(problem->text, sizeof problem->text, "%.150s", why);
        return false;
    }
    return parse(out, text, problem);
}

mse_status mse_package_write(int fd, const char *dir, const uint8_t salt[32],
                             const struct mse_package *p, struct mse_error *err)
{
    char why[MSE_ERROR_TEXT_LEN];
    mse_package_write_fn write_package = NULL;
    if (!cli_module_find(&write_package, CLI_MODULE_PACKAGE, "mse_package_write", why)) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, "package", "%s", why);
    }
    return write_package(fd, dir, salt, p, err);
}

mse_status mse_package_unpack(struct mse_unpacked *out, int fd, const char *dest,
                              const struct mse_package *p, struct mse_error *err)
{
    char why[MSE_ERROR_TEXT_LEN];
    mse_package_unpack_fn unpack = NULL;
    if (!cli_module_find(&unpack, CLI_MODULE_PACKAGE, "mse_package_unpack", why)) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, "package", "%s", why);
    }
    return unpack(out, fd, dest, p, err);
}
