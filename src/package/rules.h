/* SPDX-License-Identifier: Apache-2.0 */
/* Rules for the values of a manifest and for paths of a code tree: pure predicates, used by the
 * writer, the reader and the readers of configuration files. */
#ifndef PACKAGE_RULES_H
#define PACKAGE_RULES_H

#include <mse/types.h>

#define MSE_PATH_MAX_LEN ((size_t)4096)

/* UTF-8 of min to max bytes without NUL and other control characters. */
MSE_MUST_USE bool mse_rule_text(const char *s, size_t min, size_t max);
/* mse_rule_name: 1 to 255 bytes of text, no white space at either end. */
MSE_MUST_USE bool mse_rule_name(const char *s);
/* A UUID of version 4, lower case. */
MSE_MUST_USE bool mse_rule_uuid4(const char *s);
/* A host name in lower case: LDH labels of 1 to 63, at most 253, the last label not a number (so
 * that no IPv4 address passes). */
MSE_MUST_USE bool mse_rule_host(const char *s);
/* module:variable, both dotted Python identifiers (ASCII). */
MSE_MUST_USE bool mse_rule_python_application(const char *s);
/* Starts with '/', visible ASCII, at most 1024. */
MSE_MUST_USE bool mse_rule_endpoint(const char *s);
/* [A-Za-z_][A-Za-z0-9_]*, at most 255. */
MSE_MUST_USE bool mse_rule_env_name(const char *s);
/* Names that the runtime sets itself (7-enclave) and that nobody may set for it. */
MSE_MUST_USE bool mse_rule_env_reserved(const char *s);
/* A power of two, 16 MiB to 1 TiB. */
MSE_MUST_USE bool mse_rule_enclave_size(uint64_t v);
/* A path inside a code tree: 10-rules 20. */
MSE_MUST_USE bool mse_rule_path(struct mse_bytes p);

#endif
