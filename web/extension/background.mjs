// SPDX-License-Identifier: Apache-2.0
// Looks at the certificate of each response of a site that the user marked, before any of it reaches a page, and at that
// of a request of its own before real ones go out. Whatever cannot be judged is blocked.
import { appraise, fetchDocument, fetchEvidence, freshNonce, hex, load } from "./appraise.mjs";
import { blockedBy, failureOf, firstPolicy, hostOf, hostOfUrl, isCostly, policyOf, siteOf, unmarkedPort, withoutTls } from "./judge.mjs";

const APPRAISE_AGAIN = 10 * 60 * 1000; // a certificate that was seen before, after so long
const ASK_AGAIN = 60 * 1000; // an own request before the next real one, after so long
const ASK_COSTLY = 5 * 1000; // before one that opens a page, or sends something
const LIMIT = 30 * 1000;
const own = browser.runtime.getURL("");
const ready = load(browser.runtime.getURL("mse.wasm"));
const states = new Map(); // site: what was found last
const asked = new Map(); // site: when an own request was answered last
const looking = new Map(); // site: the promise of an own request
const failing = new Map(); // site: what takes Firefox's words for why an own request failed
let reading = null; // the promise of what the user marked, by site

// Whoever asks waits until it was read, once: all have the same. What cannot be read is asked for again, and blocks.
function allPins() {
    reading ??= browser.storage.local.get({ pins: {} }).then((stored) => stored.pins, (error) => {
        reading = null;
        throw error;
    });
    return reading;
}

async function savePins() {
    await browser.storage.local.set({ pins: await allPins() });
    states.clear();
}

function notJudged(site, kind, text) {
    return { site, blocked: { kind, text }, at: Date.now() };
}

// ---- the certificate of a connection

// The leaf, and what stands behind it if it is one: its CA's, perhaps.
function presented(info) {
    const chain = info.certificates.map((c) => new Uint8Array(c.rawDER));
    const used = chain.length === 2 ? chain : chain.slice(0, 1);
    const bytes = new Uint8Array(used.reduce((n, c) => n + c.length, 0));
    used.reduce((at, c) => (bytes.set(c, at), at + c.length), 0);
    return bytes;
}

async function collateralOf(pin) {
    if (pin?.collateralUrl) {
        return fetchDocument(pin.collateralUrl);
    }
    return pin?.collateral;
}

// Level 1 where the operator's API is known, else level 0. No way back from 1 to 0.
async function judge(site, certificate, pin, policy) {
    await ready;
    const ask = { certificate, host: hostOf(site), policy };
    if (pin?.api && pin?.app) {
        const nonce = freshNonce();
        const evidence = await fetchEvidence(pin.api, pin.app, nonce);
        return appraise({ ...ask, evidence, nonce, collateral: await collateralOf(pin) });
    }
    return appraise({ ...ask, collateral: await collateralOf(pin) });
}

// keep: what comes out of the cache has the certificate of then, and says nothing of the site of now.
async function look(site, requestId, keep) {
    const info = await browser.webRequest.getSecurityInfo(requestId, { certificateChain: true, rawDER: true });
    if (info.state === "insecure" || info.certificates.length === 0) {
        return notJudged(site, "unseen", "no certificate is to be seen");
    }
    const pin = (await allPins())[site];
    const sha256 = info.certificates[0].fingerprint.sha256;
    const before = states.get(site);
    if (before?.sha256 === sha256 && before.pin === pin && before.verdict !== undefined && Date.now() - before.at < APPRAISE_AGAIN) {
        return before;
    }
    const certificate = presented(info);
    const state = { site, pin, sha256, certificate: hex(certificate), blocked: null, at: Date.now() };
    try {
        state.verdict = await judge(site, certificate, pin, pin === undefined ? firstPolicy() : policyOf(pin));
        state.blocked = pin === undefined ? null : blockedBy(pin, state.verdict);
    } catch (e) {
        state.blocked = { kind: "broken", text: `it cannot be judged: ${e.message}` };
    }
    if ((await allPins())[site] !== pin) {
        return notJudged(site, "remarked", "the mark was changed meanwhile: load the page again");
    }
    if (keep) {
        states.set(site, state);
    }
    return state;
}

async function lookSafely(site, { requestId, fromCache }) {
    try {
        return await look(site, requestId, !fromCache);
    } catch (e) {
        const state = notJudged(site, "broken", `it cannot be judged: ${e.message}`);
        states.set(site, state);
        return state;
    }
}

// ---- an own request before the real one

function isOwn(details) {
    return details.tabId === -1 && (details.originUrl ?? details.documentUrl ?? "").startsWith(own);
}

