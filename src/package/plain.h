/* SPDX-License-Identifier: Apache-2.0 */
/* The form of the plain package (10-rules 21). Internal to package/. */
#ifndef PACKAGE_PLAIN_H
#define PACKAGE_PLAIN_H

#include "base/build.h"

#define MSE_PLAIN_MAGIC      "MSEPKG0" /* with its NUL: 8 bytes */
#define MSE_PLAIN_HEADER_LEN ((size_t)104)

#endif
