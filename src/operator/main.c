/* SPDX-License-Identifier: Apache-2.0 */
/* msed. The table of commands is table.c. */
#include <string.h>

#include "operator/gate_worker.h"
#include "operator/node.h"

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], GATE_WORKER_WORD) == 0) {
        return gate_worker_main(false);
    }
    if (argc == 2 && strcmp(argv[1], GATE_TLS_WORD) == 0) {
        return gate_worker_main(true);
    }
    if (argc > 1 && strcmp(argv[1], NODE_SHEPHERD_WORD) == 0) {
        return node_shepherd_main(argc, argv);
    }
    char run[] = "run";
    char *alone[] = { argv[0], run, NULL };
    return argc == 1 ? cli_main(&msed_program, 2, alone) : cli_main(&msed_program, argc, argv);
}
