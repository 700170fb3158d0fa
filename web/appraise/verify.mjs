// SPDX-License-Identifier: Apache-2.0
// The page that judges files from disk. It asks nobody for anything: tools/make-verify-page puts it, appraise.mjs and the
// module into one file. The verdict is the module's, shown as `mse verify --json` says it.
import { appraise, hex, load, refusal } from "./appraise.mjs";

const MAX_FILE = 4 * 1024 * 1024;
const FILES = ["evidence", "collateral", "policy", "root"];
const TEES = { sgx: "Intel SGX", tdx: "Intel TDX", snp: "AMD SEV-SNP", nitro: "AWS Nitro" };
const POINT = [0x03, 0x42, 0x00, 0x04]; // a BIT STRING that holds an uncompressed point of P-256

const dropped = new Map(); // what was dropped, in the place of what was chosen

function byId(id) {
    return document.getElementById(id);
}

function element(name, text, className) {
    const made = document.createElement(name);
    made.textContent = text ?? "";
    made.className = className ?? "";
    return made;
}

// ---- what is given

function fileOf(id) {
    return dropped.get(id) ?? byId(id).files[0];
}

async function bytesOf(id) {
    const file = fileOf(id);
    if (file === undefined) {
        return undefined;
    }
    if (file.size > MAX_FILE) {
        throw new Error(`${file.name} has ${file.size} bytes, at most ${MAX_FILE} are read`);
    }
    return new Uint8Array(await file.arrayBuffer());
}

function textOf(bytes, what) {
    try {
        return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch {
        throw new Error(`the ${what} is no text`);
    }
}

function digitsOf(id, what) {
    const value = byId(id).value.replace(/\s/g, "").toLowerCase();
    if (value !== "" && !/^[0-9a-f]{64}$/.test(value)) {
        throw new Error(`the ${what} is "${value}", wanted 64 hexadecimal digits`);
    }
    return value === "" ? undefined : value;
}

function timeOf() {
    const value = byId("at").value.trim();
    if (value === "") {
        return Date.now() / 1000;
    }
    const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value) ? Date.parse(value) : NaN;
    if (Number.isNaN(at)) {
        throw new Error(`the time is "${value}", wanted one in UTC like 2030-01-31T12:00:00Z`);
    }
    return at / 1000;
}

// The point of the key of a root, as a policy names it.
function pointOf(pem) {
    const block = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/.exec(pem);
    const der = block === null ? [] : Uint8Array.from(atob(block[1].replace(/\s/g, "")), (c) => c.charCodeAt(0));
    const at = der.findIndex((_, i) => POINT.every((b, k) => der[i + k] === b));
    if (at < 0) {
        throw new Error("the root of the simulation is no certificate (PEM) with a key of P-256");
    }
    return hex(der.slice(at + POINT.length, at + POINT.length + 64));
}

// What is expected is added to each reference set; one that says otherwise does not count.
function expect(policy, wanted) {
    const given = Array.isArray(policy.references) && policy.references.length > 0 ? policy.references : [{}];
    const agree = given.filter((set) => Object.entries(wanted).every(
        ([key, value]) => set[key] === undefined || String(set[key]).toLowerCase() === value));
    if (agree.length === 0) {
        throw new Error("no reference set of the policy agrees with what you expect");
    }
    return { ...policy, references: agree.map((set) => ({ ...set, ...wanted })) };
}

async function policyOf() {
    const bytes = await bytesOf("policy");
    const root = await bytesOf("root");
    const fingerprint = digitsOf("fingerprint", "fingerprint");
    const signer = digitsOf("signer", "signer");
    const wanted = { ...(fingerprint && { fingerprint }), ...(signer && { mr_signer: signer }) };
    let policy = {};
    if (bytes !== undefined) {
        try {
            policy = JSON.parse(textOf(bytes, "policy"));
        } catch (e) {
            throw new Error(`the policy is no JSON (${e.message})`);
        }
    }
    if (root !== undefined) {
        policy = { ...policy, allow_simulation: true, simulation_root: pointOf(textOf(root, "root of the simulation")) };
    }
    return Object.keys(wanted).length > 0 ? expect(policy, wanted) : policy;
}

async function judge() {
    const evidence = await bytesOf("evidence");
    if (evidence === undefined) {
        throw new Error("no evidence was chosen");
    }
    const ask = { evidence, collateral: await bytesOf("collateral"), policy: await policyOf(), at: timeOf() };
    const host = byId("host").value.trim().toLowerCase();
    const verdict = await appraise(host === "" ? ask : { ...ask, host });
    const source = verdict.collateral_source === "given" ? fileOf("collateral").name : verdict.collateral_source;
    return { target: fileOf("evidence").name, ...verdict, collateral_source: source };
}

// ---- what is shown

