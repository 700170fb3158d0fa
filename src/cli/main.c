/* SPDX-License-Identifier: Apache-2.0 */
/* mse. The table of commands is table.c. */
#include "cli/cli.h"

int main(int argc, char **argv)
{
    return cli_main(&mse_program, argc, argv);
}
