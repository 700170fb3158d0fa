/* SPDX-License-Identifier: Apache-2.0 */
/* mse log cosign, as a witness: what is signed extends what was signed before. mse log merge puts
 * the witness's line into the log. */
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/tlog_cmd.h"
#include "cli/tlog_proof.h"
#include "cli/tlog_seen.h"
#include "cli/tlog_store.h"
#include "cmd/newfile.h"

/* The checkpoint with the new line behind it. */
static mse_status cosigned(struct mse_build *out, const struct cli_log_reader *r,
                           const struct cli_log_signer *s, struct mse_error *err)
{
    mse_wr_bytes(out, r->checkpoint.text);
    mse_wr_str(out, "\n");
    mse_wr_bytes(out, r->checkpoint.signatures);
    return cli_log_sign(out, s, r->checkpoint.text, (mse_time)time(NULL), err);
}

/* What this witness remembers is written before anybody gets the signature. */
static mse_status witness(struct mse_build *out, struct cli_log_reader *r,
                          const struct cli_log_signer *s, struct cli_log_seen *seen,
                          struct mse_error *err)
{
    uint8_t link[MSE_LOG_MAX_LINK][MSE_SHA256_LEN];
    size_t num = 0;
    bool needed = false;
    struct mse_log_head whole;
    const struct mse_log_head *head = &r->checkpoint.head;
    mse_status st = cli_log_seen_judge(seen, &needed, head, false, err);
    if (st == MSE_OK && needed) {
        st = cli_log_link(link, &num, r->source, head, cli_log_seen_newest(seen), err);
    }
    st = st == MSE_OK ? cli_log_head_at(&whole, r->source, head->size, err) : st;
    if (st == MSE_OK && !mse_mem_equal(whole.root, head->root, sizeof whole.root)) {
        st = MSE_FAIL(err, MSE_ERR_LOG_TILE, "log",
                      "the tiles do not hash to the root that is signed");
    }
    st = st == MSE_OK ? cosigned(out, r, s, err) : st;
    return st == MSE_OK ? cli_log_seen_keep(seen, &r->key, head, err) : st;
}

static enum cli_exit cosign(const struct cli *c, struct cli_log_reader *r,
                            const struct cli_log_signer *s)
{
    struct mse_error err = { 0 };
    struct mse_build b;
    struct cli_log_seen seen = { .path = NULL };
    const char *output = cli_has(c, "output") ? cli_value(c, "output") : "-";
    mse_build_heap(&b, MSE_LOG_MAX_NOTE);
    mse_status st = cli_log_seen_open(&seen, &r->key, cli_value(c, "state"), &err);
    st = st == MSE_OK ? witness(&b, r, s, &seen, &err) : st;
    enum cli_exit e = st == MSE_OK ? CLI_DONE : cli_log_failed(c, st, &err);
    if (e == CLI_DONE && c->json && strcmp(output, "-") == 0) {
        e = cli_trouble(c, "--json needs --output FILE, where the checkpoint goes");
    } else if (e == CLI_DONE) {
        st = cli_newfile_put(output, mse_build_view(&b), 0644, cli_has(c, "force"), &err);
        e = st == MSE_OK ? CLI_DONE : cli_newfile_failed(c, st, &err);
    }
    if (e == CLI_DONE && c->json) {
        json_t *o = cli_log_head_json(&r->checkpoint);
        (void)json_object_set_new(o, "witness", json_string(s->key.name));
        (void)json_object_set_new(o, "output", json_string(output));
        cli_json(c, o);
    }
    cli_log_seen_close(&seen);
    mse_build_clear(&b);
    return e;
}

enum cli_exit cmd_log_cosign(struct cli *c)
{
    struct mse_error err = { 0 };
    struct cli_log_reader r = { .source = NULL };
    struct cli_log_signer s;
    if (!cli_has(c, "log") || !cli_has(c, "key") || !cli_has(c, "state")) {
        return cli_trouble(c, "--log KEY (of the log), --key FILE (of the witness) and --state DIR "
                              "(what it remembers) are needed");
    }
    mse_status st = cli_log_signer_read(&s, cli_value(c, "key"), &err);
    if (st != MSE_OK) {
        return cli_failed(c, st, &err);
    }
    enum cli_exit e =
        s.key.type == MSE_LOG_KEY_WITNESS
            ? cli_log_open(&r, c, true)
            : cli_trouble(c, "%s is the key of a log, not of a witness", cli_value(c, "key"));
    e = e == CLI_DONE ? cosign(c, &r, &s) : e;
    cli_log_signer_clear(&s);
    cli_log_close(&r);
    return e;
}

static mse_status merge_file(struct cli_log_store *s, unsigned *out_num, const char *path,
                             struct mse_error *err)
{
    struct cli_file f = { 0 };
    struct mse_log_checkpoint k;
    unsigned num = 0;
    mse_status st = cli_file_read(&f, path, MSE_LOG_MAX_NOTE, err);
    st = st == MSE_OK ? mse_log_checkpoint_parse(&k, cli_file_view(&f), err) : st;
    st = st == MSE_OK ? cli_log_store_merge(s, &num, &k, err) : st;
    *out_num += st == MSE_OK ? num : 0;
    cli_file_clear(&f);
    return st;
}

enum cli_exit cmd_log_merge(struct cli *c)
{
    struct mse_error err = { 0 };
    struct cli_log_store s;
    unsigned num = 0;
    mse_status st = cli_log_store_open(&s, c->args[0], &err);
    if (st != MSE_OK) {
        return cli_log_failed(c, st, &err);
    }
    for (size_t i = 1; st == MSE_OK && i < c->num_args; i++) {
        st = merge_file(&s, &num, c->args[i], &err);
    }
    cli_log_store_close(&s);
    if (st != MSE_OK) {
        return cli_log_failed(c, st, &err);
    }
    cli_say(c, "%u signatures are new", num);
    if (c->json) {
        cli_json(c, json_pack("{s:i}", "new", (int)num));
    }
    return CLI_DONE;
}
