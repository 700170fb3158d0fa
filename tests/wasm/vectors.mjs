// SPDX-License-Identifier: Apache-2.0
// Every recorded case of an SGX quote through mse.wasm: what it says must be, word for word, what mse-conformance saw in
// its own verdict and compared with the case's expectation. Says how long an appraisal takes.
// usage: node vectors.mjs WASM-FOLDER MSE-CONFORMANCE VECTORS
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { appraiser, check, done, same, skipAll } from "./lib.mjs";

const [folder, conformance, vectors] = process.argv.slice(2);
const cases = `${vectors}/sgx-quote`;
if (!existsSync(cases)) {
    skipAll(`no vectors at ${vectors}`);
}
const { appraise } = await appraiser(folder);

// "pass KIND/NAME: expected WANTED, got GOT" of mse-conformance, whatever its exit status.
function expectations() {
    let text = "";
    try {
        text = execFileSync(conformance, [cases], { encoding: "utf8", maxBuffer: 1 << 24 });
    } catch (e) {
        text = e.stdout;
    }
    const lines = [...text.matchAll(/^(pass|FAIL|skip) sgx-quote\/([^:]+): expected .*?, got (.*)$/gm)];
    return new Map(lines.map(([, result, name, got]) => [name, { result, got }]));
}

function read(dir, name) {
    return readFileSync(`${dir}/${name}`);
}

function derOf(file, label) {
    const text = file.toString("latin1");
    const pem = new RegExp(`-----BEGIN ${label}-----([^-]*)-----END`).exec(text);
    if (pem !== null) {
        return Buffer.from(pem[1], "base64");
    }
    return /^[0-9a-fA-F\s]+$/.test(text) ? Buffer.from(text.replace(/\s/g, ""), "hex") : file;
}

// The files of a case as a collateral file.
function collateralOf(dir, files) {
    const out = {};
    const reply = (role, member) => {
        if (files[role] !== undefined) {
            const body = read(dir, files[role]).toString("utf8");
            const signature = read(dir, files[`${role}_signature`]).toString("hex");
            out[role] = `{"${member}":${body},"signature":"${signature}"}`;
        }
    };
    reply("tcb_info", "tcbInfo");
    reply("qe_identity", "enclaveIdentity");
    for (const role of ["tcb_info_issuer_chain", "qe_identity_issuer_chain", "pck_crl_issuer_chain", "pck_cert_chain"]) {
        if (files[role] !== undefined) {
            out[role] = read(dir, files[role]).toString("utf8");
        }
    }
    for (const role of ["pck_crl", "root_ca_crl"]) {
        if (files[role] !== undefined) {
            out[role] = derOf(read(dir, files[role]), "X509 CRL").toString("base64");
        }
    }
    return JSON.stringify({ version: 1, collateral: out });
}

// The permissive policy of mse-conformance: signatures, chains and dates alone decide.
function policyOf(dir, files) {
    const policy = {
        accepted_tcb_statuses: [
            "UpToDate", "SWHardeningNeeded", "ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded", "OutOfDate",
            "OutOfDateConfigurationNeeded", "TDRelaunchAdvised", "TDRelaunchAdvisedConfigurationNeeded",
        ],
        insecure_any_advisory: true, allow_mixed_evaluation_numbers: true, allow_debug: true,
        allow_sample_signer: true, allow_smt: true, insecure_any_attributes: true, insecure_any_app: true,
        allow_migration: true, max_vmpl: 3,
    };
    if (files.trusted_root !== undefined) {
        const { x, y } = new X509Certificate(read(dir, files.trusted_root)).publicKey.export({ format: "jwk" });
        policy.allow_simulation = true;
        policy.simulation_only = true;
        policy.simulation_root = [x, y].map((part) => Buffer.from(part, "base64url").toString("hex")).join("");
    }
    return policy;
}

// The words of mse-conformance about a verdict: what failed first, without what the case has no collateral for.
const MISSING = {
    pck_crl_missing: "pck_crl", root_crl_missing: "root_ca_crl", tcb_info_missing: "tcb_info",
    qe_identity_missing: "qe_identity",
};

function wordsOf(verdict, files, steps) {
    const failures = verdict.checks.filter((c) => c.status !== "ok" && c.status !== "skipped");
    const counted = failures.filter((c) => MISSING[c.status] === undefined || files[MISSING[c.status]] !== undefined);
    const place = (c) => steps.indexOf(c.step);
    const first = counted.reduce((a, b) => (a === null || place(b) < place(a) ? b : a), null);
    // What was wanted stands behind the comma: here the readers of SGX and TDX share a door.
    const words = first === null ? ["ok"] : [first.status, `at ${first.step}, seen ${first.seen.split(", wanted")[0]}`];
    if (verdict.tcb === undefined) {
        return `no verdict: ${verdict.error}`;
    }
    if (verdict.tcb.status !== "None") {
        words.push(verdict.tcb.status);
    }
    return words.join("; ");
}

const wanted = expectations();
// In the order in which a refusal is reported.
const steps = [
    "form", "pck_chain", "pck_crl", "root_crl", "pck_extension", "tcb_info", "qe_identity", "qe_report", "ak_binding",
    "quote_signature", "qe_match", "tcb_level", "evaluation_number", "tcb_status", "collateral_age", "simulation",
    "attributes", "signer", "reference", "machine", "level",
];
let spent = 0;
let slowest = 0;
const names = readdirSync(cases).filter((name) => existsSync(`${cases}/${name}/case.json`));
for (const name of names) {
    const dir = `${cases}/${name}`;
    const { files, verify_at: at } = JSON.parse(read(dir, "case.json"));
    const ask = {
        evidence: read(dir, files.quote), collateral: collateralOf(dir, files), policy: policyOf(dir, files), at,
    };
    const begin = performance.now();
    const verdict = await appraise(ask);
    const took = performance.now() - begin;
    spent += took;
    slowest = Math.max(slowest, took);
    const native = wanted.get(name);
    const words = wordsOf(verdict, files, steps);
    const got = native?.got ?? "";
    check(got === words || got.startsWith(`${words}; `) || got.startsWith(`${words}, wanted`), `${name}: ${words}`, `mse-conformance: ${got}`);
    if (native?.result !== "pass") {
        check(false, `${name} as expected`, native?.result ?? "mse-conformance does not know it");
    }
}
same(names.length, wanted.size, "every case was judged by both");
console.log(`# ${names.length} appraisals, ${(spent / names.length).toFixed(1)} ms each, ${slowest.toFixed(1)} ms at most`);
done();
