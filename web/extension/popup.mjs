// SPDX-License-Identifier: Apache-2.0
// What is known of the site in the tab; marking it, and taking the mark away.
import { pointOfRoot, siteOf } from "./judge.mjs";

const byId = (id) => document.getElementById(id);
const send = (message) => browser.runtime.sendMessage(message);

// The tab's site; with ?site= that of the page itself, for tests and for a tab of its own.
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

function facts(verdict, pin) {
    byId("facts").replaceChildren();
    fact("Fingerprint", verdict?.measurements?.fingerprint);
    fact("You marked", pin?.fingerprint);
    fact("Signer", verdict?.measurements?.mrsigner);
    fact("Key", verdict?.certificate?.spki_sha256);
    fact("Level", verdict?.accepted ? `${verdict.binding_level}: ${verdict.binding_text}` : undefined);
    fact("Platform", verdict?.simulated ? "SIMULATED, not hardware" : verdict?.tee);
    fact("TCB status", verdict?.tcb?.status);
    fact("Marked on", pin?.since);
}

async function refresh(site) {
    const { pin, state } = await send({ command: "state", site });
    const verdict = state?.verdict;
    byId("marking").hidden = pin !== undefined;
    byId("remove").hidden = pin === undefined;
    facts(verdict, pin);
    if (pin !== undefined && state === undefined) {
        say("Marked; not looked at since the browser was started.", "");
    } else if (pin !== undefined && state.blocked === null) {
        say(`Attested, level ${verdict.binding_level}`, "good");
    } else if (pin !== undefined) {
        say(`Blocked: ${state.blocked}`, "bad");
    } else if (verdict === undefined || verdict.status === "no_evidence") {
        say("No evidence in the certificate of this site.", "");
    } else {
        say("This site shows evidence in its certificate. It is not marked, so that nothing is blocked.", "");
    }
}

function entered() {
    const value = (id) => byId(id).value.trim();
    return {
        api: value("api"), app: value("app"), collateralUrl: value("collateral-url"),
        collateral: value("collateral") || undefined, simulationRoot: pointOfRoot(value("root")) ?? undefined,
    };
}

function report(answer) {
    if (answer.error !== undefined || !answer.verdict?.accepted) {
        say(`Refused: ${answer.error ?? answer.verdict?.error ?? answer.verdict?.reason?.text}`, "bad");
    } else {
        say("Genuine. Is the fingerprint the one that you expect?", "");
    }
    facts(answer.verdict);
}

const site = await currentSite();
if (site !== null) {
    byId("site").textContent = site;
    await refresh(site);
    byId("try").addEventListener("click", async () => report(await send({ command: "preview", site, entered: entered() })));
    byId("mark").addEventListener("click", async () => {
        const fingerprint = byId("fingerprint").value.trim().toLowerCase();
        const answer = await send({ command: "mark", site, entered: entered(), fingerprint });
        if (answer.marked) {
            say("Marked. Load the page again.", "good");
            await refresh(site);
        } else {
            report(answer);
        }
    });
    byId("remove").addEventListener("click", async () => {
        await send({ command: "remove", site });
        await refresh(site);
    });
}
document.body.dataset.ready = "yes";
