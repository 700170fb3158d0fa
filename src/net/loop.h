/* SPDX-License-Identifier: Apache-2.0 */
/* Small helpers around libuv and sockets that net and the programs share. */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <uv.h>

#include <mse/status.h>

/* A non-blocking, close-on-exec socket that connects to the unix socket at path. Returns the
 * descriptor, or -1 with errno; EAGAIN means that the listener's queue is full just now. The last
 * part of path may belong to somebody hostile: a link there is not followed (it would lead to
 * sockets of this machine), the folder that holds it is trusted. Needs /proc. */
int mse_net_connect_unix(const char *path);
/* The same for a backend that has to know for whom: mse_net_source there gives source. */
int mse_net_connect_unix_for(const char *path, const uint8_t source[16]);
/* Who is at the other end of a socket: the IPv6 address, the IPv4 one mapped into it, or whom
 * mse_net_connect_unix_for named; zeros if it is not known. */
void mse_net_source(int fd, uint8_t out[16]);
/* Tells whether such a source is this machine, over its loopback. */
bool mse_net_is_loopback(const uint8_t source[16]);
/* A non-blocking, close-on-exec unix socket that listens at path. -1 with errno. */
int mse_net_listen_unix(const char *path, int backlog);
/* After accept failed: without descriptors or memory the connection stays in the queue, and who
 * goes on listening spins. The listener is stopped then; its owner starts it again, by a timer. */
void mse_net_accept_failed(uv_poll_t *listener, int error);
/* Marks a descriptor close-on-exec and non-blocking. */
MSE_MUST_USE bool mse_net_prepare_fd(int fd);
/* Closes a connection so that the peer gets a reset: it must not take this for an orderly end. */
void mse_net_reset(int fd);
/* Closes all handles that are still open in the loop, runs it until they are gone, closes it. */
void mse_net_loop_clear(uv_loop_t *loop);

#endif
