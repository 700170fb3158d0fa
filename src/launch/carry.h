/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes between two hosts: from an instance that is to join a leader, to the leader's socket. What
 * is carried is a session of the two enclaves, which the hosts cannot read. Who comes shows that he
 * has a key, and is shown it: the hosts of one fleet have it from its store, strangers do not. */
#ifndef LAUNCH_CARRY_H
#define LAUNCH_CARRY_H

#include <mse/status.h>

#define MSE_CARRY_KEY_LEN     32
#define MSE_CARRY_MAX         80   /* connections at once */
#define MSE_CARRY_MAX_ASKING  16   /* of them, those that have not shown the key yet */
#define MSE_CARRY_PATIENCE_MS 5000 /* for that */

/* The socket of a folder where a leader waits for those who join. */
#define MSE_CARRY_SOCKET "replicas"

/* mse_carry_serve takes connections of listen_fd, and carries them to MSE_CARRY_SOCKET in the
 * folder that dir_fd is open on. For a process of its own: it never returns. */
_Noreturn void mse_carry_serve(int listen_fd, int dir_fd, const uint8_t key[MSE_CARRY_KEY_LEN]);
/* mse_carry_dial goes to who serves. where: a line "ADDRESS PORT KEY", a literal address, a number,
 * 64 hexadecimal digits. MSE_ERR_MALFORMED: the line; MSE_ERR_IO: nobody is there; MSE_ERR_TIMEOUT;
 * MSE_ERR_PEER_REFUSED: he closes, as this key is not his, or he is full; MSE_ERR_SIGNATURE: he has
 * not the key. */
MSE_MUST_USE mse_status mse_carry_dial(int *out_fd, struct mse_bytes where, struct mse_error *err);
/* Whatever either has, to the other, until one ends. SIGPIPE has to be ignored. */
void mse_carry_all(int a, int b);

#endif
