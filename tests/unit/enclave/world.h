/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime in a process of its own, with a driver that writes events into a pipe; the test is
 * the client and the launcher. */
#ifndef TESTS_UNIT_ENCLAVE_WORLD_H
#define TESTS_UNIT_ENCLAVE_WORLD_H

#include <sys/types.h>

#include "lib/testlib.h"
#include "unit/enclave/fixture.h"

#define WORLD_CONFIG_NAME "config.example.org" /* as in fixture_manifest */

struct world {
    struct mse_manifest m;
    uint16_t port;
    int listen_fd;
    int control[2];
    int events[2];
    unsigned start_ms;
    mse_time floor;   /* the time that an earlier run has seen; 0: none */
    const char *code; /* content of app.py, or NULL */
    /* For an app that waits for its configuration. */
    int package_fd;
    uint8_t package_digest[32]; /* what the package has in its header */
    bool tell_dir;              /* the first event is "0 " and the folder of the app */
    uint8_t x25519_secret[32];
    uint8_t x25519_public[32];
    /* Called in the runtime's process, when all is prepared; may be NULL. */
    void (*in_child)(void *arg);
    void *in_child_arg;
    pid_t pid;
};

void world_begin(struct world *w);
/* The next event: its number, a space and its text. */
const char *world_event(const struct world *w);
/* Waits for its end; tells the status that the runtime ended with. */
mse_status world_end(struct world *w);
/* Closes what the test has; after world_end, or after the runtime was killed and reaped. */
void world_clear(struct world *w);

#endif
