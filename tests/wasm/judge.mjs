// SPDX-License-Identifier: Apache-2.0
// What the extension makes of a verdict, and which policy it asks for: each reason to block alone.
import { blockedBy, firstPolicy, hostOf, pointOfRoot, policyOf, siteOf, withoutTls } from "../../web/extension/judge.mjs";
import { check, done, same } from "./lib.mjs";

const fingerprint = "ab".repeat(32);
const key = "cd".repeat(32);
const root = "ef".repeat(64);
const pin = { fingerprint, key, simulationRoot: root };
const good = () => ({
    accepted: true, simulated: true, binding_level: 0, measurements: { fingerprint, debug: false },
    certificate: { spki_sha256: key },
});

same(blockedBy(pin, good()), null, "as it was marked: not blocked");
check(/the key is/.test(blockedBy(pin, { ...good(), certificate: { spki_sha256: "00" } })), "another key is blocked");
check(/the key is/.test(blockedBy(pin, { ...good(), certificate: null })), "no key is blocked");
check(/fingerprint/.test(blockedBy(pin, { ...good(), measurements: { fingerprint: "00" } })), "another fingerprint is blocked");
check(/debug/.test(blockedBy(pin, { ...good(), measurements: { fingerprint, debug: true } })), "a debug enclave is blocked");
check(/root/.test(blockedBy({ ...pin, simulationRoot: undefined }, good())), "a simulation without its root is blocked");
check(/level 0/.test(blockedBy({ ...pin, level: 1 }, good())), "a level below the marked one is blocked");
same(blockedBy(pin, { accepted: false, reason: { text: "why" } }), "why", "a refusal is blocked");
same(blockedBy(pin, {}), "refused", "nothing is no acceptance");
same(blockedBy(pin, { ...good(), accepted: "yes" }), "refused", "what is not true is no acceptance");

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
same(pointOfRoot("no PEM"), null, "what is no certificate has no key");
done();
