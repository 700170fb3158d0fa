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
const world = { certificate: first, verdict: null, storage: null, badge: null, during: null, listeners: {}, asked: 0,
    reloaded: [], fails: null };

const keep = (name) => ({ addListener: (listener) => { world.listeners[name] = listener; } });
globalThis.browser = {
    runtime: { getURL: (path) => `moz-extension://own/${path}`, id: "own", onMessage: keep("message") },
    storage: { local: { get: async () => world.storage(), set: async () => {} } },
    webRequest: {
        onBeforeRequest: keep("before"), onHeadersReceived: keep("headers"), onBeforeSendHeaders: keep("send"),
        onErrorOccurred: keep("error"),
        getSecurityInfo: async () => ({ state: "secure", certificates: [world.certificate] }),
    },
    browserAction: { setBadgeText: async () => world.badge(), setBadgeBackgroundColor: async () => {} },
    browsingData: {
        removeCache: async () => {},
        remove: async (where, what) => { world.cleared = { where, what }; },
    },
    tabs: {
        update: (id, to) => { world.sentTo = new URL(to.url); },
        query: async () => [{ id: 7, url: "https://a.example/open" }, { id: 8, url: "https://b.example/" }],
        reload: async (id) => { world.reloaded.push(id); },
    },
};
globalThis.fetch = async () => {
    const own = { url: "https://a.example/", method: "HEAD", tabId: -1, originUrl: "moz-extension://own/", type: "xmlhttprequest" };
    world.asked += 1;
    if (world.fails !== null) {
        world.listeners.error({ ...own, error: world.fails });
        throw new TypeError("NetworkError");
    }
    await world.listeners.headers(own);
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
const page = { url, tabId: 1, type: "main_frame", method: "GET", requestId: "1" };
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

// What was stored before the mark, and what is open.
check(JSON.stringify(world.cleared.where.hostnames) === '["a.example","a.example:443"]' && world.cleared.what.serviceWorkers,
    "what the site had stored before its mark is cleared");
same(world.reloaded.join(), "7", "its tabs are loaded again, no others");
const worker = { ...page, type: "script", requestHeaders: [{ name: "Service-Worker", value: "script" }] };
check(!await passes("send", worker), "a service worker of a marked site is not installed");
check(!await passes("send", { ...worker, url: "https://a.example:8443/" }), "nor of another port of its host");
check(await passes("send", { ...worker, url: "https://b.example/" }), "other sites have theirs");
check(await passes("send", { ...worker, requestHeaders: [] }), "what is no service worker passes");

// When the site is asked anew.
world.certificate = first;
world.verdict = () => good("k1");
const picture = { ...page, type: "image" };
check(await passes("before", page), "the marked one passes again");
const now = Date.now;
const askedBy = async (details, seconds) => {
    const clock = now() + seconds * 1000;
    Date.now = () => clock;
    const before = world.asked;
    check(await passes("before", details), `${details.type} ${details.method} after ${seconds} s passes`);
    return world.asked - before;
};
same(await askedBy(picture, 30), 0, "a picture half a minute later needs no question");
same(await askedBy(picture, 61), 1, "one a minute later does");
same(await askedBy(page, 64), 0, "a page right behind it needs none");
same(await askedBy(page, 67), 1, "one six seconds later does");
same(await askedBy({ ...picture, method: "POST" }, 73), 1, "so does what sends something");
same(await askedBy({ ...picture, type: "websocket" }, 79), 1, "and a WebSocket");
Date.now = now;

// Another port, and questions that fail.
const other = { ...page, url: "https://a.example:8443/" };
check(!await passes("before", other), "another port of a marked host is blocked");
same(world.sentTo.searchParams.get("kind"), "port", "and why");
const failsAs = async (words, kind) => {
    world.fails = words;
    Date.now = () => now() + 3600 * 1000;
    check(!await passes("before", page), `nothing passes when the question fails (${words})`);
    same(world.sentTo.searchParams.get("kind"), kind, "its reader hears why");
    world.fails = null;
};
await failsAs("NS_ERROR_CONNECTION_REFUSED", "gone");
await failsAs("SEC_ERROR_UNKNOWN_ISSUER", "untrusted");
await failsAs("SEC_ERROR_EXPIRED_CERTIFICATE", "expired");
check(await passes("before", page), "as soon as it answers again it passes");
Date.now = now;

// What is out of the cache has the certificate of then.
world.certificate = second;
world.verdict = () => good("k2");
check(!await passes("headers", { ...picture, fromCache: true }), "an answer out of the cache is judged by its own certificate");
world.certificate = first;
world.verdict = () => good("k1");
check(await passes("before", picture), "and says nothing of the site of now");

// The same code with another key is taken on the user's word, and nothing else is.
world.certificate = second;
world.verdict = () => good("k2");
check(!await passes("before", { ...page, type: "image", method: "POST" }) || !await passes("headers", page), "another key is blocked");
same(world.sentTo.searchParams.get("kind"), "key", "as another key");
same((await message({ command: "takeKey", site, key: "k3" })).marked, undefined, "a key that is not there is not taken");
world.verdict = () => ({ ...good("k2"), measurements: { fingerprint: "cd".repeat(32) } });
same((await message({ command: "takeKey", site, key: "k2" })).marked, undefined, "nor one of another fingerprint");
world.verdict = () => good("k2");
same((await message({ command: "takeKey", site, key: "k2" })).marked, true, "the new key is");
check(await passes("before", page) && await passes("headers", page), "and passes from then on");
rmSync(folder, { recursive: true });
done();
