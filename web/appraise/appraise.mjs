// SPDX-License-Identifier: Apache-2.0
// Appraises evidence in a browser (or Node) with libmse, compiled to WebAssembly. The verdict is the
// module's; what this file adds is that nothing but an acceptance of the module is one: whatever
// goes wrong here, in the module or between the two is a refusal.
//
//     import { load, appraise } from "./appraise.mjs";
//     await load(new URL("mse.wasm", import.meta.url));
//     const verdict = await appraise({ evidence, policy, at: Date.now() / 1000 });
//     if (verdict.accepted) …
//
// The module gets no clock, no network and no files, and a fresh memory for each appraisal:
// what hostile evidence may do to it ends with its own verdict.

let compiled = null;

// The numbers of enum mse_wasm_input.
const INPUTS = ["evidence", "certificate", "collateral", "policy", "host", "nonce"];
const MAX_ANSWER = 128 * 1024;

// What libc would ask of a system. There is none: each call fails with a number that libc knows.
const NO_SUCH_CALL = 52; // ENOSYS of WASI
const SYSTEM = {
    wasi_snapshot_preview1: ["clock_time_get", "fd_close", "fd_read", "fd_seek", "fd_write"],
    env: [
        "__syscall_fstat64", "__syscall_stat64", "__syscall_fstatat64", "__syscall_lstat64", "__syscall_getdents64",
    ],
};

function imports() {
    const made = { wasi_snapshot_preview1: {}, env: {}, mse: {} };
    for (const [library, names] of Object.entries(SYSTEM)) {
        for (const name of names) {
            made[library][name] = () => (library === "env" ? -NO_SUCH_CALL : NO_SUCH_CALL);
        }
    }
    for (const name of ["getuid32", "geteuid32", "getgid32", "getegid32"]) {
        made.env[`__syscall_${name}`] = () => 0;
    }
    made.env.emscripten_notify_memory_growth = () => {};
    made.wasi_snapshot_preview1.proc_exit = (code) => {
        throw new Error(`the module ended with ${code}`);
    };
    return made;
}

// What reaches into the memory: an empty environment, and randomness, with which libcrypto blinds its computations.
function withMemory(made, memory) {
    made.mse.random = (address, length) => {
        crypto.getRandomValues(new Uint8Array(memory().buffer, address, length));
        return 0;
    };
    made.wasi_snapshot_preview1.environ_sizes_get = (count, size) => {
        const view = new DataView(memory().buffer);
        view.setUint32(count, 0, true);
        view.setUint32(size, 0, true);
        return 0;
    };
    made.wasi_snapshot_preview1.environ_get = () => 0;
    return made;
}

async function compile(source) {
    if (source instanceof WebAssembly.Module) {
        return source;
    }
    if (source instanceof Uint8Array || source instanceof ArrayBuffer) {
        return WebAssembly.compile(source);
    }
    const response = await fetch(source);
    if (!response.ok) {
        throw new Error(`${source}: ${response.status}`);
    }
    return WebAssembly.compile(await response.arrayBuffer());
}

// The module, from an address or its bytes; once, before the first appraisal.
export async function load(source) {
    compiled = await compile(source);
}

export function isLoaded() {
    return compiled !== null;
}

// A refusal that the module did not make, in the form of one that it did.
export function refusal(status, text) {
    return {
        accepted: false, status, error: text, reason: { status, text }, tee: "none", simulated: false,
        signatures_ok: false, binding_level: 0, checks: [], dates: [],
    };
}

function bytesOf(value) {
    if (value instanceof Uint8Array) {
        return value;
    }
    return typeof value === "string" ? new TextEncoder().encode(value) : new Uint8Array(value);
}

// The verdict as `mse verify --json` prints it, out of the module's answer.
function verdictOf(answer) {
    const certificate = answer.certificate ?? {};
    const verdict = answer.verdict ?? refusal(answer.error?.status ?? "internal", answer.error?.text ?? "no verdict");
    return {
        ...verdict,
        kind: answer.kind,
        binding_text: answer.binding_text ?? "nothing is proven: the evidence was refused",
        collateral_source: answer.collateral_source,
        certificate: answer.certificate,
        certificate_form: certificate.form,
        binding: certificate.binding,
    };
}

