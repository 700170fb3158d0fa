/* SPDX-License-Identifier: Apache-2.0 */
/* Two instances of one app on one platform: a leader that has stored something, and one that may
 * join it. Test code: it fails the test on trouble. */
#ifndef TESTS_UNIT_ENCLAVE_REPLICAS_H
#define TESTS_UNIT_ENCLAVE_REPLICAS_H

#include "enclave/replica.h"
#include "unit/enclave/side.h"

struct replicas {
    struct lab *lab;
    struct side leader; /* its state is sealed; it has home/one and keys/key */
    struct side joiner;
    char *dir; /* state, leader and joiner are in it */
    char data[200];
    char scratch[200];
};
void replicas_begin(struct replicas *r, struct lab *l);
/* The same with this many instances at most. */
void replicas_begin_with(struct replicas *r, struct lab *l, uint32_t num);
void replicas_end(struct replicas *r);
/* One's part of a meeting; text is to be cleared. */
void replicas_party(struct mse_handover *out, struct mse_build *text, struct side *s, int fd);
/* By what it judges: the manifest's rule, on that platform. */
void replicas_judge(struct side *s, struct lab *l);
/* Empties the joining one's folders, and says where they are. */
struct mse_replica_room replicas_room(struct replicas *r);
void replicas_assert_text(const struct replicas *r, const char *name, const char *text);

#endif
