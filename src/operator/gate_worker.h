/* SPDX-License-Identifier: Apache-2.0 */
/* The process of the gateway that strangers talk to. It holds no key, no file, no database and no
 * right: it gets a listening socket, and from the feeder where names go. */
#ifndef OPERATOR_GATE_WORKER_H
#define OPERATOR_GATE_WORKER_H

#include <stdbool.h>

/* The first argument that makes msed such a process; the second word makes the one that ends TLS
 * for names of operator mode, and holds the operator's certificate for that. */
#define GATE_WORKER_WORD "--gateway-worker"
#define GATE_TLS_WORD    "--gateway-tls"
/* Its descriptors. */
#define GATE_WORKER_CONTROL 3
#define GATE_WORKER_LISTEN  4

/* Returns the exit status. */
int gate_worker_main(bool ends_tls);

#endif
