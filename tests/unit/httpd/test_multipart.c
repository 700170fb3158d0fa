/* SPDX-License-Identifier: Apache-2.0 */
/* Forms in parts: what is in them, however they are cut into pieces, and what is refused. */
#include "lib/testlib.h"

#include "base/build.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "httpd/multipart.h"

#define TYPE "multipart/form-data; boundary=xYz"
#define HEAD "Content-Disposition: form-data; name="

/* Events as a text: name{content} */
static mse_status on_begin(void *user, const char *name, struct mse_error *err)
{
    (void)err;
    mse_wr_printf(user, "%s{", name);
    return MSE_OK;
}

static mse_status on_data(void *user, struct mse_bytes piece, struct mse_error *err)
{
    (void)err;
    assert_true(piece.len > 0);
    mse_wr_bytes(user, piece);
    return MSE_OK;
}

static mse_status on_end(void *user, struct mse_error *err)
{
    (void)err;
    mse_wr_str(user, "}");
    return MSE_OK;
}

static const struct mse_multipart_events events = { on_begin, on_data, on_end };

static mse_status read_form(char *out, size_t cap, struct mse_bytes text, size_t step)
{
    struct mse_multipart m;
    struct mse_build b;
    mse_build_fixed(&b, out, cap);
    mse_status st = mse_multipart_init(&m, TYPE, &events, &b, NULL);
    while (st == MSE_OK && text.len > 0) {
        size_t len = text.len < step ? text.len : step;
        st = mse_multipart_feed(&m, mse_bytes_of(text.data, len), NULL);
        text = mse_bytes_of(text.data + len, text.len - len);
    }
    if (st == MSE_OK) {
        st = mse_multipart_finish(&m, NULL);
    }
    assert_non_null(mse_build_cstr(&b));
    return st;
}

static mse_status status_of(const char *text)
{
    char out[4096];
    return read_form(out, sizeof out, mse_bytes_str(text), SIZE_MAX);
}

static const char form[] = "--xYz\r\n" HEAD "\"conf\"\r\nContent-Type: application/json\r\n\r\n"
                           "{}\r\n--xYz\r\ncontent-disposition:form-data; filename=\"a;\\\"b\"; "
                           "name=manifest\r\n\r\n\r\n--xYz\r\n" HEAD "code\r\n\r\n"
                           "a\r\n--xY\r\r\n--x\r\n-\r\n--xYz--\r\n";
static const char content[] = "conf{{}}manifest{}code{a\r\n--xY\r\r\n--x\r\n-}";

static void reads_in_any_pieces(void **state)
{
    char out[256];
    (void)state;
    for (size_t step = 1; step < sizeof form; step++) {
        assert_status(read_form(out, sizeof out, mse_bytes_str(form), step), MSE_OK);
        assert_string_equal(out, content);
    }
    /* The line end behind the last boundary may be missing. */
    assert_status(read_form(out, sizeof out, mse_bytes_of(form, sizeof form - 3), sizeof form),
                  MSE_OK);
    assert_string_equal(out, content);
}

static void refuses_what_is_cut(void **state)
{
    char out[256];
    (void)state;
    for (size_t len = 0; len < sizeof form - 1; len++) {
        mse_status st = read_form(out, sizeof out, mse_bytes_of(form, len), 7);
        assert_status(st, len == sizeof form - 3 ? MSE_OK : MSE_ERR_MALFORMED);
    }
}

static void refuses_what_is_behind(void **state)
{
    char text[sizeof form + 1];
    (void)state;
    (void)snprintf(text, sizeof text, "%sx", form);
    assert_status(status_of(text), MSE_ERR_MALFORMED);
    assert_status(status_of("--xYz\r\n" HEAD "a\r\n\r\n\r\n--xYz--x"), MSE_ERR_MALFORMED);
    assert_status(status_of("--xYz\r\n" HEAD "a\r\n\r\n\r\n--xYz \r\n"), MSE_ERR_MALFORMED);
    assert_status(status_of("--xYz\r\n" HEAD "a\r\n\r\n\r\n--xYz-\r\n"), MSE_ERR_MALFORMED);
}

static void survives_flipped_bits(void **state)
{
    char copy[sizeof form];
    char out[256];
    (void)state;
    for (size_t bit = 0; bit < (sizeof form - 1) * 8; bit++) {
        memcpy(copy, form, sizeof form);
        copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << bit % 8));
        mse_status st = read_form(out, sizeof out, mse_bytes_of(copy, sizeof form - 1), 5);
        assert_true(st == MSE_OK || st == MSE_ERR_MALFORMED);
    }
}

static void refuses_parts_that_are_none(void **state)
{
    static const char *const bad[] = {
        "x--xYz\r\n",
        "--xyz\r\n",
        "--xYz\r\n\r\n",
        "--xYz\r\nContent-Type: text/plain\r\n\r\n",
        "--xYz\r\n" HEAD "\"\"\r\n\r\n",
        "--xYz\r\n" HEAD "a; name=b\r\n\r\n",
        "--xYz\r\n" HEAD "a\r\n" HEAD "a\r\n\r\n",
        "--xYz\r\nContent-Disposition: attachment; name=a\r\n\r\n",
        "--xYz\r\nContent-Disposition: form-data\r\n\r\n",
        "--xYz\r\nContent-Disposition: form-data; name=\"a\r\n\r\n",
        "--xYz\r\nContent-Disposition: form-data; name\r\n\r\n",
        "--xYz\r\nContent-Disposition: form-data; name=a b\r\n\r\n",
        "--xYz\r\n" HEAD "a\n\r\n",
        "--xYz\r\nno header\r\n\r\n",
        "--xYz\r\n: x\r\n\r\n",
    };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        print_message("# %zu\n", i);
        assert_status(status_of(bad[i]), MSE_ERR_MALFORMED);
    }
    assert_status(read_form((char[64]) { 0 }, 64, mse_bytes_of("--xYz\r\n\0", 8), 8),
                  MSE_ERR_MALFORMED);
}

