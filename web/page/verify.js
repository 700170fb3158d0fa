// SPDX-License-Identifier: Apache-2.0
// Appraises an app's evidence in this browser, with libmse as WebAssembly. All of it comes from the operator, this file
// too: it shows what is checked, and is no proof for somebody who distrusts the operator. The page says so.

const APPRAISAL = "/assets/appraise/appraise.mjs";
const MODULE = "/assets/appraise/mse.wasm";
const WORDS = { sgx: "Intel SGX", tdx: "Intel TDX", snp: "AMD SEV-SNP", nitro: "AWS Nitro" };
const POINT = [0x03, 0x42, 0x00, 0x04]; // a BIT STRING that holds an uncompressed point of P-256

let appraisal = null;

function element(name, text, className) {
    const made = document.createElement(name);
    made.textContent = text ?? "";
    made.className = className ?? "";
    return made;
}

// The point of the key of a root, as a policy names it.
function pointOf(pem) {
    const text = atob(pem.replace(/-----[^-]+-----|\s/g, ""));
    const der = Uint8Array.from(text, (c) => c.charCodeAt(0));
    const at = der.findIndex((_, i) => POINT.every((b, k) => der[i + k] === b));
    return at < 0 ? null : appraisal.hex(der.slice(at + POINT.length, at + POINT.length + 64));
}

async function policyFor(fingerprint) {
    const version = JSON.parse(new TextDecoder().decode(await appraisal.fetchDocument(new URL("/version", location.href))));
    const policy = fingerprint ? { references: [{ fingerprint }] } : {};
    if (version.simulation_root) {
        policy.allow_simulation = true;
        policy.simulation_root = pointOf(version.simulation_root);
    }
    return policy;
}

async function judge(form) {
    if (appraisal === null) {
        appraisal = await import(APPRAISAL);
        await appraisal.load(new URL(MODULE, location.href));
    }
    const nonce = appraisal.freshNonce();
    const policy = await policyFor(form.elements.wanted.value.trim().toLowerCase());
    const evidence = await appraisal.fetchEvidence(location.origin, form.dataset.app, nonce);
    return appraisal.appraise({ evidence, policy, nonce });
}

function facts(verdict, wanted) {
    const list = element("dl", "", "facts");
    const seen = verdict.measurements?.fingerprint;
    const rows = [
        ["Fingerprint, computed here", seen],
        ["The one that you know", !wanted ? "none was given" : wanted === seen ? "is the same" : "is another one"],
        ["Enclave", WORDS[verdict.tee] ?? verdict.tee],
        ["Platform", verdict.tcb?.status && verdict.tcb.status !== "None" ? verdict.tcb.status : null],
        ["Public key of the certificate (SHA-256)", verdict.certificate?.spki_sha256],
        ["What ties it to the app", verdict.binding_text],
        ["Collateral until", verdict.valid_until],
    ];
    for (const [name, value] of rows.filter(([, v]) => v)) {
        const place = element("dd");
        place.append(element(/^[0-9a-f]{32,}$/.test(value) ? "code" : "span", value, "hex"));
        list.append(element("dt", name), place);
    }
    return list;
}

function checks(verdict) {
    const details = element("details");
    const table = element("table");
    const head = element("tr");
    const body = element("tbody");
    details.append(element("summary", `All ${verdict.checks.length} checks`), table);
    for (const name of ["Check", "Wanted", "Seen", "Result"]) {
        const cell = element("th", name);
        cell.scope = "col";
        head.append(cell);
    }
    table.append(element("thead"), body);
    table.firstElementChild.append(head);
    for (const check of verdict.checks) {
        const row = element("tr");
        const good = check.status === "ok";
        const step = element("th", check.step);
        step.scope = "row";
        row.append(step, element("td", check.wanted), element("td", check.seen),
            element("td", good ? "ok" : check.status, good ? "" : "bad"));
        body.append(row);
    }
    return details;
}

function show(out, verdict, wanted) {
    const reason = verdict.reason?.text ?? verdict.error ?? verdict.status;
    const notice = element("p", verdict.accepted
        ? "Accepted, says this page. It comes from the operator: to be sure, use the command above."
        : `Refused: ${reason}.`, `notice ${verdict.accepted ? "good" : "bad"}`);
    out.replaceChildren(notice);
    if (verdict.simulated) {
        out.append(element("p", "Simulated: no hardware stands behind it, and it protects nothing.", "notice bad"));
    }
    out.append(facts(verdict, wanted));
    if (verdict.checks?.length > 0) {
        out.append(checks(verdict));
    }
}

async function onSubmit(event) {
    const form = event.currentTarget;
    const out = document.getElementById("verdict");
    const button = form.querySelector("button");
    event.preventDefault();
    button.disabled = true;
    out.replaceChildren(element("p", "Fetching fresh evidence and appraising it…", "hint"));
    try {
        show(out, await judge(form), form.elements.wanted.value.trim().toLowerCase());
    } catch (e) {
        out.replaceChildren(element("p", `It could not be appraised: ${e.message}`, "notice bad"));
    }
    button.disabled = false;
    out.dataset.done = "yes";
}

const form = document.getElementById("appraise");
if (form !== null) {
    form.hidden = false;
    form.addEventListener("submit", onSubmit);
}
