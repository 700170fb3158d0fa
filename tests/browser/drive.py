# SPDX-License-Identifier: Apache-2.0
"""Real browsers without a screen, for tests: Firefox over WebDriver BiDi, Chromium through chromedriver. Both have the
same methods:

    with drive.Firefox(profile, home=home, log=file) as browser:     # or drive.Chromium
        page = browser.open("https://app.localhost:1234/")
        page.loaded, page.error                   # error: the browser's code, such as SEC_ERROR_UNKNOWN_ISSUER
        browser.text()                            # what stands in the page, the browser's own error page included
        browser.script("return window.isSecureContext")
        browser.wait("return document.title === 'ready'")
        browser.size(400, 800); browser.colours("dark"); browser.screenshot(path); browser.console()

A browser starts with the profile as it is, asks nobody on the network but the pages that it is sent to, and ends with
the block. Whatever does not happen within LIMIT seconds is an error."""
import asyncio
import base64
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

LIMIT = 120

FIREFOX_PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.aboutwelcome.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.http.speculative-parallel-limit": 0,
    "security.OCSP.enabled": 0,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "toolkit.telemetry.enabled": False,
}
CHROMIUM_SWITCHES = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-dev-shm-usage",
]

VISIBLE_TEXT = """
    const shadows = (root) => Array.from(root.querySelectorAll("*")).filter((e) => e.shadowRoot).flatMap((e) => [
        ...Array.from(e.shadowRoot.children, (inner) => inner.innerText || ""), ...shadows(e.shadowRoot)]);
    return [document.body ? document.body.innerText : "", ...shadows(document)].filter((t) => t).join("\\n");"""


class BrowserError(Exception):
    """The browser, or what drives it, did not do what it was asked."""


class Page:
    """What became of a navigation: loaded, or the browser's code of the error."""

    def __init__(self, error=None):
        self.error = error
        self.loaded = error is None

    def __repr__(self):
        return "loaded" if self.loaded else str(self.error)


def screens():
    """Where tests leave their screenshots: what SCREENS names, below the build folder."""
    folder = pathlib.Path(os.environ["SCREENS"])
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def find_firefox():
    return shutil.which("firefox-esr") or shutil.which("firefox")


def find_chromium():
    """chromium, if what drives it is there too."""
    return shutil.which("chromedriver") and (shutil.which("chromium") or shutil.which("google-chrome"))


class Browser:
    """What both have in common. The child has a process group of its own, which ends with it."""

    def __init__(self, profile, home, log):
        self.profile = pathlib.Path(profile).resolve()
        self.profile.mkdir(parents=True, exist_ok=True)
        self.home = pathlib.Path(home or self.profile).resolve()
        self.log_path = pathlib.Path(log) if log else self.profile / "drive.log"
        self.child = None

    def start(self, command, ready):
        """Starts command, and returns the first match of ready in what it says."""
        env = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "XDG_DATA_HOME")}
        env["HOME"] = str(self.home)
        with open(self.log_path, "wb") as log:
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
                                          start_new_session=True)
        end = time.monotonic() + LIMIT
        while time.monotonic() < end and self.child.poll() is None:
            found = re.search(ready, self.log_path.read_text(errors="replace"))
            if found:
                return found
            time.sleep(0.05)
        raise BrowserError(f"{command[0]} did not come up: " + self.log_path.read_text(errors="replace")[-1500:])

    def stop(self):
        if self.child is None:
            return
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.child.pid, sign)
                self.child.wait(20)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
        self.child.wait(LIMIT)
        self.child = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stop()

    def script(self, body):
        raise NotImplementedError

    def text(self):
        """What a reader sees of the page, parts behind shadow roots included."""
        return self.script(VISIBLE_TEXT)

    def wait(self, body):
        """Runs the script until it returns something true, and returns that."""
        end = time.monotonic() + LIMIT
        while True:
            result = self.script(body)
            if result:
                return result
            if time.monotonic() > end:
                raise BrowserError(f"still not so: {body}; the page says: {self.text()[:1000]}")
            time.sleep(0.1)


