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
    if ((protocol !== "http:" && protocol !== "ws:") || !sites.some((site) => hostOf(site) === hostOfUrl(url))) {
        return "pass";
    }
    return protocol === "http:" && port === "" && sites.includes(`${name}:443`) ? "upgrade" : "block";
}

// The host of any address, with or without TLS, in the form of hostOf; "" where there is none.
export function hostOfUrl(url) {
    return hostOf(`${nameOf(new URL(url).hostname)}:`);
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

// Why requests to a TLS port of a marked host that has no mark of its own are blocked; null: they are not. Cookies know no
// ports: what a host is marked at says how all of it is met, unless the user said otherwise.
export function unmarkedPort(site, pins) {
    const name = hostOf(site);
    const guarded = Object.keys(pins).filter((other) => hostOf(other) === name && pins[other].wholeHost !== false);
    if (pins[site] !== undefined || guarded.length === 0) {
        return null;
    }
    return { kind: "port", text: `you marked ${guarded[0]}; this is another port of the same host, which would get its cookies` };
}

// Whether a request may carry what its user would not show to others: then the site is asked right before. All others are
// of a page that was let in.
export function isCostly({ type, method }) {
    return type === "main_frame" || type === "sub_frame" || type === "websocket" || !["GET", "HEAD", "OPTIONS"].includes(method);
}

// What Firefox says of a request that failed, in kinds that people can do something about.
export function failureOf(words) {
    if (/EXPIRED|expired/.test(words ?? "")) {
        return { kind: "expired", text: "its certificate has expired" };
    }
    if (/SEC_ERROR|SSL_ERROR|MOZILLA_PKIX|NSS_|certificate|issuer/i.test(words ?? "")) {
        return { kind: "untrusted", text: `Firefox does not trust the certificate that it shows now (${words})` };
    }
    return { kind: "gone", text: `it did not answer, so that nothing could be judged${words ? ` (${words})` : ""}` };
}

function kindOfRefusal(pin, verdict) {
    const status = verdict.status ?? verdict.reason?.status ?? "";
    const measured = verdict.measurements?.fingerprint;
    if (status === "debug") {
        return "debug";
    }
    if (/^(tcb_info|qe_identity|pck_crl|root_crl|vcek|vcek_crl|nitro_.*)_(missing|expired)$/.test(status)) {
        return "collateral";
    }
    return measured !== undefined && measured !== pin.fingerprint ? "fingerprint" : "refused";
}

// Why a judged connection to a marked site is blocked, as kind and text; null: it is not. Of several reasons that is told
// which weighs most: "key" means that everything else is as it was marked.
export function blockedBy(pin, verdict) {
    const because = (kind, text) => ({ kind, text });
    const other = `the fingerprint is ${verdict.measurements?.fingerprint}, you marked ${pin.fingerprint}`;
    if (verdict.accepted !== true) {
        const kind = kindOfRefusal(pin, verdict);
        return because(kind, kind === "fingerprint" ? other : verdict.error ?? verdict.reason?.text ?? "refused");
    }
    if (verdict.binding_level < pin.level) {
        return because("level", `level ${verdict.binding_level}, you marked level ${pin.level}`);
    }
    if (verdict.simulated && !pin.simulationRoot) {
        return because("simulation", "a simulated platform, whose root is not pinned");
    }
    if (verdict.measurements?.debug === true) {
        return because("debug", "a debug enclave");
    }
    if (verdict.measurements?.fingerprint !== pin.fingerprint) {
        return because("fingerprint", other);
    }
    if (verdict.certificate?.spki_sha256 !== pin.key) {
        return because("key", `the key is ${verdict.certificate?.spki_sha256}, you marked ${pin.key}`);
    }
    return null;
}
