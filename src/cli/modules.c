/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/modules.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "cmd/files.h"

/* Beside the program, in the build tree, in the folders of an installation that was moved. */
#define PLACES(folder, name)                                                                       \
    {                                                                                              \
        name, folder name, "../libexec/mse/" name, "../lib/mse/" name                              \
    }

static const struct module {
    const char *name;
    const char *installed;
    const char *places[4];
} modules[] = {
    [CLI_MODULE_SERVE] = { "mse-serve.so", MSE_LIBEXEC "/mse-serve.so",
                           PLACES("../collateral/", "mse-serve.so") },
    [CLI_MODULE_TOML] = { "mse-toml.so", MSE_LIBEXEC "/mse-toml.so",
                          PLACES("../conf/", "mse-toml.so") },
    [CLI_MODULE_PACKAGE] = { "mse-package.so", MSE_LIBEXEC "/mse-package.so",
                             PLACES("../package/", "mse-package.so") },
    [CLI_MODULE_ATTACK] = { "mse-attack.so", MSE_LIBEXEC "/mse-attack.so",
                            PLACES("../attack/", "mse-attack.so") },
    [CLI_MODULE_PROXY] = { "mse-proxy.so", MSE_LIBEXEC "/mse-proxy.so",
                           PLACES("../proxy/", "mse-proxy.so") },
};

bool cli_module_find(void *out_fn, enum cli_module m, const char *name,
                     char why[MSE_ERROR_TEXT_LEN])
{
    const struct module *k = &modules[m];
    char *path = cli_find_beside(k->places, MSE_ARRAY_LEN(k->places), k->installed);
    /* A path with a slash, so the loader searches nowhere. */
    void *module = path == NULL ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = module == NULL ? NULL : dlsym(module, name);
    if (symbol == NULL) {
        const char *text = path == NULL ? "it is not beside mse nor in " MSE_LIBEXEC : dlerror();
        (void)snprintf(why, MSE_ERROR_TEXT_LEN, "%s does not load: %s", k->name,
                       text == NULL ? "" : text);
    } else {
        memcpy(out_fn, &symbol, sizeof symbol); /* ISO C has no cast from object to function */
    }
    free(path);
    return symbol != NULL;
}
