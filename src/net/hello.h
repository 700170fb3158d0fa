/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a TLS client wants to reach: the server name of its ClientHello, found without taking part
 * in the handshake. Pure. Everything else of the message is the server's business, and reaches it
 * unchanged; but what two readers could understand differently is refused here, so that nobody is
 * led to another server than the one that will answer. */
#ifndef NET_HELLO_H
#define NET_HELLO_H

#include <mse/types.h>

/* The longest message that is taken, and the most bytes on the wire that it may be spread over. */
#define MSE_HELLO_MAX      ((size_t)16384)
#define MSE_HELLO_WIRE_MAX ((size_t)20480)
#define MSE_HELLO_NAME_MAX 253

enum mse_hello {
    MSE_HELLO_DONE,
    MSE_HELLO_MORE,          /* so far all is well, and the message goes on */
    MSE_HELLO_NOT_TLS,       /* another protocol, or SSL 2 */
    MSE_HELLO_NOT_HELLO,     /* TLS that begins with something else */
    MSE_HELLO_TOO_LONG,      /* beyond one of the maxima */
    MSE_HELLO_MALFORMED,     /* lengths that contradict each other, or empty records */
    MSE_HELLO_TWICE,         /* two extensions of server names */
    MSE_HELLO_SEVERAL_NAMES, /* RFC 6066: one name of a type */
    MSE_HELLO_NO_NAME,
    MSE_HELLO_BAD_NAME, /* not a host name */
    MSE_HELLO_NUM,
};
/* In words; borrowed. */
const char *mse_hello_text(enum mse_hello h);

/* mse_hello_read looks at what a client has sent so far. With MSE_HELLO_DONE name holds the name in
 * lower case, without the dot that may end it; otherwise it is untouched. scratch is where a
 * message is put together that comes in several records. */
enum mse_hello mse_hello_read(char name[MSE_HELLO_NAME_MAX + 1], struct mse_bytes wire,
                              uint8_t scratch[MSE_HELLO_MAX]);

/* Alerts, RFC 8446 §6. */
enum mse_alert {
    MSE_ALERT_NONE = -1, /* none would be understood */
    MSE_ALERT_UNEXPECTED_MESSAGE = 10,
    MSE_ALERT_ILLEGAL_PARAMETER = 47,
    MSE_ALERT_DECODE_ERROR = 50,
    MSE_ALERT_INTERNAL_ERROR = 80,
    MSE_ALERT_MISSING_EXTENSION = 109,
    MSE_ALERT_UNRECOGNIZED_NAME = 112,
};
/* What a client is told about an outcome other than MSE_HELLO_DONE and MSE_HELLO_MORE. */
enum mse_alert mse_hello_alert(enum mse_hello h);
/* The record of a fatal alert. */
#define MSE_ALERT_LEN 7
void mse_alert_write(uint8_t out[MSE_ALERT_LEN], enum mse_alert a);

#endif