function readAnswer(exports, address) {
    const memory = new Uint8Array(exports.memory.buffer);
    const end = address > 0 ? memory.indexOf(0, address) : -1;
    if (end < 0 || end - address > MAX_ANSWER) {
        throw new Error("the module gave no answer");
    }
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(memory.slice(address, end)));
}

async function run(inputs, at) {
    let exports = null;
    const instance = await WebAssembly.instantiate(compiled, withMemory(imports(), () => exports.memory));
    exports = instance.exports;
    exports._initialize();
    const call = exports.mse_wasm_new();
    if (call === 0) {
        return refusal("memory", "out of memory");
    }
    for (const [number, bytes] of inputs) {
        const room = exports.mse_wasm_room(call, number, bytes.length);
        if (room === 0) {
            return refusal("no_space", `${INPUTS[number]}: ${bytes.length} bytes are too many`);
        }
        new Uint8Array(exports.memory.buffer).set(bytes, room);
    }
    const accepted = exports.mse_wasm_appraise(call, at) === 1;
    const verdict = verdictOf(readAnswer(exports, exports.mse_wasm_answer(call)));
    if (accepted !== (verdict.accepted === true)) {
        throw new Error("verdict and answer disagree");
    }
    return verdict;
}

// Appraises. All members but evidence or certificate may be left out; bytes are Uint8Array,
// ArrayBuffer or text.
//   evidence     a quote, report or document; an evidence bundle (JSON); a certificate
//   certificate  the one that a connection presented (DER, its CA's right behind it, or PEM): it is
//                judged in the place of the bundle's
//   collateral   a collateral file or bundle (JSON), in the place of the bundle's
//   policy       an object with the keys of a policy file; {} accepts nothing
//   host         the name that the certificate must be for
//   nonce        32 bytes that were sent: the bundle must answer them (level 1)
//   at           seconds since 1970; default: now
// Never throws for what it is given: anything but an acceptance is { accepted: false, … }.
export async function appraise(ask) {
    if (compiled === null) {
        return refusal("internal", "the appraisal is not loaded");
    }
    try {
        const inputs = [];
        for (const [number, name] of INPUTS.entries()) {
            const value = name === "policy" ? JSON.stringify(ask.policy ?? {}) : ask[name];
            if (value !== undefined && value !== null) {
                inputs.push([number, bytesOf(value)]);
            }
        }
        return await run(inputs, ask.at ?? Date.now() / 1000);
    } catch (e) {
        return refusal("internal", `the appraisal broke off: ${e.message}`);
    }
}

export function hex(bytes) {
    return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

export function freshNonce() {
    return crypto.getRandomValues(new Uint8Array(32));
}

const MAX_BUNDLE = 4 * 1024 * 1024;

// A document from a server that is not trusted: without cookies, from nowhere else, not endless.
export async function fetchDocument(url) {
    const response = await fetch(url, { credentials: "omit", cache: "no-store", redirect: "error", referrerPolicy: "no-referrer" });
    const reader = response.body.getReader();
    const parts = [];
    let length = 0;
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
        length += part.value.length;
        if (length > MAX_BUNDLE) {
            await reader.cancel();
            throw new Error(`${url}: more than ${MAX_BUNDLE} bytes`);
        }
        parts.push(part.value);
    }
    if (!response.ok) {
        throw new Error(`${url}: ${response.status}`);
    }
    return new Uint8Array(await new Blob(parts).arrayBuffer());
}

// The evidence of an app through an operator's API, whose word counts for nothing; with a nonce it
// must be an answer to that.
export async function fetchEvidence(api, app, nonce) {
    const url = new URL(`${api.replace(/\/+$/, "")}/apps/${encodeURIComponent(app)}/evidence`);
    if (nonce !== undefined) {
        url.searchParams.set("nonce", hex(nonce));
    }
    return fetchDocument(url);
}
