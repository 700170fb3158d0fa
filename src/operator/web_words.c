/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces that several pages have: times, states, facts, commands. */
#include "base/bytes.h"
#include "base/util.h"
#include "operator/web.h"

#define MINUTE ((mse_time)60)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define YEAR   (365 * DAY)
#define HTTPS  443U

const char *web_relative(char out[32], mse_time t, mse_time now)
{
    static const struct {
        mse_time least;
        mse_time one;
        const char *name;
    } units[] = { { 2 * YEAR, YEAR, "years" },
                  { 2 * DAY, DAY, "days" },
                  { 2 * HOUR, HOUR, "hours" },
                  { 2 * MINUTE, MINUTE, "minutes" } };
    mse_time passed = t > now ? t - now : now - t;
    struct mse_build b;
    mse_build_fixed(&b, out, 32);
    for (size_t i = 0; i < MSE_ARRAY_LEN(units); i++) {
        if (passed >= units[i].least) {
            mse_wr_printf(&b, t > now ? "in %lld %s" : "%lld %s ago",
                          (long long)(passed / units[i].one), units[i].name);
            return mse_build_cstr(&b);
        }
    }
    mse_wr_str(&b, t > now ? "in a moment" : "just now");
    return mse_build_cstr(&b);
}

void web_time(struct mse_build *b, mse_time t, mse_time now)
{
    char text[MSE_TIME_TEXT_LEN];
    char relative[32];
    if (t == 0) {
        mse_html(b, "<span class=\"none\">–</span>");
        return;
    }
    mse_time_format(text, t);
    mse_html(b, "<time datetime=\"%s\">", text);
    text[10] = '\0';
    text[19] = '\0';
    mse_html(b, "%s %s UTC</time> <span class=\"rel\">%s</span>", text, text + 11,
             web_relative(relative, t, now));
}

void web_status(struct mse_build *b, enum mse_op_app_status st)
{
    static const char *const words[MSE_OP_NUM_STATUS] = {
        [MSE_OP_SPAWNING] = "spawning", [MSE_OP_INITIALIZING] = "initializing",
        [MSE_OP_RUNNING] = "running",   [MSE_OP_STOPPED] = "stopped",
        [MSE_OP_ON_ERROR] = "on error",
    };
    mse_html(b, "<span class=\"status %s\">%s</span>", mse_op_status_name(st), words[st]);
}

void web_fact(struct mse_build *b, const char *name)
{
    mse_html(b, "<dt>%s</dt><dd>", name);
}

void web_fact_text(struct mse_build *b, const char *name, const char *value)
{
    web_fact(b, name);
    if (value[0] == '\0') {
        mse_html(b, "<span class=\"none\">–</span></dd>\n");
    } else {
        mse_html(b, "<bdi>%s</bdi></dd>\n", value);
    }
}

void web_fact_hex(struct mse_build *b, const char *name, const char *hex)
{
    if (hex[0] == '\0') {
        web_fact_text(b, name, hex);
        return;
    }
    web_fact(b, name);
    mse_html(b, "<code class=\"hex\" data-copy=\"%s\">%s</code></dd>\n", name, hex);
}

void web_fact_bytes(struct mse_build *b, const char *name, const uint8_t *p, size_t len)
{
    char hex[2 * 64 + 1];
    MSE_ASSERT(len <= 64);
    mse_hex_encode(hex, mse_bytes_of(p, len));
    web_fact_hex(b, name, hex);
}

void web_fact_time(struct mse_build *b, const char *name, mse_time t, mse_time now)
{
    web_fact(b, name);
    web_time(b, t, now);
    mse_html(b, "</dd>\n");
}

void web_command(struct mse_build *b, const char *label, const char *text)
{
    mse_html(b,
             "<pre class=\"command\" tabindex=\"0\" role=\"region\" aria-label=\"%s\">"
             "<code data-copy=\"%s\">",
             label, label);
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        bool option = strncmp(text, "--", 2) == 0; /* browsers would break its line behind these */
        mse_html(b, option ? "<span class=\"word\">" : "");
        mse_html_text(b, mse_bytes_of(text, len));
        mse_html(b, option ? "</span>" : "");
        text += len;
        len = strspn(text, " ");
        mse_html_text(b, mse_bytes_of(text, len));
        text += len;
    }
    mse_html(b, "</code></pre>\n");
}

const char *web_place(char out[WEB_PLACE_LEN], const struct api_call *c, const char *domain)
{
    unsigned port = c->api->cfg->public_port;
    if (port == 0 || port == HTTPS) {
        (void)snprintf(out, WEB_PLACE_LEN, "%s", domain);
    } else {
        (void)snprintf(out, WEB_PLACE_LEN, "%s:%u", domain, port);
    }
    return out;
}

const char *web_origin_words(enum mse_op_mode m)
{
    switch (m) {
    case MSE_OP_SELF:
        return "self: the enclave alone has the key of the certificate that users see";
    case MSE_OP_OWNER:
        return "owner: the app's owner brought the certificate and has its key, too";
    case MSE_OP_OPERATOR:
        break;
    }
    return "operator: TLS ends at the operator, who can read the traffic";
}
