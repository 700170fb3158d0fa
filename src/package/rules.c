/* SPDX-License-Identifier: Apache-2.0 */
/* Predicates on values. Form only: whether a file or a host exists is not asked here. */
#include "package/rules.h"

#include "base/bytes.h"
#include "base/util.h"

bool mse_rule_text(const char *s, size_t min, size_t max)
{
    struct mse_bytes b = mse_bytes_str(s);
    for (size_t i = 0; i < b.len; i++) {
        if (b.data[i] < 0x20 || b.data[i] == 0x7f) {
            return false;
        }
    }
    return b.len >= min && b.len <= max && mse_utf8_valid(b);
}

bool mse_rule_name(const char *s)
{
    size_t len = strlen(s);
    return mse_rule_text(s, 1, 255) && s[0] != ' ' && s[len - 1] != ' ';
}

bool mse_rule_uuid4(const char *s)
{
    static const char form[] = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
    if (strlen(s) != sizeof form - 1) {
        return false;
    }
    for (size_t i = 0; i < sizeof form - 1; i++) {
        bool hex = (s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f');
        bool good = form[i] == 'x' ? hex : s[i] == form[i];
        if (form[i] == 'y') {
            good = s[i] == '8' || s[i] == '9' || s[i] == 'a' || s[i] == 'b';
        }
        if (!good) {
            return false;
        }
    }
    return true;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
}

/* One label; *digits tells whether it holds nothing but digits. */
static bool host_label(const char *s, size_t len, bool *digits)
{
    if (len < 1 || len > 63 || s[0] == '-' || s[len - 1] == '-') {
        return false;
    }
    *digits = true;
    for (size_t i = 0; i < len; i++) {
        if (!is_alnum(s[i]) && s[i] != '-') {
            return false;
        }
        *digits = *digits && s[i] >= '0' && s[i] <= '9';
    }
    return true;
}

bool mse_rule_host(const char *s)
{
    bool digits = false;
    if (strlen(s) > 253) {
        return false;
    }
    for (;;) {
        size_t len = strcspn(s, ".");
        if (!host_label(s, len, &digits)) {
            return false;
        }
        if (s[len] == '\0') {
            return !digits;
        }
        s += len + 1;
    }
}

static bool identifier_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Length of the dotted identifier at the start of s; 0 if there is none. */
static size_t dotted(const char *s)
{
    size_t i = 0;
    for (;;) {
        if (!identifier_start(s[i])) {
            return 0;
        }
        while (identifier_start(s[i]) || (s[i] >= '0' && s[i] <= '9')) {
            i++;
        }
        if (s[i] != '.') {
            return i;
        }
        i++;
    }
}

bool mse_rule_python_application(const char *s)
{
    size_t module = dotted(s);
    if (strlen(s) > 255 || module == 0 || s[module] != ':') {
        return false;
    }
    size_t variable = dotted(s + module + 1);
    return variable > 0 && s[module + 1 + variable] == '\0';
}

bool mse_rule_endpoint(const char *s)
{
    size_t len = strlen(s);
    for (size_t i = 0; i < len; i++) {
        if (s[i] <= 0x20 || s[i] >= 0x7f) {
            return false;
        }
    }
    return len <= 1024 && s[0] == '/';
}

bool mse_rule_env_name(const char *s)
{
    size_t len = dotted(s);
    return len > 0 && len <= 255 && s[len] == '\0' && strchr(s, '.') == NULL;
}

bool mse_rule_env_reserved(const char *s)
{
    static const char *const names[] = { "HOME",     "SECRETS_PATH",    "SEALED_SECRETS_PATH",
                                         "KEY_PATH", "ENCLAVE_PK_PATH", "ENCLAVE_SK_PATH",
                                         "TMP_PATH", "MODULE_PATH",     "PORT" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(names); i++) {
        if (strcmp(s, names[i]) == 0) {
            return true;
        }
    }
    return strncmp(s, "MSE_", 4) == 0;
}

bool mse_rule_enclave_size(uint64_t v)
{
    return v >= (1ULL << 24) && v <= (1ULL << 40) && (v & (v - 1)) == 0;
}

static bool path_part(struct mse_bytes part)
{
    return part.len > 0 && !mse_bytes_is_str(part, ".") && !mse_bytes_is_str(part, "..");
}

bool mse_rule_path(struct mse_bytes p)
{
    if (p.len == 0 || p.len > MSE_PATH_MAX_LEN || !mse_utf8_valid(p)) {
        return false;
    }
    size_t start = 0;
    for (size_t i = 0; i <= p.len; i++) {
        if (i < p.len && p.data[i] == '\0') {
            return false;
        }
        if (i < p.len && p.data[i] != '/') {
            continue;
        }
        if (!path_part(mse_bytes_of(p.data + start, i - start))) {
            return false;
        }
        start = i + 1;
    }
    return true;
}
