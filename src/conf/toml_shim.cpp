/* SPDX-License-Identifier: Apache-2.0 */
/* The only C++ in the tree: tomlplusplus, header-only, seen through a C interface. Its own limit of
 * nesting (256) bounds the recursion. */
#include "conf/toml_shim.h"

#define TOML_ENABLE_FORMATTERS 0
#include <cstdio>
#include <iterator>
#include <new>
#include <string_view>
#include <toml++/toml.h>

struct mse_toml {
    toml::table root;
};

namespace
{

const toml::node *node_of(const mse_toml_node *n)
{
    return reinterpret_cast<const toml::node *>(n);
}

const mse_toml_node *handle_of(const toml::node *n)
{
    return reinterpret_cast<const mse_toml_node *>(n);
}

mse_bytes bytes_of(std::string_view s)
{
    return { reinterpret_cast<const uint8_t *>(s.data()), s.size() };
}

void fill(mse_toml_problem *problem, unsigned line, const char *text)
{
    problem->line = line;
    (void)std::snprintf(problem->text, sizeof problem->text, "%s", text);
}

int64_t days_from_civil(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2 ? 1 : 0;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

} // namespace

extern "C" {

bool mse_toml_parse(mse_toml **out, mse_bytes text, mse_toml_problem *problem)
{
    try {
        std::string_view doc(reinterpret_cast<const char *>(text.data), text.len);
        *out = new mse_toml { toml::parse(doc) };
        return true;
    } catch (const toml::parse_error &e) {
        fill(problem, e.source().begin.line, e.what());
    } catch (const std::exception &e) {
        fill(problem, 0, e.what());
    } catch (...) {
        fill(problem, 0, "unknown trouble");
    }
    return false;
}

void mse_toml_free(mse_toml *t)
{
    delete t;
}

const mse_toml_node *mse_toml_root(const mse_toml *t)
{
    return handle_of(&t->root);
}

mse_toml_type mse_toml_type_of(const mse_toml_node *n)
{
    switch (node_of(n)->type()) {
    case toml::node_type::table:
        return MSE_TOML_TABLE;
    case toml::node_type::array:
        return MSE_TOML_ARRAY;
    case toml::node_type::string:
        return MSE_TOML_STRING;
    case toml::node_type::integer:
        return MSE_TOML_INTEGER;
    case toml::node_type::floating_point:
        return MSE_TOML_FLOAT;
    case toml::node_type::boolean:
        return MSE_TOML_BOOLEAN;
    case toml::node_type::date_time:
        return node_of(n)->as_date_time()->get().offset ? MSE_TOML_TIME : MSE_TOML_LOCAL_TIME;
    case toml::node_type::none:
    case toml::node_type::date:
    case toml::node_type::time:
        break;
    }
    return MSE_TOML_LOCAL_TIME;
}

unsigned mse_toml_line(const mse_toml_node *n)
{
    return node_of(n)->source().begin.line;
}

size_t mse_toml_num(const mse_toml_node *n)
{
    if (const toml::table *t = node_of(n)->as_table()) {
        return t->size();
    }
    const toml::array *a = node_of(n)->as_array();
    return a == nullptr ? 0 : a->size();
}

const mse_toml_node *mse_toml_at(const mse_toml_node *n, size_t i)
{
    if (const toml::table *t = node_of(n)->as_table()) {
        return handle_of(&std::next(t->cbegin(), static_cast<std::ptrdiff_t>(i))->second);
    }
    return handle_of(node_of(n)->as_array()->get(i));
}

mse_bytes mse_toml_key_at(const mse_toml_node *n, size_t i, unsigned *line)
{
    auto it = std::next(node_of(n)->as_table()->cbegin(), static_cast<std::ptrdiff_t>(i));
    *line = it->first.source().begin.line;
    return bytes_of(it->first.str());
}

const mse_toml_node *mse_toml_get(const mse_toml_node *n, const char *key)
{
    const toml::table *t = node_of(n)->as_table();
    return t == nullptr ? nullptr : handle_of(t->get(key));
}

mse_bytes mse_toml_string(const mse_toml_node *n)
{
    return bytes_of(node_of(n)->as_string()->get());
}

int64_t mse_toml_integer(const mse_toml_node *n)
{
    return node_of(n)->as_integer()->get();
}

bool mse_toml_boolean(const mse_toml_node *n)
{
    return node_of(n)->as_boolean()->get();
}

mse_time mse_toml_time(const mse_toml_node *n)
{
    const toml::date_time &t = node_of(n)->as_date_time()->get();
    int64_t minutes = t.offset ? t.offset->minutes : 0;
    return days_from_civil(t.date.year, t.date.month, t.date.day) * 86400 + t.time.hour * 3600 +
           t.time.minute * 60 + t.time.second - minutes * 60;
}

} // extern "C"
