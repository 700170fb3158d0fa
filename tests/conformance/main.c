/* SPDX-License-Identifier: Apache-2.0 */
/* mse-conformance DIR…: finds the cases below the folders, runs each, prints one line a case and
 * the sums. Exit: 0 all passed or skipped, 1 something failed, 2 usage or nothing found. */
#include <dirent.h>

#include <mse/measure.h>

#include "conformance.h"

struct tally {
    size_t passed;
    size_t failed;
    size_t skipped;
};

static void report(struct tally *t, const char *kind, const char *name,
                   const struct conf_outcome *o)
{
    static const char *const words[] = { "pass", "FAIL", "skip" };
    t->passed += o->result == CONF_PASS ? 1 : 0;
    t->failed += o->result == CONF_FAIL ? 1 : 0;
    t->skipped += o->result == CONF_SKIP ? 1 : 0;
    if (o->result == CONF_SKIP) {
        printf("skip %s/%s: skipped, this kind is not built yet\n", kind, name);
        return;
    }
    printf("%s %s/%s: expected %s, got %s\n", words[o->result], kind, name, o->wanted, o->got);
}

static const struct {
    const char *kind;
    void (*run)(struct conf_case *c, struct conf_outcome *o);
} kinds[] = {
    { "sgx-quote", conf_run_sgx_quote },   { "sigstruct", conf_run_sigstruct },
    { "collateral", conf_run_collateral }, { "cosmian-evidence", conf_run_older_bundle },
    { "ra-tls", conf_run_ratls },          { "tdx-quote", conf_run_tdx_quote },
    { "snp-report", conf_run_snp_report }, { "nitro-doc", conf_run_nitro_doc },
};

static void run_case(struct tally *t, const char *dir)
{
    static struct conf_case c;
    struct conf_outcome o = { .result = CONF_FAIL };
    if (!conf_case_load(&c, dir, o.got)) {
        conf_say(o.wanted, "a case");
        report(t, ".", dir, &o);
        conf_case_clear(&c);
        return;
    }
    conf_wanted(&c, &o);
    o.result = CONF_SKIP;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(c.kind, kinds[i].kind) == 0) {
            o.result = CONF_FAIL;
            if (conf_case_root(&c, o.got)) {
                kinds[i].run(&c, &o);
            }
        }
    }
    report(t, c.kind, c.name, &o);
    conf_case_clear(&c);
}

/* measure/<file>.json: {"layout", "cases": [{"pal", "manifest", "mrenclave"}]}. */

static struct mse_bytes read_beside(const char *dir, const json_t *name)
{
    char path[CONF_PATH_LEN];
    conf_join(path, dir, json_is_string(name) ? json_string_value(name) : "");
    return conf_read_file(path);
}

static void run_gramine(const char *dir, const json_t *item, struct conf_outcome *o)
{
    struct mse_bytes pal = read_beside(dir, json_object_get(item, "pal"));
    struct mse_bytes manifest = read_beside(dir, json_object_get(item, "manifest"));
    const char *wanted = json_string_value(json_object_get(item, "mrenclave"));
    struct mse_error err = { .status = MSE_OK };
    uint8_t mrenclave[32];
    char hex[65];
    conf_say(o->wanted, "%s", wanted != NULL ? wanted : "no mrenclave in the case");
    if (mse_measure_gramine(mrenclave, pal, manifest, &err) != MSE_OK) {
        conf_say(o->got, "%s", err.text);
    } else {
        conf_hex(hex, mrenclave, sizeof mrenclave);
        conf_say(o->got, "%s", hex);
        o->result = wanted != NULL && strcasecmp(hex, wanted) == 0 ? CONF_PASS : CONF_FAIL;
    }
    conf_free(&pal);
    conf_free(&manifest);
}

static void run_measurements(struct tally *t, const char *dir, const char *file)
{
    char path[CONF_PATH_LEN];
    conf_join(path, dir, file);
    json_t *j = json_load_file(path, 0, NULL);
    const char *layout = json_string_value(json_object_get(j, "layout"));
    const json_t *cases = json_object_get(j, "cases");
    size_t i;
    const json_t *item;
    if (layout == NULL) {
        json_decref(j);
        return;
    }
    json_array_foreach(cases, i, item)
    {
        struct conf_outcome o = { .result = CONF_FAIL };
        char name[512];
        const char *pal = json_string_value(json_object_get(item, "pal"));
        const char *manifest = json_string_value(json_object_get(item, "manifest"));
        (void)snprintf(name, sizeof name, "%s %s %s", layout, pal != NULL ? pal : "?",
                       manifest != NULL ? manifest : "?");
        if (strcmp(layout, "gramine-1.9") == 0) {
            run_gramine(dir, item, &o);
        } else {
            o.result = CONF_SKIP;
        }
        report(t, "measure", name, &o);
    }
    json_decref(j);
}

static bool ends_with(const char *s, const char *end)
{
    size_t a = strlen(s);
    size_t b = strlen(end);
    return a >= b && strcmp(s + a - b, end) == 0;
}

/* A folder with case.json is a case; a JSON file elsewhere may be a list of measurements; other
 * folders are searched. */
static void walk(struct tally *t, const char *dir, unsigned depth)
{
    struct dirent **list = NULL;
    int num = scandir(dir, &list, NULL, alphasort);
    bool is_case = false;
    for (int i = 0; i < num; i++) {
        is_case = is_case || strcmp(list[i]->d_name, "case.json") == 0;
    }
    if (is_case) {
        run_case(t, dir);
    }
    for (int i = 0; i < num; i++) {
        const char *name = list[i]->d_name;
        if (!is_case && name[0] != '.' && ends_with(name, ".json")) {
            run_measurements(t, dir, name);
        } else if (!is_case && name[0] != '.' && depth > 0) {
            char path[CONF_PATH_LEN];
            conf_join(path, dir, name);
            walk(t, path, depth - 1);
        }
        free(list[i]);
    }
    free(list);
}

int main(int argc, char **argv)
{
    struct tally t = { .passed = 0 };
    if (argc < 2) {
        fprintf(stderr, "usage: mse-conformance DIR...\n");
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        walk(&t, argv[i], 4);
    }
    printf("%zu passed, %zu failed, %zu skipped\n", t.passed, t.failed, t.skipped);
    if (t.passed + t.failed + t.skipped == 0) {
        fprintf(stderr, "mse-conformance: no case was found\n");
        return 2;
    }
    return t.failed > 0 ? 1 : 0;
}
