/* SPDX-License-Identifier: Apache-2.0 */
/* Hand-made ClientHellos. */
#ifndef TESTS_UNIT_NET_HELLO_LAB_H
#define TESTS_UNIT_NET_HELLO_LAB_H

#include "base/build.h"

#define HELLO_NAME "app.example.org"

/* Parts of a hand-made hello; what is NULL or zero is as usual. */
struct hello_parts {
    const char *name;
    size_t name_len; /* 0: strlen */
    bool no_name;
    bool no_extensions;
    bool twice;
    bool several;
    bool grease;     /* RFC 8701: reserved values everywhere */
    bool ech;        /* an outer ClientHello: encrypted_client_hello */
    uint8_t major;   /* 0: 3 */
    size_t padding;  /* extension 21 of this many bytes */
    unsigned others; /* extensions nobody knows */
};
/* The message in records of at most piece bytes each; heap, the caller clears it. */
void hello_make(struct mse_build *wire, const struct hello_parts *p, size_t piece);

#endif
