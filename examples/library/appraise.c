/* SPDX-License-Identifier: Apache-2.0 */
/* Appraises a file: a quote of SGX or TDX, or an AMD SEV-SNP report.
 *
 *   cc appraise.c $(pkg-config --cflags --libs libmse) -o appraise
 *   ./appraise quote.bin policy.json collateral.json [TIME]
 *
 * TIME is in seconds since 1970; without it the evidence is judged now. Exit status 0: accepted, 1:
 * refused, 2: trouble. */
#include <mse/attest.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static _Noreturn void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "%s: %s\n", what, why);
    exit(2);
}

/* A whole file, on the heap. The parsers borrow from it and allocate nothing. */
static uint8_t *read_file(const char *path, struct mse_bytes *out)
{
    uint8_t *data = malloc(MSE_BUNDLE_MAX_LEN);
    FILE *f = fopen(path, "rb");
    if (data == NULL || f == NULL) {
        die(path, "cannot be read");
    }
    out->data = data;
    out->len = fread(data, 1, MSE_BUNDLE_MAX_LEN, f);
    if (ferror(f) != 0 || fgetc(f) != EOF) {
        die(path, "cannot be read, or is too large");
    }
    (void)fclose(f);
    return data;
}

int main(int argc, char **argv)
{
    static struct mse_policy policy; /* these three are large: rather not on the stack */
    static struct mse_verdict verdict;
    static char text[65536]; /* any verdict fits */
    struct mse_bytes evidence, policy_json, collateral_json;
    struct mse_bundle bundle;
    struct mse_error err = { 0 };
    if (argc < 4 || argc > 5) {
        die("usage", "appraise EVIDENCE POLICY COLLATERAL [TIME]");
    }
    uint8_t *files[] = { read_file(argv[1], &evidence), read_file(argv[2], &policy_json),
                         read_file(argv[3], &collateral_json) };
    uint8_t *scratch = malloc(2 * collateral_json.len + 1);

    /* 1. What is accepted, and what the vendor says of its platforms. */
    if (scratch == NULL || mse_policy_parse_json(&policy, policy_json, &err) != MSE_OK) {
        die(argv[2], err.text);
    }
    if (mse_bundle_parse(&bundle, scratch, 2 * collateral_json.len, collateral_json, &err) !=
        MSE_OK) {
        die(argv[3], err.text);
    }

    /* 2. The appraisal: a pure function of these and the time. */
    mse_time at = argc == 5 ? strtoll(argv[4], NULL, 10) : (mse_time)time(NULL);
    mse_status st =
        evidence.len == MSE_SNP_REPORT_LEN
            ? mse_appraise_snp(&verdict, evidence, &bundle.collateral, &policy, at, &err)
            : mse_appraise_quote(&verdict, evidence, &bundle.collateral, &policy, at, &err);

    /* 3. The verdict has every check, with what was seen and what was wanted. */
    if (mse_verdict_to_text(text, sizeof text, &verdict) == MSE_OK) {
        (void)fputs(text, stdout);
    }
    if (st != MSE_OK) {
        (void)fprintf(stderr, "refused (%s): %s\n", mse_status_name(st), err.text);
    }
    free(scratch);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        free(files[i]);
    }
    return st == MSE_OK ? 0 : 1;
}
