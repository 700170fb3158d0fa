/* SPDX-License-Identifier: Apache-2.0 */
/* See fixture.h. */
#include "unit/enclave/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/util.h"

static char *text(const char *s)
{
    char *copy = strdup(s);
    MSE_ASSERT(copy != NULL);
    return copy;
}

static void add(struct mse_str_list *l, const char *s)
{
    char **items = realloc(l->items, (l->num + 1) * sizeof *items);
    MSE_ASSERT(items != NULL);
    items[l->num++] = text(s);
    l->items = items;
}

static void common(struct mse_manifest *m)
{
    mse_manifest_defaults(m);
    (void)snprintf(m->app_id, sizeof m->app_id, "%s", FIXTURE_APP_ID);
    m->name = text("fixture");
    m->env = calloc(1, sizeof *m->env);
    MSE_ASSERT(m->env != NULL);
    m->env[0] = (struct mse_env_var) { text("GREETING"), text("hello") };
    m->num_env = 1;
    add(&m->alpn, "http/1.1");
    m->healthcheck_endpoint = text("/health");
    m->san = text(FIXTURE_SAN);
    m->config_domain_name = text("config.example.org");
    m->created_at = time(NULL);
    m->expires_at = m->created_at + 3600;
}

void fixture_manifest(struct mse_manifest *m, const char *script)
{
    common(m);
    add(&m->command, "/bin/sh");
    add(&m->command, "-c");
    add(&m->command, script == NULL ? "true" : script);
}

void fixture_python(struct mse_manifest *m, const char *application)
{
    common(m);
    m->python_application = text(application);
}

void fixture_manifest_clear(struct mse_manifest *m)
{
    mse_manifest_clear(m);
}