function facts(verdict) {
    const list = element("dl", "", "facts");
    const m = verdict.measurements ?? {};
    const reason = verdict.accepted ? {} : verdict.reason ?? {};
    const rows = [
        ["What was seen", reason.seen],
        ["What is wanted", reason.wanted],
        ["What it is", [TEES[verdict.tee], verdict.kind].filter((v) => v).join(", ")],
        ["Fingerprint", m.fingerprint],
        ["Signer of the enclave", m.mrsigner],
        ["TCB status", verdict.tcb?.status && verdict.tcb.status !== "None" ? verdict.tcb.status : null],
        ["Advisories", verdict.tcb?.advisories?.join(", ")],
        ["Debug", m.debug ? "yes: whoever runs it reads its memory" : null],
        ["Public key of the certificate (SHA-256)", verdict.certificate?.spki_sha256],
        ["Certificate (SHA-256)", verdict.certificate?.sha256],
        ["What it proves", verdict.accepted ? `level ${verdict.binding_level}: ${verdict.binding_text}` : verdict.binding_text],
        ["Collateral", verdict.collateral_source],
        ["The result holds from", verdict.valid_from],
        ["until", verdict.valid_until],
    ];
    for (const [name, value] of rows.filter(([, v]) => v)) {
        const place = element("dd");
        place.append(element(/^[0-9a-f]{32,}$/.test(value) ? "code" : "span", value, "hex"));
        list.append(element("dt", name), place);
    }
    return list;
}

function row(kind, cells) {
    const made = element("tr");
    for (const [i, cell] of cells.entries()) {
        const place = element(kind === "head" || i === 0 ? "th" : "td", cell);
        if (place.localName === "th") {
            place.scope = kind === "head" ? "col" : "row";
        }
        made.append(place);
    }
    return made;
}

function checks(verdict) {
    const details = element("details");
    const frame = element("div", "", "checks");
    const table = element("table");
    const head = element("thead");
    const body = element("tbody");
    head.append(row("head", ["Check", "Result", "Seen", "Wanted"]));
    for (const check of verdict.checks) {
        const line = row("body", [check.step, check.waived ? `${check.status}, waived` : check.status, check.seen, check.wanted]);
        line.children[1].className = check.status === "ok" || check.status === "skipped" ? "" : "bad";
        body.append(line);
    }
    table.append(head, body);
    frame.append(table);
    frame.tabIndex = 0;
    frame.setAttribute("role", "region");
    frame.setAttribute("aria-label", "Checks");
    details.append(element("summary", `All ${verdict.checks.length} checks`), frame);
    return details;
}

function json(verdict) {
    const details = element("details");
    const text = element("pre", JSON.stringify(verdict, null, 2), "json");
    text.id = "json";
    text.tabIndex = 0;
    details.append(element("summary", "As JSON, like mse verify --json"), text);
    return details;
}

function reasonOf(verdict) {
    if (verdict.kind === "file") {
        return "this is nothing that is known here (certificate, quote, report, bundle)";
    }
    return verdict.reason?.text ?? verdict.error ?? verdict.status;
}

function show(verdict) {
    const out = byId("verdict");
    out.replaceChildren(element("h2", `Verdict on ${verdict.target}`));
    out.append(element("p", verdict.accepted ? "Accepted: everything that is needed passed." : `Refused: ${reasonOf(verdict)}.`,
        `notice ${verdict.accepted ? "good" : "bad"}`));
    if (verdict.simulated) {
        out.append(element("p", "Simulated: no hardware stands behind it, and it protects nothing.", "notice bad"));
    }
    if (verdict.kind === "file") {
        return;
    }
    out.append(facts(verdict));
    if (verdict.checks?.length > 0) {
        out.append(checks(verdict));
    }
    out.append(json(verdict));
}

// ---- the form

async function onSubmit(event) {
    const button = byId("ask").querySelector("button.main");
    const out = byId("verdict");
    event.preventDefault();
    button.disabled = true;
    delete out.dataset.done;
    try {
        show(await judge());
    } catch (e) {
        out.replaceChildren(element("p", `Nothing was judged: ${e.message}.`, "notice bad"));
    }
    button.disabled = false;
    out.dataset.done = "yes";
    out.scrollIntoView();
}

function onReset() {
    dropped.clear();
    byId("verdict").replaceChildren();
    document.querySelectorAll(".dropped").forEach((note) => note.remove());
}

// A file that is dropped anywhere on a box is that box's; elsewhere on the page it would replace the page.
function boxes() {
    for (const box of document.querySelectorAll(".drop")) {
        const id = box.dataset.for;
        const over = (on) => box.classList.toggle("over", on);
        const forget = () => box.querySelector(".dropped")?.remove();
        box.addEventListener("dragover", () => over(true));
        box.addEventListener("dragleave", () => over(false));
        box.addEventListener("drop", (event) => {
            over(false);
            const file = event.dataTransfer.files[0];
            if (file !== undefined) {
                forget();
                dropped.set(id, file);
                box.append(element("p", `Dropped: ${file.name}`, "dropped"));
            }
        });
        byId(id).addEventListener("change", () => {
            dropped.delete(id);
            forget();
        });
    }
    for (const name of ["dragover", "drop"]) {
        document.addEventListener(name, (event) => event.preventDefault());
    }
}

async function begin() {
    try {
        await load(Uint8Array.from(atob(byId("module").textContent), (c) => c.charCodeAt(0)));
    } catch (e) {
        show({ target: "nothing", ...refusal("internal", `this browser does not load the appraisal: ${e.message}`) });
        return;
    }
    byId("ask").hidden = false;
    byId("ask").addEventListener("submit", onSubmit);
    byId("ask").addEventListener("reset", onReset);
    boxes();
    FILES.forEach((id) => dropped.delete(id));
    document.documentElement.dataset.ready = "yes";
}

begin();
