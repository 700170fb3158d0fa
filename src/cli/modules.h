/* SPDX-License-Identifier: Apache-2.0 */
/* Modules: what only some commands need, and what needs large libraries, is loaded when it is used.
 */
#ifndef CLI_MODULES_H
#define CLI_MODULES_H

#include <mse/status.h>

enum cli_module {
    CLI_MODULE_SERVE,   /* SQLite, libmicrohttpd */
    CLI_MODULE_TOML,    /* tomlplusplus, libstdc++ */
    CLI_MODULE_PACKAGE, /* libarchive */
    CLI_MODULE_ATTACK,  /* servers and forgeries that nobody else needs */
    CLI_MODULE_PROXY,   /* libuv */
};

/* cli_module_find loads the module that lies beside this program, else the installed one, never
 * one that the environment names, and stores the address of its function name at *out_fn, a pointer
 * to function of the right type. It stays loaded. false with why filled. */
MSE_MUST_USE bool cli_module_find(void *out_fn, enum cli_module m, const char *name,
                                  char why[MSE_ERROR_TEXT_LEN]);

#endif
