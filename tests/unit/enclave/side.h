/* SPDX-License-Identifier: Apache-2.0 */
/* One of two simulated enclaves that meet. Test code: it fails the test on trouble. */
#ifndef TESTS_UNIT_ENCLAVE_SIDE_H
#define TESTS_UNIT_ENCLAVE_SIDE_H

#include <sys/un.h>

#include "enclave/party.h"
#include "unit/enclave/fixture.h"
#include "unit/ratls/lab.h"

struct mse_tee {
    struct lab *lab;
    uint8_t code; /* each byte of MRENCLAVE */
    bool debug;
};

struct side {
    struct mse_tee tee;
    struct mse_enclave_tee driver;
    struct mse_durable durable; /* with the driver, and nothing else */
    struct mse_manifest m;      /* of fixture.h, for FIXTURE_SAN */
    struct mse_build text;      /* its bytes */
    uint8_t digest[32];
    struct mse_identity id;
    struct mse_peers peers;
    struct mse_party me;
};
/* On the lab's platform; it can judge others at once. */
void side_init(struct side *s, struct lab *l, uint8_t code);
/* The same; change (may be NULL) is called before the manifest is measured. */
void side_init_as(struct side *s, struct lab *l, uint8_t code,
                  void (*change)(struct mse_manifest *m));
void side_clear(struct side *s);

/* A connection to whoever listens at that unix socket. */
int side_visit(const struct sockaddr_un *address);
/* The first words of a visitor: a length, and collateral, which may be of another one. */
bool side_send_collateral(int fd, uint32_t len, struct mse_bytes json);

#endif
