/* SPDX-License-Identifier: Apache-2.0 */
/* A project of the user: the folder of an mse.toml. */
#ifndef CLI_PROJECT_H
#define CLI_PROJECT_H

#include "conf/project.h"

/* In the folder of a project that mse scaffold made: what the logs of its app are sealed to. */
#define SCAFFOLD_LOGS_KEY "logs.key"

/* The path of its mse.toml, heap; what is a folder that holds mse.toml, or such a file itself. */
char *cli_project_path(const char *what);
/* Reads it; release with mse_project_clear. Errors of files, MSE_ERR_CONFIG. */
MSE_MUST_USE mse_status cli_project_load(struct mse_project *out, const char *toml_path,
                                         struct mse_error *err);

#endif
