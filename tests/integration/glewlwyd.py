# SPDX-License-Identifier: Apache-2.0
"""Debian's glewlwyd on a free port of this machine: an issuer of OpenID Connect that is not ours, with a
client, a user and a plugin made through its API; and the few steps of a browser that logs in there."""
import http.cookiejar
import json
import os
import random
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

SCHEMA = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3"
MODULES = "/usr/lib/glewlwyd"
SCOPES = ["openid", "email", "profile"]
PASSWORD = "correct horse battery"

CONFIG = """
port={port}
bind_address="127.0.0.1"
external_url="http://127.0.0.1:{port}"
login_url="login.html"
api_prefix="api"
log_mode="file"
log_level="WARNING"
log_file="{dir}/glewlwyd.log"
cookie_secure=0
session_expiration=3600
session_key="GLEWLWYD2_SESSION_ID"
admin_session_authentication="cookie"
profile_session_authentication="cookie"
login_api_enabled=true
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="{modules}/user"
client_module_path="{modules}/client"
user_auth_scheme_module_path="{modules}/scheme"
plugin_module_path="{modules}/plugin"
hash_algorithm="SHA512"
database = {{ type = "sqlite3"; path = "{dir}/glewlwyd.db" }};
"""


def free_port():
    """Below those that the system gives away by itself, as another test would have got it meanwhile."""
    while True:
        port = random.randrange(12000, 32768)
        try:
            socket.create_server(("127.0.0.1", port)).close()
            return port
        except OSError:
            pass


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


