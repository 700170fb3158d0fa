/* SPDX-License-Identifier: Apache-2.0 */
/* See common.h. */
#include "common.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define DAY       ((mse_time)24 * 3600)
#define PATH_SIZE 4096

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
    exit(2);
}

/* A whole file, on the heap. */
static uint8_t *read_file(const char *path, struct mse_bytes *out)
{
    uint8_t *data = malloc(MSE_BUNDLE_MAX_LEN);
    FILE *f = fopen(path, "rb");
    if (data == NULL || f == NULL) {
        die("%s cannot be read", path);
    }
    out->data = data;
    out->len = fread(data, 1, MSE_BUNDLE_MAX_LEN, f);
    if (ferror(f) != 0 || fgetc(f) != EOF) {
        die("%s cannot be read, or is too large", path);
    }
    (void)fclose(f);
    return data;
}

struct mse_ratls_verifier *verifier_of_files(const char *policy, const char *collateral)
{
    static struct mse_policy rules; /* large: rather not on the stack */
    struct mse_error err = { 0 };
    struct mse_bundle bundle;
    struct mse_bytes json;
    struct mse_ratls_verifier *v = NULL;

    uint8_t *policy_file = read_file(policy, &json);
    if (mse_policy_parse_json(&rules, json, &err) != MSE_OK) {
        die("%s: %s", policy, err.text);
    }
    uint8_t *collateral_file = read_file(collateral, &json);
    uint8_t *scratch = malloc(2 * json.len + 1);
    if (scratch == NULL || mse_bundle_parse(&bundle, scratch, 2 * json.len, json, &err) != MSE_OK) {
        die("%s: %s", collateral, err.text);
    }
    const struct mse_ratls_verifier_params p = {
        .policy = &rules, .collateral = &bundle.collateral,
        /* no .now: the system's clock decides */
    };
    if (mse_ratls_verifier_new(&v, &p, &err) != MSE_OK) {
        die("no verifier: %s", err.text);
    }
    free(policy_file); /* the verifier has its own copy of all that it needs */
    free(collateral_file);
    free(scratch);
    return v;
}

static int open_part(const char *device, const char *part, int flags)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/%s", device, part);
    return open(path, flags | O_CLOEXEC);
}

/* Gramine takes the report data in one file and gives the quote in another. */
mse_status quote_of_tee(void *device, uint8_t *out, size_t cap, size_t *out_len,
                        const uint8_t report_data[64], struct mse_error *err)
{
    (void)err;
    int fd = open_part(device, "user_report_data", O_WRONLY);
    bool ok = fd >= 0 && write(fd, report_data, 64) == 64;
    if (fd >= 0) {
        (void)close(fd);
    }
    fd = ok ? open_part(device, "quote", O_RDONLY) : -1;
    size_t len = 0;
    ssize_t n = fd >= 0 ? 1 : -1;
    while (n > 0 && len < cap) {
        n = read(fd, out + len, cap - len);
        len += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (n < 0 || len == 0) {
        return MSE_ERR_IO;
    }
    *out_len = len;
    return MSE_OK;
}

struct mse_ratls_identity *identity_of_tee(const char *device, const char *name)
{
    struct mse_error err = { 0 };
    struct mse_ratls_identity *id = NULL;
    char path[PATH_SIZE];
    mse_time now = (mse_time)time(NULL);
    (void)snprintf(path, sizeof path, "%s", device);
    const struct mse_ratls_identity_params p = {
        .quote = quote_of_tee,
        .quote_arg = path,
        .name = name,
        .not_before = now - 3600, /* peers' clocks may be behind */
        .not_after = now + 30 * DAY,
    };
    if (mse_ratls_identity_new(&id, &p, &err) != MSE_OK) {
        die("no attested identity: %s", err.text);
    }
    return id;
}
