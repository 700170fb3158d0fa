/* SPDX-License-Identifier: Apache-2.0 */
/* See log_open.h. Both the app and whoever kept the log are strangers to the owner's terminal. */
#include "cli/log_open.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/util.h"
#include "cli/sealed_box.h"
#include "package/log_record.h"

#define SEALED_LINE "app: info: " MSE_LOG_SEALED
#define BOX_MAX     ((size_t)1024)

static const char *kind_name(enum mse_log_kind k)
{
    switch (k) {
    case MSE_LOG_OUT:
        return "out";
    case MSE_LOG_ERR:
        return "err";
    case MSE_LOG_DROPPED:
        break;
    }
    return "dropped";
}

/* Whose the next line is. */
static void print_instance(const struct cli_log_open *o)
{
    if (o->instance != 0) {
        (void)fprintf(o->to, "[instance %u] ", o->instance);
    }
}

static void add_object(struct cli_log_open *o, json_t *v)
{
    if (o->instance != 0) {
        (void)json_object_set_new(v, "instance", json_integer((json_int_t)o->instance));
    }
    (void)json_array_append_new(o->lines, v);
}

/* A line of the log, with no note; or a note of our own about it. */
static void tell(struct cli_log_open *o, const char *note, const char *text)
{
    if (o->lines != NULL && note == NULL && o->instance == 0) {
        (void)json_array_append_new(o->lines, json_string(text));
    } else if (o->lines != NULL) {
        add_object(o, json_pack("{s:s}", note == NULL ? "line" : note, text));
    } else {
        print_instance(o);
        (void)fprintf(o->to, "%s%s%s\n", note == NULL ? "" : note, note == NULL ? "" : ": ", text);
    }
}

static void complain(struct cli_log_open *o, const char *what)
{
    o->bad = true;
    tell(o, "warning", what);
}

/* Whose an instance's records are, only the one who kept the log says. Of one start all are of one
 * instance: else some could be left out where those of "another" begin. */
static void note_boot(struct cli_log_open *o, const uint8_t boot[16])
{
    struct cli_log_boots *all = o->boots;
    size_t at = 0;
    while (all != NULL && at < all->num && !mse_mem_equal(all->list[at].boot, boot, 16)) {
        at++;
    }
    if (all == NULL) {
        return;
    }
    if (at == CLI_LOG_MAX_BOOTS) {
        complain(o, "the enclave was started too often to tell its starts apart");
    } else if (at < all->num && all->list[at].instance != o->instance) {
        complain(o, "records of one start of the enclave are shown as those of two instances");
    } else if (at == all->num) {
        memcpy(all->list[at].boot, boot, 16);
        all->list[at].instance = o->instance;
        all->num++;
    }
}

/* Whether this record follows the last one. */
static void check_order(struct cli_log_open *o, const struct mse_log_record *r)
{
    char text[128];
    char hex[33];
    bool same = o->any && mse_mem_equal(o->boot, r->boot, sizeof o->boot);
    if (!same) {
        mse_hex_encode(hex, mse_bytes_of(r->boot, sizeof r->boot));
        (void)snprintf(text, sizeof text, "the enclave was started: %s", hex);
        tell(o, "note", text);
        note_boot(o, r->boot);
        memcpy(o->boot, r->boot, sizeof o->boot);
        o->next = o->any || !o->tail ? 0 : r->sequence;
    }
    if (r->sequence < o->next) {
        (void)snprintf(text, sizeof text, "record %llu comes again, or in another order",
                       (unsigned long long)r->sequence);
        complain(o, text);
    } else if (r->sequence > o->next) {
        (void)snprintf(text, sizeof text, "%llu records are missing here",
                       (unsigned long long)(r->sequence - o->next));
        complain(o, text);
    }
    o->any = true;
    o->next = r->sequence < o->next || r->sequence == UINT64_MAX ? o->next : r->sequence + 1;
}

static void show(struct cli_log_open *o, const struct mse_log_record *r)
{
    char when[MSE_TIME_TEXT_LEN] = "?";
    char text[MSE_LOG_TEXT_MAX + 1];
    memcpy(text, r->text.data, r->text.len);
    text[r->text.len] = '\0';
    mse_utf8_printable(text);
    if (r->time_ms / 1000 <= 253402300799U) {
        mse_time_format(when, (mse_time)(r->time_ms / 1000));
    }
    if (o->lines != NULL) {
        add_object(o, json_pack("{s:I, s:s, s:s, s:s}", "sequence", (json_int_t)r->sequence, "time",
                                when, "stream", kind_name(r->kind), "text", text));
        return;
    }
    print_instance(o);
    if (r->kind == MSE_LOG_DROPPED) {
        (void)fprintf(o->to, "%s %s lines were dropped: too many at once\n", when, text);
    } else {
        (void)fprintf(o->to, "%s %s: %s\n", when, kind_name(r->kind), text);
    }
}

static void open_record(struct cli_log_open *o, struct mse_bytes content)
{
    struct mse_log_record r;
    uint8_t shared[32];
    if (mse_log_record_read(&r, content) != MSE_OK) {
        complain(o, "a record that opens and is malformed");
        return;
    }
    bool right = !o->has_enclave || mse_mem_equal(r.enclave, o->enclave, sizeof r.enclave);
    bool made = mse_log_shared(shared, o->secret, r.enclave) == MSE_OK &&
                mse_log_record_is_of(content, shared);
    mse_wipe(shared, sizeof shared);
    if (!right || !made) {
        complain(o, right ? "a record that nobody's enclave made" : "a record of another enclave");
        return;
    }
    check_order(o, &r);
    show(o, &r);
}

static void open_box(struct cli_log_open *o, struct mse_bytes text)
{
    uint8_t box[BOX_MAX];
    uint8_t room[BOX_MAX];
    struct mse_build content;
    size_t len = 0;
    mse_build_fixed(&content, room, sizeof room);
    if (!mse_base64url_decode(box, sizeof box, &len, text) ||
        cli_unseal(&content, mse_bytes_of(box, len), o->secret, NULL) != MSE_OK) {
        complain(o, "a record that this key does not open");
    } else {
        open_record(o, mse_build_view(&content));
    }
    mse_wipe(room, sizeof room);
}

static void end_line(struct cli_log_open *o)
{
    static const char start[] = SEALED_LINE;
    size_t skip = sizeof start - 1;
    o->line[o->len] = '\0';
    if (o->too_long) {
        complain(o, "a line that is too long");
    } else if (o->opens && o->len > skip && mse_mem_equal(o->line, start, skip)) {
        open_box(o, mse_bytes_of(o->line + skip, o->len - skip));
    } else {
        mse_utf8_printable(o->line);
        tell(o, NULL, o->line);
    }
    o->len = 0;
    o->too_long = false;
}

void cli_log_open_feed(struct cli_log_open *o, const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (p[i] == '\n') {
            end_line(o);
        } else if (o->len < sizeof o->line - 1) {
            o->line[o->len++] = p[i];
        } else {
            o->too_long = true;
        }
    }
}