// The one that looks, not one for evidence or collateral.
function isLook(details) {
    return isOwn(details) && details.method === "HEAD";
}

// Firefox tells a page nothing of why its request failed, and extensions a moment later.
function wordsOf(site) {
    return new Promise((resolve) => {
        failing.set(site, resolve);
        setTimeout(() => resolve(""), LIMIT);
    });
}

// To the root of the site, without cookies, credentials or a referrer; ended as soon as its certificate was seen.
async function askFirst(site) {
    const control = new AbortController();
    const timer = setTimeout(() => control.abort(), LIMIT);
    const words = wordsOf(site);
    try {
        await fetch(`https://${site}/`, {
            method: "HEAD", credentials: "omit", cache: "no-store", redirect: "manual", referrerPolicy: "no-referrer",
            signal: control.signal,
        });
    } catch {
        // Blocked by ourselves, or the site did not answer: what was seen counts.
    } finally {
        clearTimeout(timer);
    }
    if (!asked.has(site)) {
        states.set(site, { site, blocked: failureOf(await words), at: Date.now() });
    }
    failing.delete(site);
    return states.get(site);
}

// Those who ask meanwhile have the same answer. A verdict of before is kept for its certificate, but a refusal is none.
function askOnce(site) {
    if (!looking.has(site)) {
        if (states.get(site)?.blocked !== null) {
            states.delete(site);
        }
        asked.delete(site);
        looking.set(site, askFirst(site).finally(() => looking.delete(site)));
    }
    return looking.get(site);
}

function errorOccurred(details) {
    if (isLook(details)) {
        failing.get(siteOf(details.url))?.(details.error);
    }
}

// What was seen last counts for what a page loads; before a page, and before something is sent, the site is asked anew.
function isFresh(state, pin, details) {
    const since = Date.now() - (asked.get(state?.site) ?? 0);
    return state?.verdict !== undefined && state.blocked === null && state.pin === pin &&
        since < (isCostly(details) ? ASK_COSTLY : ASK_AGAIN);
}

function judgePlain(details, sites) {
    switch (withoutTls(details.url, sites)) {
    case "pass":
        return {};
    case "upgrade":
        return { upgradeToSecure: true };
    default:
        return refuse(details, { kind: "plain", text: "the address is one without TLS, where nothing can be attested" });
    }
}

async function beforeRequest(details) {
    const site = siteOf(details.url);
    const marked = await allPins();
    if (isOwn(details)) {
        return {};
    }
    if (site === null) {
        return judgePlain(details, Object.keys(marked));
    }
    const pin = marked[site];
    if (pin === undefined) {
        return refuse(details, unmarkedPort(site, marked));
    }
    let state = states.get(site);
    if (!isFresh(state, pin, details)) {
        state = await askOnce(site);
    }
    return refuse(details, state.blocked);
}

// A service worker answers in the place of its site, without a connection that could be judged: none is installed.
async function beforeSendHeaders(details) {
    const marked = await allPins();
    const site = siteOf(details.url);
    const worker = details.requestHeaders.some((h) => h.name.toLowerCase() === "service-worker");
    return worker && site !== null && Object.keys(marked).some((other) => hostOf(other) === hostOf(site)) ? { cancel: true } : {};
}

async function headersReceived(details) {
    const site = siteOf(details.url);
    if (site === null || (isOwn(details) && !isLook(details))) {
        return {};
    }
    if (isLook(details)) {
        await lookSafely(site, details);
        asked.set(site, Date.now());
        return { cancel: true };
    }
    const marked = (await allPins())[site] !== undefined;
    if (!marked && details.type !== "main_frame") {
        return {};
    }
    const state = await lookSafely(site, details);
    await show(details.tabId, state, marked).catch(() => {}); // a tab that was closed
    return marked ? refuse(details, state.blocked) : {};
}

// A page that says why in the place of a blocked one; for everything else nothing.
function refuse(details, blocked) {
    if (blocked === null) {
        return {};
    }
    if (details.type !== "main_frame") {
        return { cancel: true };
    }
    const page = new URL(browser.runtime.getURL("blocked.html"));
    page.searchParams.set("site", siteOf(details.url) ?? new URL(details.url).host);
    page.searchParams.set("kind", blocked.kind);
    page.searchParams.set("why", blocked.text);
    page.searchParams.set("url", details.url);
    browser.tabs.update(details.tabId, { url: page.href, loadReplace: true });
    return { cancel: true };
}