class Browser:
    """Cookies, and redirects that are followed by hand."""

    def __init__(self):
        self.opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()), NoRedirect)

    def ask(self, url, body=None, method=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {} if data is None else {"Content-Type": "application/json"}
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with self.opener.open(request, timeout=120) as r:
                return r.status, r.headers, r.read()
        except urllib.error.HTTPError as e:
            return e.code, e.headers, e.read()

    def must(self, *args, **kw):
        status, headers, body = self.ask(*args, **kw)
        if status != 200:
            raise RuntimeError("%s: %d %r" % (args[0], status, body[:300]))
        return headers, body


class Glewlwyd:
    def __init__(self, folder, key_pem, public_pem, rsa):
        for _ in range(5):
            self.port = free_port()
            self.base = "http://127.0.0.1:%d/api" % self.port
            self.issuer = self.base + "/oidc"
            self.process = self.start(folder)
            if self.process is not None:
                break
        else:
            raise RuntimeError("glewlwyd does not start: see " + folder)
        self.admin = Browser()
        self.admin.must(self.base + "/auth/", {"username": "admin", "password": "password"})
        self.configure(key_pem, public_pem, rsa)

    def start(self, folder):
        subprocess.run(["sqlite3", "glewlwyd.db", ".read " + SCHEMA], cwd=folder, check=True)
        with open(os.path.join(folder, "glewlwyd.conf"), "w") as f:
            f.write(CONFIG.format(port=self.port, dir=folder, modules=MODULES))
        p = subprocess.Popen(["glewlwyd", "-c", os.path.join(folder, "glewlwyd.conf")],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 120
        while time.monotonic() < until and p.poll() is None:
            try:
                Browser().must("http://127.0.0.1:%d/config" % self.port)
                return p
            except (OSError, RuntimeError):
                time.sleep(0.05)
        p.kill()
        p.wait()
        os.unlink(os.path.join(folder, "glewlwyd.db"))
        return None

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def configure(self, key_pem, public_pem, rsa):
        must = self.admin.must
        must(self.base + "/mod/plugin/", {
            "module": "oidc", "name": "oidc", "display_name": "OpenID Connect", "order_rank": 0,
            "parameters": {
                "iss": self.issuer, "jwt-type": "rsa" if rsa else "ecdsa", "jwt-key-size": "256",
                "key": key_pem, "cert": public_pem, "jwks-show": True,
                "access-token-duration": 600, "refresh-token-duration": 3600, "code-duration": 60,
                "refresh-token-rolling": False, "refresh-token-one-use": "never",
                "allow-non-oidc": False, "auth-type-code-enabled": True,
                "auth-type-token-enabled": False, "auth-type-id-token-enabled": True,
                "auth-type-none-enabled": True, "auth-type-password-enabled": False,
                "auth-type-client-enabled": False, "auth-type-device-enabled": False,
                "auth-type-refresh-enabled": False, "pkce-allowed": True,
                "pkce-required": True, "pkce-method-plain-allowed": False,
                "subject-type": "public", "name-claim": "no", "scope-claim": "no",
                "email-claim": "mandatory", "address-claim": {"type": "no"},
                "claims": [
                    {"name": "email_verified", "user-property": "verified", "type": "boolean",
                     "boolean-value-true": "yes", "boolean-value-false": "no", "mandatory": True},
                    {"name": "preferred_username", "user-property": "username", "type": "string",
                     "mandatory": True},
                ],
                "request-parameter-allow": False, "secret": ""}})
        for scope in SCOPES[1:]:
            must(self.base + "/scope/", {"name": scope, "display_name": scope, "password_required": False})
        headers, body = must(self.base + "/mod/user/database")
        module = json.loads(body)
        module["parameters"]["data-format"]["verified"] = {
            "multiple": False, "read": True, "write": True, "profile-read": True, "profile-write": False}
        must(self.base + "/mod/user/database", module, method="PUT")
        must(self.base + "/mod/user/database/reset", {}, method="PUT")

    def add_client(self, client_id, redirect_uris):
        """A native one: public, without a secret."""
        self.admin.must(self.base + "/client/", {
            "client_id": client_id, "name": client_id, "enabled": True, "confidential": False,
            "scope": [], "redirect_uri": redirect_uris, "authorization_type": ["code"],
            "token_endpoint_auth_method": ["none"]})

    def set_redirect(self, client_id, redirect_uri):
        headers, body = self.admin.must(self.base + "/client/" + client_id)
        client = json.loads(body)
        client["redirect_uri"] = [redirect_uri]
        self.admin.must(self.base + "/client/" + client_id, client, method="PUT")

    def add_user(self, name, email, verified):
        self.admin.must(self.base + "/user/", {
            "username": name, "password": PASSWORD, "email": email, "enabled": True,
            "name": name.capitalize(), "verified": "yes" if verified else "no",
            "scope": ["g_profile"] + SCOPES})

    def new_key(self, key_pem, public_pem):
        headers, body = self.admin.must(self.base + "/mod/plugin/oidc")
        plugin = json.loads(body)
        plugin["parameters"]["key"] = key_pem
        plugin["parameters"]["cert"] = public_pem
        self.admin.must(self.base + "/mod/plugin/oidc", plugin, method="PUT")
        self.admin.must(self.base + "/mod/plugin/oidc/reset", {}, method="PUT")

    def log_in(self, page, name):
        """What a browser does with the page that mse printed: logs in, consents, comes back. Returns what
        the last page says."""
        b, target = self.consent(page, name)
        return b.ask(target)

    def consent(self, page, name):
        """The same up to where the browser is sent: it, and the address."""
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(page).query)
        client = query["client_id"][0]
        b = Browser()
        b.must(self.base + "/auth/", {"username": name, "password": PASSWORD})
        b.must(self.base + "/auth/grant/" + client, {"scope": " ".join(SCOPES)}, method="PUT")
        # The page asks whether to go on as this user; to go on is to ask once more, and to say so.
        status, headers, body = b.ask(page + "&g_continue")
        target = headers.get("Location", "")
        if status != 302 or not target.startswith(query["redirect_uri"][0] + "?"):
            raise RuntimeError("no way back: %d %s %r" % (status, target, body[:300]))
        return b, target
