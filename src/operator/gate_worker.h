/* SPDX-License-Identifier: Apache-2.0 */
/* The process of the gateway that strangers talk to. It holds no key, no file, no database and no
 * right: it gets a listening socket, and from the feeder where names go. */
#ifndef OPERATOR_GATE_WORKER_H
#define OPERATOR_GATE_WORKER_H

/* The first argument that makes msed such a process. */
#define GATE_WORKER_WORD "--gateway-worker"
/* Its descriptors. */
#define GATE_WORKER_CONTROL 3
#define GATE_WORKER_LISTEN  4

/* Returns the exit status. */
int gate_worker_main(void);

#endif
