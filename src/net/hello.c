/* SPDX-License-Identifier: Apache-2.0 */
/* See hello.h. */
#include "net/hello.h"

#include "base/bytes.h"
#include "base/util.h"

#define RECORD_HANDSHAKE  22
#define RECORD_ALERT      21
#define RECORD_MAX        16384U /* RFC 8446 §5.1 */
#define MAJOR             3
#define MSG_CLIENT_HELLO  1
#define MSG_HEAD          ((size_t)4)
#define EXT_SERVER_NAME   0
#define NAME_TYPE_HOST    0
#define SESSION_ID_MAX    32U
#define LABEL_MAX         63U
#define ALERT_LEVEL_FATAL 2

static const struct {
    const char *text;
    enum mse_alert alert;
} outcomes[MSE_HELLO_NUM] = {
    [MSE_HELLO_DONE] = { "a ClientHello", MSE_ALERT_NONE },
    [MSE_HELLO_MORE] = { "a ClientHello that is not complete", MSE_ALERT_NONE },
    [MSE_HELLO_NOT_TLS] = { "not TLS", MSE_ALERT_NONE },
    [MSE_HELLO_NOT_HELLO] = { "no ClientHello", MSE_ALERT_UNEXPECTED_MESSAGE },
    [MSE_HELLO_TOO_LONG] = { "a ClientHello that is too long", MSE_ALERT_DECODE_ERROR },
    [MSE_HELLO_MALFORMED] = { "a malformed ClientHello", MSE_ALERT_DECODE_ERROR },
    [MSE_HELLO_TWICE] = { "two extensions of server names", MSE_ALERT_ILLEGAL_PARAMETER },
    [MSE_HELLO_SEVERAL_NAMES] = { "several server names", MSE_ALERT_DECODE_ERROR },
    [MSE_HELLO_NO_NAME] = { "no server name", MSE_ALERT_MISSING_EXTENSION },
    [MSE_HELLO_BAD_NAME] = { "a server name that is no host name", MSE_ALERT_UNRECOGNIZED_NAME },
};

const char *mse_hello_text(enum mse_hello h)
{
    return outcomes[h].text;
}

enum mse_alert mse_hello_alert(enum mse_hello h)
{
    return outcomes[h].alert;
}

void mse_alert_write(uint8_t out[MSE_ALERT_LEN], enum mse_alert a)
{
    const uint8_t record[MSE_ALERT_LEN] = { RECORD_ALERT,      MAJOR,     MAJOR, 0, 2,
                                            ALERT_LEVEL_FATAL, (uint8_t)a };
    memcpy(out, record, sizeof record);
}

/* The records. */

/* One record of the wire: what is there of its content. *whole: all of it is. */
static enum mse_hello take_record(struct mse_bytes *wire, struct mse_bytes *content, bool *whole)
{
    static const uint8_t begin[] = { RECORD_HANDSHAKE, MAJOR };
    struct mse_bytes head = *wire;
    uint8_t minor = 0;
    uint16_t len = 0;
    size_t seen = wire->len < sizeof begin ? wire->len : sizeof begin;
    if (!mse_mem_equal(wire->data, begin, seen)) {
        return MSE_HELLO_NOT_TLS;
    }
    if (!mse_rd_skip(&head, sizeof begin) || !mse_rd_u8(&head, &minor) ||
        !mse_rd_u16be(&head, &len)) {
        return MSE_HELLO_MORE;
    }
    if (minor > 4 || len == 0 || len > RECORD_MAX) {
        return MSE_HELLO_MALFORMED;
    }
    *whole = head.len >= len;
    *content = mse_bytes_of(head.data, *whole ? len : head.len);
    *wire = head;
    return mse_rd_skip(wire, content->len) ? MSE_HELLO_DONE : MSE_HELLO_MALFORMED;
}

/* A message that is put together from the contents of records. */
struct message {
    uint8_t head[MSG_HEAD];
    size_t have; /* of head and body */
    size_t len;  /* of the body; known once the head is there */
    struct mse_bytes body;
    uint8_t *scratch;
};

static enum mse_hello add_head(struct message *m, struct mse_bytes *content)
{
    while (m->have < MSG_HEAD) {
        if (!mse_rd_u8(content, &m->head[m->have])) {
            return MSE_HELLO_MORE;
        }
        m->have++;
        if (m->head[0] != MSG_CLIENT_HELLO) {
            return MSE_HELLO_NOT_HELLO;
        }
    }
    m->len = ((size_t)m->head[1] << 16) | ((size_t)m->head[2] << 8) | m->head[3];
    return m->len <= MSE_HELLO_MAX ? MSE_HELLO_DONE : MSE_HELLO_TOO_LONG;
}

/* Nearly always the whole body lies in one record, and is read where it is. */
static enum mse_hello add(struct message *m, struct mse_bytes content)
{
    enum mse_hello h = add_head(m, &content);
    if (h != MSE_HELLO_DONE) {
        return h;
    }
    size_t had = m->have - MSG_HEAD;
    if (had == 0 && content.len >= m->len) {
        return mse_rd_bytes(&content, &m->body, m->len) ? MSE_HELLO_DONE : MSE_HELLO_MALFORMED;
    }
    size_t take = m->len - had < content.len ? m->len - had : content.len;
    if (take > 0) {
        memcpy(m->scratch + had, content.data, take);
    }
    m->have += take;
    m->body = mse_bytes_of(m->scratch, m->len);
    return had + take == m->len ? MSE_HELLO_DONE : MSE_HELLO_MORE;
}

