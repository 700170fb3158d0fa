/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that nobody here may call: a compile error for gcc and clang. It is the last header
 * that the build adds to each C file's command line (-include), after the libc headers below. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <alloca.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#undef alloca
#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef sprintf
#undef vsprintf
#undef strtok
#undef atoi

#pragma GCC poison alloca strcpy strcat strncpy strncat sprintf vsprintf strtok atoi atol atoll
#pragma GCC poison gmtime localtime ctime asctime tmpnam mktemp system popen gets
#endif
