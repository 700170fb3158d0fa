/* SPDX-License-Identifier: Apache-2.0 */
/* What mse.wasm exports: one appraisal at a time, of bytes that the page or extension puts in. The
 * verdict is libmse's own; nothing is decided here. No clock, no network, no files: time comes in
 * as a number. appraise.mjs is the other side. */
#ifndef WEB_APPRAISE_MSE_WASM_H
#define WEB_APPRAISE_MSE_WASM_H

#include <stddef.h>
#include <stdint.h>

/* The inputs, by number. One that is not put in is empty. */
enum mse_wasm_input {
    MSE_WASM_EVIDENCE = 0, /* a quote, report or document; a bundle in JSON; a certificate */
    MSE_WASM_CERTIFICATE,  /* DER (of the leaf, perhaps its CA's behind it) or PEM: the one that a
                              connection presented, in the place of the bundle's */
    MSE_WASM_COLLATERAL,   /* a collateral file or bundle in JSON, in the place of the bundle's */
    MSE_WASM_POLICY,       /* JSON; empty: the strict default, which no app passes */
    MSE_WASM_HOST,         /* the name that the certificate must be for; empty: any */
    MSE_WASM_NONCE,        /* 32 bytes that were sent: the bundle must answer them (level 1) */
    MSE_WASM_INPUTS
};

struct mse_wasm;
/* NULL without memory. */
struct mse_wasm *mse_wasm_new(void);
void mse_wasm_free(struct mse_wasm *w);
/* Room for an input of len bytes, which the caller fills before the appraisal. NULL: there is no
 * such input, it was given before, it is too long, or there is no memory: do not appraise then. */
uint8_t *mse_wasm_room(struct mse_wasm *w, uint32_t i, size_t len);
/* mse_wasm_appraise judges at this time (seconds since 1970); once. 1: accepted; 0: refused, and
 * the answer says why. */
int mse_wasm_appraise(struct mse_wasm *w, double at);
/* The answer: one JSON object, ending in a NUL; NULL before the appraisal, or without memory.
 *
 *   "kind"         what the evidence is, in words
 *   "verdict"      as mse_verdict_to_json writes it; null: nothing could be judged, see "error"
 *   "error"        null, or {"status", "text"}
 *   "certificate"  null, or {"sha256", "spki_sha256", "not_before", "not_after"}, and "form"
 *                  (its evidence was read) and "binding" (it fits the key)
 *   "binding_text" what the level proves
 *   "collateral_source"  "given", "stapled" or null */
const char *mse_wasm_answer(const struct mse_wasm *w);

#endif
