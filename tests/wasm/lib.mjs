// SPDX-License-Identifier: Apache-2.0
// TAP for the tests of mse.wasm, and the module itself. BUILD/wasm may not be there: then all is skipped.
import { existsSync, readFileSync } from "node:fs";

let number = 0;
let failed = 0;

export function check(good, text, detail = "") {
    number += 1;
    failed += good ? 0 : 1;
    console.log(`${good ? "ok" : "not ok"} ${number} - ${text}`);
    if (!good && detail !== "") {
        console.log(`# ${detail}`);
    }
}

export function same(seen, wanted, text) {
    check(seen === wanted, text, `seen ${seen}, wanted ${wanted}`);
}

export function skipAll(why) {
    console.log(`1..0 # SKIP ${why}`);
    process.exit(0);
}

export function done() {
    console.log(`1..${number}`);
    process.exit(failed === 0 ? 0 : 1);
}

// The functions of appraise.mjs as it was built, with the module loaded.
export async function appraiser(folder) {
    if (!existsSync(`${folder}/mse.wasm`)) {
        skipAll("no mse.wasm: ./dev wasm makes it");
    }
    const it = await import(`${folder}/appraise.mjs`);
    await it.load(readFileSync(`${folder}/mse.wasm`));
    return it;
}