static void has_maxima(void **state)
{
    struct mse_build b;
    char name[MSE_MULTIPART_MAX_NAME + 2];
    (void)state;
    memset(name, 'n', sizeof name);
    for (size_t more = 0; more < 2; more++) {
        name[MSE_MULTIPART_MAX_NAME + more] = '\0';
        mse_build_heap(&b, 4096);
        mse_wr_printf(&b, "--xYz\r\n" HEAD "%s\r\n\r\n\r\n--xYz--", name);
        assert_status(status_of(mse_build_cstr(&b)), more ? MSE_ERR_MALFORMED : MSE_OK);
        mse_build_clear(&b);
        name[MSE_MULTIPART_MAX_NAME] = 'n';
    }
    for (size_t more = 0; more < 2; more++) {
        mse_build_heap(&b, 8192);
        mse_wr_str(&b, "--xYz\r\n" HEAD "a\r\n");
        for (size_t i = 1; i < MSE_MULTIPART_MAX_HEADERS + more; i++) {
            mse_wr_str(&b, "X: y\r\n");
        }
        mse_wr_str(&b, "\r\n\r\n--xYz--");
        assert_status(status_of(mse_build_cstr(&b)), more ? MSE_ERR_NO_SPACE : MSE_OK);
        mse_build_clear(&b);
    }
    for (size_t more = 0; more < 2; more++) {
        mse_build_heap(&b, 8192);
        mse_wr_printf(&b, "--xYz\r\n" HEAD "a\r\nX:%*s\r\n\r\n\r\n--xYz--",
                      (int)(MSE_MULTIPART_MAX_LINE - 4 + more), "y");
        assert_status(status_of(mse_build_cstr(&b)), more ? MSE_ERR_NO_SPACE : MSE_OK);
        mse_build_clear(&b);
    }
}

static void wants_its_content_type(void **state)
{
    static const struct {
        const char *type;
        mse_status wanted;
    } list[] = {
        { "multipart/form-data; boundary=a", MSE_OK },
        { "Multipart/Form-Data;charset=utf-8 ; Boundary=\"a b\"", MSE_OK },
        { "multipart/form-data; boundary=\"a:b=c?\"", MSE_OK },
        { NULL, MSE_ERR_UNSUPPORTED },
        { "", MSE_ERR_UNSUPPORTED },
        { "application/json", MSE_ERR_UNSUPPORTED },
        { "multipart/form-dataset; boundary=a", MSE_ERR_UNSUPPORTED },
        { "multipart/form-data", MSE_ERR_MALFORMED },
        { "multipart/form-data; boundary=", MSE_ERR_MALFORMED },
        { "multipart/form-data; boundary=\"a \"", MSE_ERR_MALFORMED },
        { "multipart/form-data; boundary=\"a", MSE_ERR_MALFORMED },
        { "multipart/form-data; boundary=a; boundary=b", MSE_ERR_MALFORMED },
        { "multipart/form-data; boundary=\"a\\b\"", MSE_ERR_MALFORMED },
        { "multipart/form-data; boundary="
          "0123456789012345678901234567890123456789012345678901234567890123456789",
          MSE_OK },
        { "multipart/form-data; boundary="
          "01234567890123456789012345678901234567890123456789012345678901234567890",
          MSE_ERR_MALFORMED },
    };
    struct mse_multipart m;
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(list); i++) {
        print_message("# %zu\n", i);
        assert_status(mse_multipart_init(&m, list[i].type, &events, NULL, NULL), list[i].wanted);
    }
}

static mse_status no_room(void *user, struct mse_bytes piece, struct mse_error *err)
{
    (void)user;
    (void)piece;
    return MSE_FAIL(err, MSE_ERR_NO_SPACE, "test", "no room");
}

static void ends_with_what_an_event_says(void **state)
{
    static const struct mse_multipart_events small = { on_begin, no_room, on_end };
    char out[64];
    struct mse_build b;
    struct mse_multipart m;
    (void)state;
    mse_build_fixed(&b, out, sizeof out);
    assert_status(mse_multipart_init(&m, TYPE, &small, &b, NULL), MSE_OK);
    assert_status(mse_multipart_feed(&m, mse_bytes_str(form), NULL), MSE_ERR_NO_SPACE);
    assert_status(mse_multipart_feed(&m, mse_bytes_str("x"), NULL), MSE_ERR_NO_SPACE);
    assert_status(mse_multipart_finish(&m, NULL), MSE_ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_in_any_pieces),
        cmocka_unit_test(refuses_what_is_cut),
        cmocka_unit_test(refuses_what_is_behind),
        cmocka_unit_test(survives_flipped_bits),
        cmocka_unit_test(refuses_parts_that_are_none),
        cmocka_unit_test(has_maxima),
        cmocka_unit_test(wants_its_content_type),
        cmocka_unit_test(ends_with_what_an_event_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
