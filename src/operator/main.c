/* SPDX-License-Identifier: Apache-2.0 */
/* msed. The table of commands is table.c. */
#include "operator/msed.h"

int main(int argc, char **argv)
{
    return cli_main(&msed_program, argc, argv);
}
