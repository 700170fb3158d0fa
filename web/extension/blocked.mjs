// SPDX-License-Identifier: Apache-2.0
// Says why a page was blocked, and what its reader can do about it. The words of the address are the extension's own: no
// site can open this page.
const words = new URL(location.href).searchParams;
const byId = (id) => document.getElementById(id);

const VERIFY = "Verify it with mse cloud verify, or mse trust check,";
const KINDS = {
    fingerprint: ["Another app, or another version of it, answers in its place.",
        `If its owner announced an update: get the new fingerprint from him, never from the site, and mark the site anew with \
that. If not, stay away. ${VERIFY} which says what has changed.`],
    key: ["The same code answers, genuine, with another key.",
        `That is so when the app was started anew: what it kept inside its enclave is then gone, unless it was sealed. It is also \
so when somebody runs a second enclave with the same code. If you expected a restart, take the new key below, under "What is known \
of this site". ${VERIFY} for the other programs that use it.`],
    debug: ["It runs in a debug enclave, whose operator reads everything.", "Stay away, and tell the app's owner."],
    simulation: ["It runs on a simulated platform, which protects nothing.", "Stay away, and tell the app's owner."],
    level: ["It proves less than when you marked it.", "Fresh evidence was promised, and is missing: try again later, or ask the operator."],
    collateral: ["What the platform's vendor says about it is missing, or out of date.",
        "Nothing says that the app is bad, and nothing that it is good. Give newer collateral: mark the site anew, with the text of \
mse collateral fetch --output, or the address of a service that keeps it up to date."],
    refused: ["Its evidence is refused.", `Stay away until you know why. ${VERIFY} which prints every step.`],
    expired: ["Its certificate has expired.",
        "The life of the app was over at a date that its owner chose. Ask him for the next one, verify that, and mark it anew."],
    untrusted: ["Firefox does not know the certificate that is shown now.",
        `The app was updated or started anew, or somebody is in the middle. ${VERIFY} and if that accepts it run mse browser install, \
start Firefox again, and come back here: then the extension can say what has changed.`],
    gone: ["It does not answer.", "The app may have ended, or the network is in the way: try again later, or ask the operator."],
    plain: ["This address has no TLS.", "Use the address with https:// and the port that you marked."],
    port: ["This is another port of a host that you marked.",
        "If it is an app as well, open \"What is known of this site\" and mark it too. If you do not know it, stay away."],
    unseen: ["No certificate is to be seen.",
        "The answer came from something in between: a proxy of the browser that ends TLS, or another extension."],
    remarked: ["The mark was changed meanwhile.", "Load the page again."],
    broken: ["It cannot be judged.", "Try again. If that does not help, what failed stands above: the operator's API, or the address of collateral."],
};
const [what, advice] = KINDS[words.get("kind")] ?? KINDS.broken;
const site = words.get("site") ?? "";
const url = words.get("url") ?? "";

byId("site").textContent = site;
byId("what").textContent = what;
byId("why").textContent = words.get("why") ?? "";
byId("advice").textContent = advice;
byId("known").href = `popup.html?${new URLSearchParams({ site })}`;
document.title = `Blocked: ${site}`;
if (/^https?:\/\//.test(url)) {
    byId("again").href = url;
    byId("again").hidden = false;
}
