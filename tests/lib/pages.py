# SPDX-License-Identifier: Apache-2.0
"""What tests of msed's web page share: a platform of an API alone with apps that nothing runs, and checks of a page that
need no browser: structure, labels, contrast. MSE, MSED and ACT name the programs."""
import html.parser
import http.client
import json
import os
import pathlib
import re
import subprocess
import time
import urllib.parse
import uuid

VOID = {"meta", "link", "input", "path", "br", "img"}


class Platform:
    """msed init and msed api in a folder; each request is one connection."""

    def __init__(self, folder, act, extra=""):
        self.folder, self.act_program = pathlib.Path(folder), act
        self.msed_program = os.path.realpath(os.environ["MSED"])
        self.folder.mkdir(exist_ok=True)
        out = self.run("init", "--dir", str(self.folder), "--domain", "apps.example.org")
        self.admin = re.search(r"mset_\S+", out)[0]
        self.config = self.folder / "msed.toml"
        text = self.config.read_text(encoding="utf-8").split("\n[")[0]
        self.config.write_text(text + f'\n[api]\nspool = "{self.folder}"\n' + extra, encoding="utf-8")
        self.process = None
        self.port = 0

    def run(self, *args):
        return subprocess.run([self.msed_program, *args], capture_output=True, text=True, check=True).stdout

    def msed(self, *args):
        return self.run(*args, "--config", str(self.config))

    def act(self, *args):
        return subprocess.run([self.act_program, str(self.folder / "msed.sqlite"), *args], stdout=subprocess.PIPE, text=True,
                              check=True).stdout.strip()

    def user(self, name):
        """Adds a user; a token that may do all that users may."""
        self.msed("user", "add", name)
        return self.msed("token", "create", name).split()[-1]

    def start(self, port=0):
        with open(self.folder / "api.log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen([self.msed_program, "api", "--config", str(self.config), "--listen",
                                             f"127.0.0.1:{port}"], stderr=log, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process.stdout.close()

    def plant(self, owner, name, logs="plain"):
        """An app that waits for a node."""
        app, label = str(uuid.uuid4()), uuid.uuid4().hex[:26]
        domain, config = f"{label}.apps.example.org", f"{app}.apps.example.org"
        stamp = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + days * 86400)) for days in (0, 30)]
        manifest = {"alpn": ["http/1.1"], "app_id": app, "certificate": "leaf", "code_digest": "01" * 32,
                    "command": ["./server"], "config_domain_name": config, "created_at": stamp[0], "egress": False,
                    "enclave_size": 1 << 28, "env": {}, "expects": [], "expires_at": stamp[1], "healthcheck_endpoint": "/",
                    "ignore": 1, "legacy_extension": False, "logs": logs, "name": name, "package": "plain",
                    "proxy_protocol": False, "replicas": 1, "restart": "never", "rootfs": {"name": "host"},
                    "runtime": "02" * 32, "san": domain, "ssl_certificate_origin": "self", "upgrade": {"none": True},
                    "version": 1, "workers": 1}
        if logs == "owner":
            manifest["logs_key"] = "09" + "00" * 31
        path = self.folder / "manifest.json"
        path.write_text(json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False), encoding="utf-8")
        self.act("plant_as", owner, app, domain, config, str(path), name)
        return app, domain

    def run_app(self, app):
        """A node takes it, and it runs, as far as the database knows."""
        while self.act("claim", "9") != app:
            pass
        self.act("run", app)

    def call(self, target, method="GET", body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, target, body, dict(headers or {}))
            response = connection.getresponse()
            response.text = response.read().decode()
            return response
        finally:
            connection.close()

    def post(self, target, fields, **headers):
        names = {"Content-Type": "application/x-www-form-urlencoded", "Origin": self.url}
        names.update({k.replace("_", "-"): v for k, v in headers.items()})
        return self.call(target, "POST", urllib.parse.urlencode(fields), {k: v for k, v in names.items() if v is not None})

    def log_in(self, token):
        """The cookie of a session."""
        answer = self.post("/login", {"token": token})
        return (answer.getheader("Set-Cookie") or "").split(";")[0]


# ---- what can be wrong with a page