async function show(tabId, state, marked) {
    if (tabId < 0) {
        return;
    }
    const level = state.verdict?.accepted ? `L${state.verdict.binding_level}` : "";
    const evidence = state.verdict !== undefined && state.verdict.status !== "no_evidence";
    const text = marked ? (state.blocked === null ? level : "!") : (evidence ? "?" : "");
    await browser.browserAction.setBadgeText({ tabId, text });
    const colour = marked && state.blocked === null ? "#1a6b35" : "#a3261b";
    await browser.browserAction.setBadgeBackgroundColor({ tabId, color: marked ? colour : "#5b5b5b" });
}

// Firefox lets a request pass whose listener broke off.
function closed(listener) {
    return async (details) => {
        try {
            return await listener(details);
        } catch {
            return { cancel: true };
        }
    };
}

const attested = { urls: ["https://*/*", "wss://*/*"] };
const everything = { urls: [...attested.urls, "http://*/*", "ws://*/*"] };
browser.webRequest.onBeforeRequest.addListener(closed(beforeRequest), everything, ["blocking"]);
browser.webRequest.onBeforeSendHeaders.addListener(closed(beforeSendHeaders), attested, ["blocking", "requestHeaders"]);
browser.webRequest.onHeadersReceived.addListener(closed(headersReceived), attested, ["blocking"]);
browser.webRequest.onErrorOccurred.addListener(errorOccurred, attested);

// ---- the popup

// Judges the certificate of now under what the user entered, or under a mark; nothing is stored.
async function tryOut(site, entered, policy) {
    const seen = await askOnce(site);
    if (seen.certificate === undefined) {
        return { accepted: false, error: seen.blocked.text };
    }
    const certificate = Uint8Array.from(seen.certificate.match(/../g), (b) => parseInt(b, 16));
    return judge(site, certificate, entered, policy);
}

// What the site left in the browser before its mark, and pages of it that are open, nobody has judged. What cannot be
// cleared is said.
async function beginAnew(site) {
    try {
        await clear(site, hostOf(site));
        return {};
    } catch (e) {
        return { warning: `what it had stored in this browser could not be cleared: ${e.message}` };
    }
}

async function clear(site, host) {
    await browser.browsingData.removeCache({}); // of a single host it would leave what other sites made of it
    await browser.browsingData.remove({ hostnames: [host, site] },
        { cookies: true, indexedDB: true, localStorage: true, serviceWorkers: true });
    for (const tab of await browser.tabs.query({})) {
        if (hostOfUrl(tab.url ?? "about:blank") === host) {
            await browser.tabs.reload(tab.id, { bypassCache: true });
        }
    }
}

async function put(site, pin) {
    (await allPins())[site] = pin;
    await savePins();
}

const commands = {
    async state({ site }) {
        const marked = await allPins();
        const others = Object.keys(marked).filter((other) => other !== site && hostOf(other) === hostOf(site));
        const lately = states.has(site) && Date.now() - (asked.get(site) ?? 0) < ASK_COSTLY;
        return { pin: marked[site], state: lately ? states.get(site) : await askOnce(site), others };
    },
    async mark({ site, entered, fingerprint }) {
        const verdict = await tryOut(site, entered, firstPolicy(entered.simulationRoot));
        if (!verdict.accepted) {
            return { verdict };
        }
        if (verdict.measurements.fingerprint !== fingerprint) {
            return { verdict, error: "that is not the fingerprint of this site" };
        }
        await put(site, {
            ...entered, fingerprint, key: verdict.certificate.spki_sha256, level: verdict.binding_level,
            simulated: verdict.simulated, since: new Date().toISOString(),
        });
        return { verdict, marked: true, ...await beginAnew(site) };
    },
    // Only where the key is all that has changed, judged once more: the same code, started anew.
    async takeKey({ site, key }) {
        const pin = (await allPins())[site];
        if (pin === undefined) {
            return { error: "the site is not marked" };
        }
        const verdict = await tryOut(site, pin, policyOf(pin));
        if (blockedBy(pin, verdict)?.kind !== "key" || verdict.certificate?.spki_sha256 !== key) {
            return { verdict, error: "more than the key has changed" };
        }
        await put(site, { ...pin, key, since: new Date().toISOString() });
        return { verdict, marked: true, ...await beginAnew(site) };
    },
    async preview({ site, entered }) {
        return { verdict: await tryOut(site, entered, firstPolicy(entered.simulationRoot)) };
    },
    async remove({ site }) {
        delete (await allPins())[site];
        await savePins();
        return {};
    },
};

browser.runtime.onMessage.addListener(async (message, sender) => {
    if (sender.id !== browser.runtime.id || !Object.hasOwn(commands, message.command)) {
        return undefined;
    }
    try {
        return await commands[message.command](message);
    } catch (e) {
        return { error: e.message };
    }
});