static enum mse_hello assemble(struct message *m, struct mse_bytes wire)
{
    bool whole = true;
    bool too_long = wire.len > MSE_HELLO_WIRE_MAX;
    enum mse_hello h = MSE_HELLO_MORE;
    wire.len = too_long ? MSE_HELLO_WIRE_MAX : wire.len;
    while (h == MSE_HELLO_MORE && whole && wire.len > 0) {
        struct mse_bytes content = { NULL, 0 };
        whole = false;
        h = take_record(&wire, &content, &whole);
        h = h == MSE_HELLO_DONE ? add(m, content) : h;
    }
    return h == MSE_HELLO_MORE && too_long ? MSE_HELLO_TOO_LONG : h;
}

/* The message. */

static bool rd_vector8(struct mse_bytes *in, struct mse_bytes *out)
{
    uint8_t len = 0;
    return mse_rd_u8(in, &len) && mse_rd_bytes(in, out, len);
}

static bool rd_vector16(struct mse_bytes *in, struct mse_bytes *out)
{
    uint16_t len = 0;
    return mse_rd_u16be(in, &len) && mse_rd_bytes(in, out, len);
}

/* RFC 8446 §4.1.2, RFC 5246 §7.4.1.2. Before TLS 1.3 a client need not have extensions. */
static bool rd_client_hello(struct mse_bytes in, struct mse_bytes *extensions)
{
    struct mse_bytes session;
    struct mse_bytes ciphers;
    struct mse_bytes compression;
    uint8_t major = 0;
    *extensions = mse_bytes_of(NULL, 0);
    return mse_rd_u8(&in, &major) && major == MAJOR &&                     // 0 legacy_version
           mse_rd_skip(&in, 1) &&                                          // 1
           mse_rd_skip(&in, 32) &&                                         // 2 random
           rd_vector8(&in, &session) && session.len <= SESSION_ID_MAX &&   // 34 session_id
           rd_vector16(&in, &ciphers) && ciphers.len >= 2 &&               // cipher_suites
           ciphers.len % 2 == 0 &&                                         //
           rd_vector8(&in, &compression) && compression.len > 0 &&         // compression
           (in.len == 0 || (rd_vector16(&in, extensions) && in.len == 0)); // extensions
}

/* Finds the extension; the others need be whole, and nothing more is asked of them. */
static enum mse_hello find_names(struct mse_bytes extensions, struct mse_bytes *names)
{
    bool found = false;
    while (extensions.len > 0) {
        struct mse_bytes data;
        uint16_t type = 0;
        if (!mse_rd_u16be(&extensions, &type) || !rd_vector16(&extensions, &data)) {
            return MSE_HELLO_MALFORMED;
        }
        if (type == EXT_SERVER_NAME && found) {
            return MSE_HELLO_TWICE;
        }
        if (type == EXT_SERVER_NAME) {
            *names = data;
            found = true;
        }
    }
    return found ? MSE_HELLO_DONE : MSE_HELLO_NO_NAME;
}

/* RFC 6066 §3. Types other than host_name were never given out. */
static enum mse_hello rd_names(struct mse_bytes in, struct mse_bytes *name)
{
    struct mse_bytes list;
    uint8_t type = 0;
    if (!rd_vector16(&in, &list) || in.len != 0 || !mse_rd_u8(&list, &type) ||
        type != NAME_TYPE_HOST || !rd_vector16(&list, name) || name->len == 0) {
        return MSE_HELLO_MALFORMED;
    }
    return list.len == 0 ? MSE_HELLO_DONE : MSE_HELLO_SEVERAL_NAMES;
}

static bool is_name_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Labels of 1 to 63 characters with dots between, in lower case. */
static enum mse_hello set_name(char out[MSE_HELLO_NAME_MAX + 1], struct mse_bytes name)
{
    char lower[MSE_HELLO_NAME_MAX + 1];
    size_t label = 0;
    if (name.data[name.len - 1] == '.') {
        name.len--;
    }
    if (name.len == 0 || name.len > MSE_HELLO_NAME_MAX) {
        return MSE_HELLO_BAD_NAME;
    }
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        c = c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20U) : c;
        bool dot = c == '.' && label > 0;
        label = dot ? 0 : label + 1;
        if ((!dot && !is_name_char(c)) || label > LABEL_MAX) {
            return MSE_HELLO_BAD_NAME;
        }
        lower[i] = (char)c;
    }
    if (label == 0) {
        return MSE_HELLO_BAD_NAME;
    }
    memcpy(out, lower, name.len);
    out[name.len] = '\0';
    return MSE_HELLO_DONE;
}

enum mse_hello mse_hello_read(char name[MSE_HELLO_NAME_MAX + 1], struct mse_bytes wire,
                              uint8_t scratch[MSE_HELLO_MAX])
{
    struct message m = { .have = 0 };
    struct mse_bytes extensions;
    struct mse_bytes names;
    struct mse_bytes host;
    m.scratch = scratch;
    enum mse_hello h = assemble(&m, wire);
    if (h == MSE_HELLO_DONE && !rd_client_hello(m.body, &extensions)) {
        h = MSE_HELLO_MALFORMED;
    }
    if (h == MSE_HELLO_DONE) {
        h = find_names(extensions, &names);
    }
    if (h == MSE_HELLO_DONE) {
        h = rd_names(names, &host);
    }
    return h == MSE_HELLO_DONE ? set_name(name, host) : h;
}
