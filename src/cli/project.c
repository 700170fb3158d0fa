/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/project.h"

#include "cmd/files.h"

char *cli_project_path(const char *what)
{
    size_t len = strlen(what);
    bool file = len > 5 && strcmp(what + len - 5, ".toml") == 0;
    return file ? strdup(what) : cli_join(what, "mse.toml");
}

mse_status cli_project_load(struct mse_project *out, const char *toml_path, struct mse_error *err)
{
    struct mse_project p = { 0 };
    struct cli_file f = { 0 };
    mse_status st = cli_file_read(&f, toml_path, MSE_CONF_MAX_LEN, err);
    if (st == MSE_OK) {
        st = mse_project_parse(&p, toml_path, cli_file_view(&f), err);
    }
    if (st == MSE_OK) {
        *out = p;
    }
    cli_file_clear(&f);
    return st;
}
