/* SPDX-License-Identifier: Apache-2.0 */
/* Writer into a buffer, fixed or growing, always with a maximum. An append that does not fit sets
 * the failed flag; later appends do nothing; the writer checks once, at the end. */
#ifndef BASE_BUILD_H
#define BASE_BUILD_H

#include <mse/types.h>

struct mse_build {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t max;
    bool heap; /* data was allocated by the builder */
    bool failed;
};

/* mse_build_fixed writes into the caller's buffer of cap bytes. */
void mse_build_fixed(struct mse_build *b, void *buf, size_t cap);
/* mse_build_heap grows on the heap up to max bytes; release it with mse_build_clear. */
void mse_build_heap(struct mse_build *b, size_t max);
/* mse_build_clear wipes and frees a heap buffer and empties the builder; accepts an empty one. */
void mse_build_clear(struct mse_build *b);
/* mse_build_reset keeps the buffer and forgets its content and the failed flag. */
void mse_build_reset(struct mse_build *b);

void mse_wr_u8(struct mse_build *b, uint8_t v);
void mse_wr_u16le(struct mse_build *b, uint16_t v);
void mse_wr_u32le(struct mse_build *b, uint32_t v);
void mse_wr_u64le(struct mse_build *b, uint64_t v);
void mse_wr_u16be(struct mse_build *b, uint16_t v);
void mse_wr_u32be(struct mse_build *b, uint32_t v);
void mse_wr_u64be(struct mse_build *b, uint64_t v);
void mse_wr_copy(struct mse_build *b, const void *p, size_t len);
void mse_wr_bytes(struct mse_build *b, struct mse_bytes s);
void mse_wr_zeros(struct mse_build *b, size_t len);
void mse_wr_str(struct mse_build *b, const char *s);
/* Lower-case hexadecimal digits. */
void mse_wr_hex(struct mse_build *b, const uint8_t *p, size_t len);
/* RFC 3339 in UTC. */
void mse_wr_time(struct mse_build *b, mse_time t);
/* mse_wr_toml_text: a basic string of TOML. */
void mse_wr_toml_text(struct mse_build *b, const char *value);
/* mse_wr_toml: key = "value", a basic string of TOML, and the end of the line. */
void mse_wr_toml(struct mse_build *b, const char *key, const char *value);
void mse_wr_printf(struct mse_build *b, const char *fmt, ...) MSE_PRINTF(2, 3);
/* mse_wr_space appends len bytes whose content the caller fills in; NULL if they do not fit. */
uint8_t *mse_wr_space(struct mse_build *b, size_t len);

MSE_MUST_USE bool mse_build_ok(const struct mse_build *b);
/* mse_build_view borrows what was written so far. */
struct mse_bytes mse_build_view(const struct mse_build *b);
/* mse_build_cstr NUL-terminates (the NUL is not counted in len) and borrows the text; NULL if the
 * builder failed. */
const char *mse_build_cstr(struct mse_build *b);

#endif
