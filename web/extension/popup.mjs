// SPDX-License-Identifier: Apache-2.0
// What is known of the site in the tab; marking it, taking a new key of the same app, and taking the mark away.
import { hostOf, pointOfRoot, siteOf } from "./judge.mjs";

const byId = (id) => document.getElementById(id);
const send = (message) => browser.runtime.sendMessage(message);

// The tab's site; with ?site= that of the page itself, for blocked.html and for a tab of its own.
async function currentSite() {
    const named = new URL(location.href).searchParams.get("site");
    if (named !== null) {
        return named;
    }
    const [tab] = await browser.tabs.query({ active: true, currentWindow: true });
    const url = new URL(tab?.url ?? "about:blank");
    return url.href.startsWith(browser.runtime.getURL("blocked.html")) ? url.searchParams.get("site") : siteOf(url.href);
}

function say(text, kind) {
    byId("verdict").textContent = text;
    byId("verdict").className = kind;
}

function fact(name, value) {
    if (value === undefined || value === null || value === "") {
        return;
    }
    const term = document.createElement("dt");
    const text = document.createElement("dd");
    term.textContent = name;
    text.textContent = value;
    byId("facts").append(term, text);
}

// A value, and where the mark has another one, that too.
function compared(name, now, marked) {
    fact(name, now);
    fact(marked === now ? undefined : `${name}, marked`, marked === now ? undefined : marked);
}

function facts(verdict, pin) {
    byId("facts").replaceChildren();
    compared("Fingerprint", verdict?.measurements?.fingerprint, pin?.fingerprint);
    compared("Key", verdict?.certificate?.spki_sha256, pin?.key);
    fact("Signer", verdict?.measurements?.mrsigner);
    fact("Level", verdict?.accepted ? `${verdict.binding_level}: ${verdict.binding_text}` : undefined);
    fact("Platform", verdict === undefined ? undefined : verdict.simulated ? "SIMULATED, not hardware" : verdict.tee);
    fact("TCB status", verdict?.tcb?.status);
    fact("Marked on", pin?.since);
}

function ports(site, pin, others) {
    const text = pin?.wholeHost === false ? `Other ports of ${hostOf(site)} are NOT judged.`
        : `Other ports of ${hostOf(site)} are blocked${others.length === 0 ? "." : `, but for ${others.join(", ")}.`}`;
    byId("ports").textContent = pin === undefined ? "" : text;
    byId("ports").hidden = pin === undefined;
}

// What was entered for the mark, to begin another one with.
function prefill(pin) {
    for (const [id, name] of [["api", "api"], ["app", "app"], ["collateral-url", "collateralUrl"], ["collateral", "collateral"]]) {
        byId(id).value ||= pin[name] ?? "";
    }
    byId("whole").checked = pin.wholeHost !== false;
    byId("root").placeholder = pin.simulationRoot ? "empty: the root of the mark" : "";
}

// What stands below, side by side, is not told twice.
const SHORT = { key: "another key than you marked, of the same code", fingerprint: "another fingerprint than you marked" };

let marked; // the mark, as it was when the popup was opened
let seenKey; // the key of what was seen last

async function refresh(site) {
    const { pin, state, others } = await send({ command: "state", site });
    const verdict = state.verdict;
    marked = pin;
    seenKey = verdict?.certificate?.spki_sha256;
    byId("marking").hidden = false;
    byId("what").textContent = pin === undefined ? "Mark this site as attested" : "Mark it anew";
    byId("remove").hidden = pin === undefined;
    byId("take").hidden = pin === undefined || state.blocked?.kind !== "key";
    facts(verdict, pin);
    ports(site, pin, others);
    if (pin !== undefined) {
        prefill(pin);
    }
    if (pin !== undefined && state.blocked === null) {
        say(`Attested, level ${verdict.binding_level}`, "good");
    } else if (state.blocked !== null) {
        byId("marking").hidden = pin === undefined;
        say(`${pin === undefined ? "Not marked" : "Blocked"}: ${SHORT[state.blocked.kind] ?? state.blocked.text}`, "bad");
    } else if (verdict === undefined || verdict.status === "no_evidence") {
        byId("marking").hidden = true;
        say("No evidence in the certificate of this site.", "");
    } else {
        say("This site shows evidence in its certificate. It is not marked, so that nothing is blocked.", "");
    }
}

function entered() {
    const value = (id) => byId(id).value.trim();
    return {
        api: value("api"), app: value("app"), collateralUrl: value("collateral-url"),
        collateral: value("collateral") || undefined, wholeHost: byId("whole").checked,
        simulationRoot: pointOfRoot(value("root")) ?? (value("root") === "" ? marked?.simulationRoot : undefined),
    };
}

function report(answer) {
    if (answer.error !== undefined || !answer.verdict?.accepted) {
        say(`Refused: ${answer.error ?? answer.verdict?.error ?? answer.verdict?.reason?.text}`, "bad");
    } else {
        say("Genuine. Is the fingerprint the one that you expect?", "");
    }
    facts(answer.verdict, marked);
}

async function done(site, answer) {
    if (!answer.marked) {
        report(answer);
        return;
    }
    await refresh(site);
    say(`Marked${answer.warning ? `, but ${answer.warning}` : ". Its tabs were loaded again."}`, answer.warning ? "bad" : "good");
}

// One thing at a time: what is pressed again meanwhile does nothing.
function onPress(id, action) {
    byId(id).addEventListener("click", async () => {
        const buttons = document.querySelectorAll("button");
        buttons.forEach((b) => { b.disabled = true; });
        try {
            await action();
        } finally {
            buttons.forEach((b) => { b.disabled = false; });
        }
    });
}

const site = await currentSite();
if (site === null) {
    say("This page has no TLS: nothing can be attested here.", "");
} else {
    byId("site").textContent = site;
    await refresh(site);
    onPress("try", async () => report(await send({ command: "preview", site, entered: entered() })));
    onPress("mark", async () => {
        const fingerprint = byId("fingerprint").value.trim().toLowerCase();
        await done(site, await send({ command: "mark", site, entered: entered(), fingerprint }));
    });
    onPress("take", async () => done(site, await send({ command: "takeKey", site, key: seenKey })));
    onPress("remove", async () => {
        await send({ command: "remove", site });
        await refresh(site);
    });
}
document.body.dataset.ready = "yes";