class Reader(html.parser.HTMLParser):
    """Elements with their attributes, text, and what they are in."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.stack, self.elements, self.wrong = [], [], []
        self.feed(text)
        self.close()
        if self.stack:
            self.wrong.append(f"<{self.stack[-1]['tag']}> is not closed")

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        element = {"tag": tag, "attrs": dict(attrs), "text": "", "in": [e["tag"] for e in self.stack]}
        if len(names) != len(set(names)):
            self.wrong.append(f"<{tag}> has an attribute twice")
        self.elements.append(element)
        if tag not in VOID:
            self.stack.append(element)

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.stack or self.stack[-1]["tag"] != tag:
            self.wrong.append(f"</{tag}> closes nothing")
        else:
            self.stack.pop()

    def handle_data(self, data):
        for element in self.stack:
            element["text"] += data


def accessible(text, alone=False):
    """What is wrong with the structure of a page; alone: it is none of a site's, and may have its scripts in it."""
    page = Reader(text)
    wrong = list(page.wrong)
    by = {}
    for element in page.elements:
        by.setdefault(element["tag"], []).append(element)
    ids = [e["attrs"]["id"] for e in page.elements if "id" in e["attrs"]]
    if len(ids) != len(set(ids)):
        wrong.append("an id is there twice")
    for tag, count in (("html", 1), ("title", 1), ("main", 1), ("h1", 1), ("header", 1), ("footer", 1)):
        if alone and tag in ("header", "footer"):
            continue
        if len(by.get(tag, [])) != count:
            wrong.append(f"{len(by.get(tag, []))} of <{tag}>")
    if by["html"][0]["attrs"].get("lang") != "en" or not by["title"][0]["text"].strip():
        wrong.append("no language, or no title")
    level = 0
    for element in page.elements:
        tag, attrs = element["tag"], element["attrs"]
        if re.fullmatch("h[1-6]", tag):
            if int(tag[1]) > level + 1:
                wrong.append(f"<{tag}> {element['text']} behind <h{level}>")
            level = int(tag[1])
        for name in attrs:
            if name == "style" or name.startswith("on"):
                wrong.append(f"<{tag}> has {name}")
        for name in ("for", "aria-labelledby", "aria-describedby"):
            if name in attrs and attrs[name] not in ids:
                wrong.append(f"<{tag} {name}={attrs[name]}> leads nowhere")
        named = "aria-label" in attrs or "aria-labelledby" in attrs
        if tag in ("a", "button", "summary", "h1", "h2", "h3", "th", "caption", "label") and not element["text"].strip():
            wrong.append(f"<{tag}> without text")
        if tag == "nav" and not named:
            wrong.append("<nav> without a name")
        if tag in ("input", "textarea") and attrs.get("type") != "hidden" and "label" not in element["in"] and (
                attrs.get("id") not in [label["attrs"].get("for") for label in by.get("label", [])]):
            wrong.append("<input> without a label")
        if tag == "svg" and attrs.get("aria-hidden") != "true" and not named:
            wrong.append("<svg> without a name")
        if tag == "pre" and (attrs.get("tabindex") != "0" or not named):
            wrong.append("<pre> that cannot be reached or has no name")
        if tag == "th" and "scope" not in attrs:
            wrong.append("<th> without a scope")
        if tag == "script" and not alone and ("src" not in attrs or element["text"]):
            wrong.append("<script> inside the page")
        if int(attrs.get("tabindex") or "0") > 0:
            wrong.append("an order of one's own")
        for name in ("src", "href", "action"):
            if re.match(r"(?!https://[0-9a-z]+\.apps\.|https://[0-9a-z]+\.mse\.localhost)(\w+:|//)", attrs.get(name) or ""):
                wrong.append(f"<{tag} {name}={attrs[name]}> leads away")
    first = next((e for e in page.elements if e["tag"] == "a"), {"attrs": {}})
    if not alone and first["attrs"].get("href") != "#main":
        wrong.append("the first link does not skip to the content")
    return wrong


def luminance(colour):
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


# What stands on what: text wants 4.5 (WCAG 2.1, 1.4.3), lines and edges that say something 3 (1.4.11).
PAIRS = [(front, back, 4.5) for front, backs in (
    ("text", "page card shade busy-shade bad-shade good-shade"), ("quiet", "page card shade"), ("accent", "page card"),
    ("on-accent", "accent"), ("good", "good-shade"), ("busy", "busy-shade"), ("bad", "bad-shade page card"),
) for back in backs.split()] + [("quiet", "card", 3), ("series1", "card", 3), ("series2", "card", 3), ("series3", "card", 3),
                               ("busy", "page", 3)]


def colours(css):
    """What is wrong with the colours of a style sheet; the lowest contrast of text."""
    wrong = []
    blocks = re.findall(r":root \{([^}]*)\}", css)
    if len(blocks) != 2 or "prefers-color-scheme: dark" not in css:
        return ["wanted one set of colours for light and one for dark"], 0
    least = 99
    sets = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in blocks]
    if sets[0].keys() != sets[1].keys():
        wrong.append(f"colours of one set only: {sets[0].keys() ^ sets[1].keys()}")
    for name, values in zip(("light", "dark"), sets):
        for front, back, wanted in PAIRS:
            seen = contrast(values[front], values[back])
            least = min(least, seen) if wanted == 4.5 else least
            if seen < wanted:
                wrong.append(f"{name}: {front} on {back} is {seen:.2f}, wanted {wanted}")
    rest = re.sub(r":root \{[^}]*\}", "", css)
    wrong += [f"a colour without a name: {c}" for c in re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(", rest)]
    if "prefers-reduced-motion" not in css:
        wrong.append("motion is not asked about")
    return wrong, least
