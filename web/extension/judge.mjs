// SPDX-License-Identifier: Apache-2.0
// Whether a connection to a marked site may go on: pure, without the browser.

// A name with a dot behind it is the same server.
function nameOf(hostname) {
    return hostname.replace(/\.$/, "");
}

// The key of a site in the store: host and port, as a URL writes them.
export function siteOf(url) {
    const { protocol, hostname, port } = new URL(url);
    if (protocol !== "https:" && protocol !== "wss:") {
        return null;
    }
    return `${nameOf(hostname)}:${port === "" ? 443 : port}`;
}

// What becomes of a URL without TLS, these sites being marked: "pass", "upgrade" to the marked one, or "block" on the
// host of one, at whatever port, as cookies know none.
export function withoutTls(url, sites) {
    const { protocol, hostname, port } = new URL(url);
    const name = nameOf(hostname);
    if ((protocol !== "http:" && protocol !== "ws:") || !sites.some((site) => hostOf(site) === hostOf(`${name}:80`))) {
        return "pass";
    }
    return protocol === "http:" && port === "" && sites.includes(`${name}:443`) ? "upgrade" : "block";
}

export function hostOf(site) {
    return site.slice(0, site.lastIndexOf(":")).replace(/^\[|\]$/g, "");
}

// The policy under which a pinned site is judged: what the user wrote, and what was pinned. Simulation only with
// the root that this user gave for this site.
export function policyOf(pin) {
    const policy = { ...(pin.policy ?? {}) };
    delete policy.insecure_any_app;
    delete policy.allow_simulation;
    delete policy.simulation_root_sha256;
    delete policy.simulation_root;
    delete policy.simulation_only;
    policy.references = [{ fingerprint: pin.fingerprint }];
    return withSimulation(policy, pin.simulationRoot);
}

// For looking at a site that is not marked: its measurement is asked for, not judged.
export function firstPolicy(simulationRoot) {
    return withSimulation({ insecure_any_app: true }, simulationRoot);
}

function withSimulation(policy, root) {
    if (/^[0-9a-f]{128}$/.test(root ?? "")) {
        policy.allow_simulation = true;
        policy.simulation_root = root;
    }
    return policy;
}

// The P-256 point of the certificate that the user gave as the root of a simulation: what stands behind the fixed
// beginning of its key. null: no such certificate.
export function pointOfRoot(pem) {
    const found = /-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/.exec(pem);
    const der = found === null ? "" : atob(found[1].replace(/\s/g, ""));
    const digits = Array.from(der, (c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join("");
    const key = "3059301306072a8648ce3d020106082a8648ce3d03010703420004";
    const at = digits.indexOf(key);
    const point = at < 0 ? "" : digits.slice(at + key.length, at + key.length + 128);
    return point.length === 128 ? point : null;
}

// Why a judged connection to a marked site is blocked; null: it is not.
export function blockedBy(pin, verdict) {
    if (verdict.accepted !== true) {
        return verdict.error ?? verdict.reason?.text ?? "refused";
    }
    if (verdict.binding_level < pin.level) {
        return `level ${verdict.binding_level}, you marked level ${pin.level}`;
    }
    if (verdict.simulated && !pin.simulationRoot) {
        return "a simulated platform, whose root is not pinned";
    }
    if (verdict.measurements?.debug === true) {
        return "a debug enclave";
    }
    if (verdict.measurements?.fingerprint !== pin.fingerprint) {
        return `the fingerprint is ${verdict.measurements?.fingerprint}, you marked ${pin.fingerprint}`;
    }
    if (verdict.certificate?.spki_sha256 !== pin.key) {
        return `the key is ${verdict.certificate?.spki_sha256}, you marked ${pin.key}: the app was started anew, or it is another one`;
    }
    return null;
}
