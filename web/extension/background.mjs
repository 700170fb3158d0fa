// SPDX-License-Identifier: Apache-2.0
// Looks at the certificate of each response of a site that the user marked, before any of it reaches a page, and at that
// of a request of its own before the first real one goes out. Whatever cannot be judged is blocked.
import { appraise, fetchDocument, fetchEvidence, freshNonce, hex, load } from "./appraise.mjs";
import { blockedBy, firstPolicy, hostOf, policyOf, siteOf, withoutTls } from "./judge.mjs";

const LOOK_AGAIN = 10 * 60 * 1000; // an own request before the next real one, after so long
const LIMIT = 30 * 1000;
const own = browser.runtime.getURL("");
const ready = load(browser.runtime.getURL("mse.wasm"));
const states = new Map(); // site: what was found last
const looking = new Map(); // site: the promise of an own request
let pins = null; // site: what the user marked

async function allPins() {
    if (pins === null) {
        pins = (await browser.storage.local.get({ pins: {} })).pins;
    }
    return pins;
}

async function savePins() {
    await browser.storage.local.set({ pins });
    states.clear();
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

async function look(site, requestId) {
    const info = await browser.webRequest.getSecurityInfo(requestId, { certificateChain: true, rawDER: true });
    if (info.state === "insecure" || info.certificates.length === 0) {
        return { blocked: "no certificate is to be seen" };
    }
    const pin = (await allPins())[site];
    const sha256 = info.certificates[0].fingerprint.sha256;
    const before = states.get(site);
    if (before?.sha256 === sha256 && before.pin === pin && before.verdict !== undefined && Date.now() - before.at < LOOK_AGAIN) {
        return before;
    }
    const certificate = presented(info);
    const policy = pin === undefined ? firstPolicy() : policyOf(pin);
    const verdict = await judge(site, certificate, pin, policy);
    const blocked = pin === undefined ? null : blockedBy(pin, verdict);
    if ((await allPins())[site] !== pin) {
        return { site, blocked: "the mark was changed meanwhile: load the page again" };
    }
    const state = { site, pin, sha256, verdict, blocked, at: Date.now(), certificate: hex(certificate) };
    states.set(site, state);
    return state;
}

async function lookSafely(site, requestId) {
    try {
        return await look(site, requestId);
    } catch (e) {
        const state = { site, blocked: `it cannot be judged: ${e.message}`, at: Date.now() };
        states.set(site, state);
        return state;
    }
}

// ---- an own request before the real one

function isOwn(details) {
    return details.tabId === -1 && (details.originUrl ?? details.documentUrl ?? "").startsWith(own);
}

// To the root of the site, without cookies, credentials or a referrer; ended as soon as its certificate was seen.
async function askFirst(site) {
    const control = new AbortController();
    const timer = setTimeout(() => control.abort(), LIMIT);
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
    return states.get(site) ?? { site, blocked: "the site did not answer, so that nothing could be judged" };
}

function isFresh(state, pin) {
    return state?.verdict !== undefined && state.pin === pin && Date.now() - state.at < LOOK_AGAIN;
}

function judgePlain(details, sites) {
    switch (withoutTls(details.url, sites)) {
    case "pass":
        return {};
    case "upgrade":
        return { upgradeToSecure: true };
    default:
        return refuse(details, { blocked: "the address is one without TLS, where nothing can be attested" });
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
    if (marked[site] === undefined) {
        return {};
    }
    let state = states.get(site);
    if (!isFresh(state, marked[site]) || state.blocked !== null) {
        if (!looking.has(site)) {
            states.delete(site);
            looking.set(site, askFirst(site).finally(() => looking.delete(site)));
        }
        state = await looking.get(site);
    }
    return refuse(details, state);
}

async function headersReceived(details) {
    const site = siteOf(details.url);
    if (site === null) {
        return {};
    }
    const marked = (await allPins())[site] !== undefined;
    if (!marked && details.type !== "main_frame") {
        return {};
    }
    const state = await lookSafely(site, details.requestId);
    await show(details.tabId, state, marked).catch(() => {}); // a tab that was closed
    if (!marked) {
        return {};
    }
    return isOwn(details) ? { cancel: true } : refuse(details, state);
}

// A page that says why in the place of a blocked one; for everything else nothing.
function refuse(details, state) {
    if (state.blocked === null) {
        return {};
    }
    if (details.type !== "main_frame") {
        return { cancel: true };
    }
    const page = new URL(browser.runtime.getURL("blocked.html"));
    page.searchParams.set("site", siteOf(details.url) ?? new URL(details.url).host);
    page.searchParams.set("why", state.blocked);
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
browser.webRequest.onHeadersReceived.addListener(closed(headersReceived), attested, ["blocking"]);

// ---- the popup

// Judges the certificate that was seen last under what the user entered; nothing is marked yet.
async function tryOut(site, entered) {
    const seen = states.get(site);
    if (seen?.certificate === undefined) {
        return { accepted: false, error: "open the site in a tab first, and then mark it" };
    }
    const certificate = Uint8Array.from(seen.certificate.match(/../g), (b) => parseInt(b, 16));
    return judge(site, certificate, entered, firstPolicy(entered.simulationRoot));
}

const commands = {
    async state({ site }) {
        const pin = (await allPins())[site];
        return { pin, state: states.get(site) };
    },
    async mark({ site, entered, fingerprint }) {
        const verdict = await tryOut(site, entered);
        if (!verdict.accepted) {
            return { verdict };
        }
        if (verdict.measurements.fingerprint !== fingerprint) {
            return { verdict, error: "that is not the fingerprint of this site" };
        }
        (await allPins())[site] = {
            ...entered, fingerprint, key: verdict.certificate.spki_sha256, level: verdict.binding_level,
            simulated: verdict.simulated, since: new Date().toISOString(),
        };
        await savePins();
        return { verdict, marked: true };
    },
    async preview({ site, entered }) {
        return { verdict: await tryOut(site, entered) };
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