def plain(value):
    """A value of JavaScript as BiDi describes it."""
    kind = value["type"]
    if kind in ("undefined", "null"):
        return None
    if kind in ("array", "set"):
        return [plain(v) for v in value.get("value", [])]
    if kind in ("object", "map"):
        return {k if isinstance(k, str) else plain(k): plain(v) for k, v in value.get("value", [])}
    return value.get("value", kind)


class Firefox(Browser):
    """extra_preferences: for about:config; home: its HOME; program: another Firefox than that of the system."""

    def __init__(self, profile, home=None, log=None, extra_preferences=None, program=None):
        super().__init__(profile, home, log)
        preferences = {**FIREFOX_PREFERENCES, **(extra_preferences or {})}
        (self.profile / "user.js").write_text(
            "".join(f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in preferences.items()))
        self.loop = asyncio.new_event_loop()
        self.socket = None
        self.next_id = 0
        self.events = []
        try:
            found = self.start([str(program or find_firefox()), "--headless", "--no-remote", "--profile", str(self.profile),
                                "--remote-debugging-port", "0", "--remote-allow-system-access", "about:blank"],
                               r"WebDriver BiDi listening on (ws://\S+)")
            self.loop.run_until_complete(self.connect(found[1] + "/session"))
            self.bidi("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": False}})
            self.bidi("session.subscribe", events=["log.entryAdded"])
            self.context = self.bidi("browsingContext.getTree")["contexts"][0]["context"]
        except BaseException:
            self.close()
            raise

    async def connect(self, url):
        import websockets  # only who drives Firefox needs it

        self.socket = await websockets.connect(url, max_size=None, ping_interval=None, open_timeout=LIMIT)

    async def exchange(self, method, params):
        self.next_id += 1
        await self.socket.send(json.dumps({"id": self.next_id, "method": method, "params": params}))
        while True:
            answer = json.loads(await self.socket.recv())
            if answer.get("id") == self.next_id:
                return answer
            self.events.append(answer)

    def bidi(self, method, **params):
        """One command of WebDriver BiDi; its result."""
        try:
            answer = self.loop.run_until_complete(asyncio.wait_for(self.exchange(method, params), LIMIT))
        except asyncio.TimeoutError:
            raise BrowserError(f"{method}: no answer within {LIMIT} s") from None
        if answer["type"] == "error":
            raise BrowserError(f"{method}: {answer['error']}: {answer['message']}")
        return answer["result"]

    def open(self, url):
        try:
            self.bidi("browsingContext.navigate", context=self.context, url=url, wait="complete")
            return Page()
        except BrowserError as e:
            if "browsingContext.navigate: unknown error" not in str(e):
                raise
            found = re.search(r"(\w+_ERROR_\w+)", str(e))
            return Page(self.error_code() or (found[1] if found else str(e)))

    def error_code(self):
        """The code on the browser's page about a certificate."""
        try:
            return self.script("return document.getFailedCertSecurityInfo().errorCodeString")
        except BrowserError:
            return None

    def script(self, body):
        answer = self.bidi("script.callFunction", functionDeclaration="async function () {" + body + "}",
                           target={"context": self.context}, awaitPromise=True)
        if answer["type"] == "exception":
            raise BrowserError("script: " + answer["exceptionDetails"]["text"])
        return plain(answer["result"])

    def system_script(self, body):
        """The same with the rights of the browser itself (Services and so on)."""
        context = self.bidi("browsingContext.getTree", **{"moz:scope": "chrome"})["contexts"][0]["context"]
        answer = self.bidi("script.callFunction", functionDeclaration="async function () {" + body + "}",
                           target={"context": context}, awaitPromise=True)
        if answer["type"] == "exception":
            raise BrowserError("script: " + answer["exceptionDetails"]["text"])
        return plain(answer["result"])

    def preference(self, name, number):
        """A numeric preference, while it runs."""
        self.system_script(f"Services.prefs.setIntPref({json.dumps(name)}, {int(number)})")

    def install_extension(self, path):
        """A folder, or an archive, of a WebExtension, unsigned; its id."""
        kind = "path" if pathlib.Path(path).is_dir() else "archivePath"
        return self.bidi("webExtension.install", extensionData={"type": kind, "path": str(path)})["extension"]

    def size(self, width, height):
        self.bidi("browsingContext.setViewport", context=self.context, viewport={"width": width, "height": height})

    def colours(self, scheme):
        """"light" or "dark"."""
        self.preference("layout.css.prefers-color-scheme.content-override", {"dark": 0, "light": 1}[scheme])

    def screenshot(self, path):
        data = self.bidi("browsingContext.captureScreenshot", context=self.context)["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))

    def console(self):
        """What pages wrote to the console, errors of scripts included: (level, text) of each line."""
        return [(e["params"]["level"], e["params"].get("text")) for e in self.events if e["method"] == "log.entryAdded"]

    def close(self):
        try:
            if self.socket is not None:
                self.loop.run_until_complete(asyncio.wait_for(self.socket.close(), 20))
        except (asyncio.TimeoutError, OSError):
            pass
        self.socket = None
        self.stop()
        self.loop.close()


class Chromium(Browser):
    """extra_switches: of its command line; home: its HOME, below which its store of certificates lies."""

    def __init__(self, profile, home=None, log=None, extra_switches=()):
        super().__init__(profile, home, log)
        self.session = None
        try:
            found = self.start([shutil.which("chromedriver"), "--port=0"], r"started successfully on port (\d+)")
            self.base = f"http://127.0.0.1:{found[1]}"
            options = {
                "binary": find_chromium(),
                "args": CHROMIUM_SWITCHES + [f"--user-data-dir={self.profile}", *extra_switches],
            }
            always = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}, "acceptInsecureCerts": False}
            answer = self.command("POST", "/session", {"capabilities": {"alwaysMatch": always}})
            self.session = answer["sessionId"]
        except BaseException:
            self.close()
            raise

    def command(self, method, path, body=None):
        """One command of WebDriver; its value. With a session, path is below it."""
        where = self.base + (f"/session/{self.session}" if self.session else "") + path
        data = json.dumps(body or {}).encode() if method == "POST" else None
        request = urllib.request.Request(where, data, {"Content-Type": "application/json"}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=LIMIT) as reply:
                return json.load(reply)["value"]
        except urllib.error.HTTPError as e:
            value = json.load(e)["value"]
            raise BrowserError(f"{path}: {value['error']}: {value['message']}") from None

    def open(self, url):
        try:
            self.command("POST", "/url", {"url": url})
        except BrowserError as e:
            found = re.search(r"net::(\w+)", str(e))
            if found is None:
                raise
            return Page(found[1])
        # The pages about certificates count as loaded: they have no address of their own.
        if not self.script("return document.URL").startswith("chrome-error:"):
            return Page()
        found = re.search(r"(ERR_\w+)", self.text())
        return Page(found[1] if found else "an error page without a code")

    def script(self, body):
        return self.command("POST", "/execute/sync", {"script": body, "args": []})

    def cdp(self, method, **params):
        """One command of the Chrome DevTools Protocol; its result."""
        return self.command("POST", "/goog/cdp/execute", {"cmd": method, "params": params})

    def size(self, width, height):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def colours(self, scheme):
        """"light" or "dark"."""
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def screenshot(self, path):
        pathlib.Path(path).write_bytes(base64.b64decode(self.command("GET", "/screenshot")))

    def console(self):
        """What pages wrote to the console since the last call: (level, text) of each line."""
        return [(e["level"], e["message"]) for e in self.command("POST", "/se/log", {"type": "browser"})]

    def close(self):
        try:
            if self.session is not None:
                self.command("DELETE", "")
        except (BrowserError, OSError):
            pass
        self.session = None
        self.stop()
