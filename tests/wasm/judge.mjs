// SPDX-License-Identifier: Apache-2.0
// What the extension makes of a verdict, and which policy it asks for: each reason to block alone.
import {
    blockedBy, failureOf, firstPolicy, hostOf, hostOfUrl, isCostly, pointOfRoot, policyOf, siteOf, unmarkedPort, withoutTls,
} from "../../web/extension/judge.mjs";
import { check, done, same } from "./lib.mjs";

const fingerprint = "ab".repeat(32);
const key = "cd".repeat(32);
const root = "ef".repeat(64);
const pin = { fingerprint, key, simulationRoot: root };
const good = () => ({
    accepted: true, simulated: true, binding_level: 0, measurements: { fingerprint, debug: false },
    certificate: { spki_sha256: key },
});

const blocks = (one, verdict, kind, words, text) => {
    const { kind: seen, text: why } = blockedBy(one, verdict) ?? { kind: "none", text: "" };
    check(seen === kind && words.test(why), text, `seen ${seen}: ${why}`);
};
same(blockedBy(pin, good()), null, "as it was marked: not blocked");
blocks(pin, { ...good(), certificate: { spki_sha256: "00" } }, "key", /the key is/, "another key is blocked");
blocks(pin, { ...good(), certificate: null }, "key", /the key is/, "no key is blocked");
blocks(pin, { ...good(), measurements: { fingerprint: "00" } }, "fingerprint", /fingerprint/, "another fingerprint is blocked");
blocks(pin, { ...good(), measurements: { fingerprint, debug: true } }, "debug", /debug/, "a debug enclave is blocked");
blocks({ ...pin, simulationRoot: undefined }, good(), "simulation", /root/, "a simulation without its root is blocked");
blocks({ ...pin, level: 1 }, good(), "level", /level 0/, "a level below the marked one is blocked");
blocks(pin, { accepted: false, reason: { text: "why" } }, "refused", /^why$/, "a refusal is blocked");
blocks(pin, { accepted: false, status: "debug", error: "x" }, "debug", /x/, "a refusal of a debug enclave is one");
blocks(pin, { accepted: false, status: "tcb_info_missing", error: "x" }, "collateral", /x/, "so is one for want of collateral");
blocks(pin, { accepted: false, status: "mrenclave_mismatch", measurements: { fingerprint: "00" } }, "fingerprint", /is 00, you/,
    "and of another fingerprint");
blocks(pin, {}, "refused", /^refused$/, "nothing is no acceptance");
blocks(pin, { ...good(), accepted: "yes" }, "refused", /^refused$/, "what is not true is no acceptance");

const pins = { "a.example:443": {}, "b.example:443": { wholeHost: false } };
same(unmarkedPort("a.example:443", pins), null, "a marked port is not another one");
same(unmarkedPort("a.example:8443", pins)?.kind, "port", "another port of a marked host is blocked");
same(unmarkedPort("b.example:8443", pins), null, "unless its user wanted that");
same(unmarkedPort("c.example:443", pins), null, "other hosts are not");
const costly = (type, method) => isCostly({ type, method });
check(costly("main_frame", "GET") && costly("sub_frame", "GET") && costly("websocket", "GET") && costly("xmlhttprequest", "POST"),
    "pages, WebSockets and what sends something are asked for right before");
check(!costly("image", "GET") && !costly("xmlhttprequest", "HEAD"), "what only fetches is not");
same(failureOf("SEC_ERROR_UNKNOWN_ISSUER").kind, "untrusted", "a certificate that Firefox does not know");
same(failureOf("SEC_ERROR_EXPIRED_CERTIFICATE").kind, "expired", "one that has expired");
same(failureOf("NS_ERROR_CONNECTION_REFUSED").kind, "gone", "nobody there");
same(failureOf(undefined).kind, "gone", "nothing is known");

const asked = { insecure_any_app: true, allow_simulation: true, simulation_root_sha256: "11", require_level: 1 };
const policy = policyOf({ ...pin, policy: asked, simulationRoot: undefined });
same(JSON.stringify(policy), JSON.stringify({ require_level: 1, references: [{ fingerprint }] }), "a policy cannot weaken a mark");
same(policyOf(pin).simulation_root, root, "the root of a mark is in its policy");
same(firstPolicy("junk").allow_simulation, undefined, "no root, no simulation");

same(siteOf("https://a.example/x"), "a.example:443", "a site has a port");
same(siteOf("wss://a.example:8443/x"), "a.example:8443", "of WebSocket too");
same(siteOf("http://a.example/"), null, "without TLS there is none");
same(siteOf("https://a.example./x"), "a.example:443", "a dot behind the name makes no other site");
same(withoutTls("http://a.example/", ["a.example:443"]), "upgrade", "a marked site without TLS gets it");
same(withoutTls("http://a.example./", ["a.example:443"]), "upgrade", "with a dot, too");
same(withoutTls("http://a.example/", ["a.example:8443"]), "block", "its host without TLS is blocked");
same(withoutTls("http://a.example:8080/", ["a.example:443"]), "block", "at other ports, too");
same(withoutTls("ws://a.example/", ["a.example:443"]), "block", "so is a WebSocket without TLS");
same(withoutTls("http://[::1]:8080/", ["[::1]:443"]), "block", "and an address");
same(withoutTls("http://b.example/", ["a.example:443"]), "pass", "other hosts are not");
same(hostOf("[::1]:443"), "::1", "an address has no brackets");
same(hostOfUrl("http://[::1]:80/"), "::1", "at no port");
same(hostOfUrl("about:blank"), "", "where there is no host there is none");
same(pointOfRoot("no PEM"), null, "what is no certificate has no key");
done();
