// SPDX-License-Identifier: Apache-2.0
// The extension's background script with a browser and an appraisal of the test: what it lets pass when something breaks
// on the way, or a mark changes under it.
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { check, done, same } from "./lib.mjs";

const source = new URL("../../web/extension/", import.meta.url);
const folder = mkdtempSync(`${tmpdir()}/watch-`);
const fingerprint = "ab".repeat(32);
const site = "a.example:443";
const url = "https://a.example/x";
const first = { rawDER: [1], fingerprint: { sha256: "11" } };
const second = { rawDER: [2], fingerprint: { sha256: "22" } };
const world = { certificate: first, verdict: null, storage: null, badge: null, during: null, listeners: {} };

const keep = (name) => ({ addListener: (listener) => { world.listeners[name] = listener; } });
globalThis.browser = {
    runtime: { getURL: (path) => `moz-extension://own/${path}`, id: "own", onMessage: keep("message") },
    storage: { local: { get: async () => world.storage(), set: async () => {} } },
    webRequest: {
        onBeforeRequest: keep("before"), onHeadersReceived: keep("headers"),
        getSecurityInfo: async () => ({ state: "secure", certificates: [world.certificate] }),
    },
    browserAction: { setBadgeText: async () => world.badge(), setBadgeBackgroundColor: async () => {} },
    tabs: { update: () => {} },
};
globalThis.fetch = async () => {
    await world.listeners.headers({
        url: "https://a.example/", tabId: -1, originUrl: "moz-extension://own/", type: "xmlhttprequest",
    });
};
globalThis.testAppraise = async () => {
    await world.during?.();
    return world.verdict();
};

for (const name of ["background.mjs", "judge.mjs"]) {
    copyFileSync(new URL(name, source), `${folder}/${name}`);
}
writeFileSync(`${folder}/appraise.mjs`, `
export const load = async () => {};
export const appraise = (ask) => globalThis.testAppraise(ask);
export const fetchDocument = async () => new Uint8Array();
export const fetchEvidence = fetchDocument;
export const freshNonce = () => new Uint8Array(32);
export const hex = () => "01";
`);

const good = (key) => ({
    accepted: true, simulated: false, binding_level: 0, measurements: { fingerprint }, certificate: { spki_sha256: key },
});
const page = { url, tabId: 1, type: "main_frame", requestId: "1" };
// Firefox lets a request pass whose listener broke off.
const passes = async (name, details) => {
    try {
        return (await world.listeners[name](details)).cancel !== true;
    } catch {
        return true;
    }
};
const message = (words) => world.listeners.message(words, { id: "own" });

world.storage = () => { throw new Error("the disk"); };
world.badge = () => {};
world.verdict = () => good("k1");
await import(`${folder}/background.mjs`);
check(!await passes("before", page), "nothing passes while the marks cannot be read");
world.storage = () => ({ pins: {} });
check(await passes("before", page), "what is not marked passes");
check(await passes("headers", page), "and is looked at");

// The site is marked while an answer of another key is being judged.
world.verdict = () => good("k2");
world.certificate = second;
world.during = async () => {
    world.during = null;
    world.verdict = () => good("k1");
    same((await message({ command: "mark", site, entered: {}, fingerprint })).marked, true, "it is marked meanwhile");
    world.verdict = () => good("k2");
};
await world.listeners.headers(page);
check(!await passes("before", page), "what was judged before the mark does not count for it");
check(!await passes("headers", page), "nor for its answers");

world.certificate = first;
world.verdict = () => good("k1");
check(await passes("before", page), "as it was marked it passes");
check(await passes("headers", page), "with its answer");
world.badge = () => { throw new Error("no such tab"); };
check(await passes("headers", page), "a tab that was closed changes nothing");
world.certificate = second;
world.verdict = () => good("k2");
check(!await passes("headers", page), "another key is blocked even then");
check(!await passes("before", { ...page, url: "http://a.example:8080/" }), "so is the host without TLS");
rmSync(folder, { recursive: true });
done();
