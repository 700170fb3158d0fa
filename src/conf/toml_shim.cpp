/* SPDX-License-Identifier: Apache-2.0 */
/* The only C++ in the tree: tomlplusplus, header-only, seen through one C function that copies what
 * was parsed into plain nodes. Its own limit of nesting (256) bounds the recursion. */
#include "conf/toml_shim.h"

#define TOML_ENABLE_FORMATTERS 0
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <toml++/toml.h>

namespace
{

void fill(mse_toml_problem *problem, unsigned line, const char *kind, const char *text)
{
    problem->line = line;
    (void)std::snprintf(problem->text, sizeof problem->text, "%s%s", kind, text);
}

int64_t days_from_civil(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2 ? 1 : 0;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

mse_time time_of(const toml::date_time &t)
{
    int64_t minutes = t.offset ? t.offset->minutes : 0;
    return days_from_civil(t.date.year, t.date.month, t.date.day) * 86400 + t.time.hour * 3600 +
           t.time.minute * 60 + t.time.second - minutes * 60;
}

mse_bytes copy_of(std::string_view s, void **owned)
{
    *owned = std::malloc(s.size() + 1);
    if (*owned == nullptr) {
        throw std::bad_alloc();
    }
    std::memcpy(*owned, s.data(), s.size());
    return { static_cast<const uint8_t *>(*owned), s.size() };
}

/* What is allocated belongs to *out at once: mse_toml_free finds it whatever happens later. */
void make_room(mse_toml_node *out, size_t num)
{
    if (num == 0) {
        return;
    }
    out->items = static_cast<mse_toml_node *>(std::calloc(num, sizeof *out->items));
    if (out->items == nullptr) {
        throw std::bad_alloc();
    }
    out->num = num;
}

void copy(mse_toml_node *out, const toml::node &n);

void copy_table(mse_toml_node *out, const toml::table &t)
{
    out->type = MSE_TOML_TABLE;
    make_room(out, t.size());
    mse_toml_node *to = out->items;
    for (const auto &[key, value] : t) {
        to->key = copy_of(key.str(), &to->owned[0]);
        to->key_line = key.source().begin.line;
        copy(to, value);
        to++;
    }
}

void copy_array(mse_toml_node *out, const toml::array &a)
{
    out->type = MSE_TOML_ARRAY;
    make_room(out, a.size());
    mse_toml_node *to = out->items;
    for (const toml::node &n : a) {
        copy(to, n);
        to++;
    }
}

void copy(mse_toml_node *out, const toml::node &n)
{
    out->line = n.source().begin.line;
    out->type = MSE_TOML_LOCAL_TIME;
    if (const toml::table *t = n.as_table()) {
        copy_table(out, *t);
    } else if (const toml::array *a = n.as_array()) {
        copy_array(out, *a);
    } else if (const auto *s = n.as_string()) {
        out->type = MSE_TOML_STRING;
        out->string = copy_of(s->get(), &out->owned[1]);
    } else if (const auto *i = n.as_integer()) {
        out->type = MSE_TOML_INTEGER;
        out->number = i->get();
    } else if (n.is_floating_point()) {
        out->type = MSE_TOML_FLOAT;
    } else if (const auto *b = n.as_boolean()) {
        out->type = MSE_TOML_BOOLEAN;
        out->number = b->get() ? 1 : 0;
    } else if (const auto *d = n.as_date_time(); d != nullptr && d->get().offset) {
        out->type = MSE_TOML_TIME;
        out->number = time_of(d->get());
    }
}

} // namespace

extern "C" bool mse_toml_parse(mse_toml_node **out, mse_bytes text, mse_toml_problem *problem)
{
    mse_toml_node *root = static_cast<mse_toml_node *>(std::calloc(1, sizeof *root));
    try {
        if (root == nullptr) {
            throw std::bad_alloc();
        }
        std::string_view doc(reinterpret_cast<const char *>(text.data), text.len);
        copy(root, toml::parse(doc));
        *out = root;
        return true;
    } catch (const toml::parse_error &e) {
        fill(problem, e.source().begin.line, "not TOML: ", e.what());
    } catch (const std::exception &e) {
        fill(problem, 0, "", e.what());
    } catch (...) {
        fill(problem, 0, "", "unknown trouble");
    }
    mse_toml_free(root);
    return false;
}
