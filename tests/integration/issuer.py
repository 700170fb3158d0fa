# SPDX-License-Identifier: Apache-2.0
"""An issuer of OpenID Connect that does as it is told: well, or in one way badly."""
import base64
import hashlib
import hmac
import http.server
import json
import secrets
import threading
import time
import urllib.parse

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

BIG = 2 * 1024 * 1024


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    def __init__(self):
        self.mode = "good"
        self.claims = {}
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.other = ec.generate_private_key(ec.SECP256R1())
        self.codes = {}
        self.code_bytes = 24
        self.last = None  # the last ID token and its nonce
        self.asked = []
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_GET(self):
                issuer.get(self)

            def do_POST(self):
                issuer.post(self)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/realm" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    # ---- answers

    def answer(self, h, status, value, headers=()):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        h.send_response(status)
        for name, text in headers:
            h.send_header(name, text)
        h.send_header("Content-Type", "application/json")
        h.send_header("Content-Length", str(len(body)))
        h.end_headers()
        try:
            h.wfile.write(body)
        except OSError:
            pass

    def get(self, h):
        path, _, query = h.path.partition("?")
        self.asked.append(path)
        if path == "/realm/.well-known/openid-configuration":
            self.document(h)
        elif path == "/realm/jwks":
            self.jwks(h)
        elif path == "/realm/auth":
            self.authorize(h, dict(urllib.parse.parse_qsl(query)))
        else:
            self.answer(h, 404, {})

    def document(self, h):
        doc = {"issuer": self.url, "authorization_endpoint": self.url + "/auth",
               "token_endpoint": self.url + "/token", "jwks_uri": self.url + "/jwks"}
        if self.mode == "document-issuer":
            doc["issuer"] = "https://id.example.org"
        if self.mode == "document-plain":
            doc["token_endpoint"] = "http://id.example.org/token"
        if self.mode == "document-big":
            doc["filler"] = "x" * BIG
        if self.mode == "document-loop":
            self.answer(h, 302, {}, [("Location", h.path)])
        elif self.mode == "document-html":
            self.answer(h, 200, b"<html>welcome</html>")
        else:
            self.answer(h, 200, doc)

    def jwks(self, h):
        n = self.key.public_key().public_numbers()
        keys = {"keys": [{"kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "alg": "ES256",
                          "x": b64(n.x.to_bytes(32, "big")), "y": b64(n.y.to_bytes(32, "big"))}]}
        if self.mode == "jwks-big":
            keys["filler"] = "x" * BIG
        if self.mode == "jwks-loop":
            self.answer(h, 302, {}, [("Location", h.path)])
        elif self.mode == "jwks-html":
            self.answer(h, 200, b"<html>keys</html>")
        else:
            self.answer(h, 200, keys)

    def authorize(self, h, q):
        code = secrets.token_urlsafe(self.code_bytes)
        self.codes[code] = q
        back = {"code": code, "state": q["state"]}
        if self.mode == "state":
            back["state"] = "another"
        if self.mode == "iss":
            back["iss"] = "https://id.example.org"
        if self.mode == "denied":
            back = {"error": "access_denied", "error_description": "no \x1b[31mway", "state": q["state"]}
        self.answer(h, 302, {}, [("Location", q["redirect_uri"] + "?" + urllib.parse.urlencode(back))])

    def post(self, h):
        self.asked.append(h.path)
        form = dict(urllib.parse.parse_qsl(h.rfile.read(int(h.headers["Content-Length"])).decode()))
        q = self.codes.pop(form.get("code"), None)
        challenge = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if h.path != "/realm/token" or q is None or q["redirect_uri"] != form["redirect_uri"] or \
                q["client_id"] != form["client_id"] or q["code_challenge_method"] != "S256" or \
                q["code_challenge"] != challenge or self.mode == "token-refused":
            self.answer(h, 400, {"error": "invalid_grant", "error_description": "not \x1b[31mthis one"})
        elif self.mode == "token-loop":
            self.answer(h, 307, {}, [("Location", h.path)])
        elif self.mode == "token-big":
            self.answer(h, 200, {"id_token": "x" * BIG})
        elif self.mode == "token-none":
            self.answer(h, 200, {"access_token": "x", "token_type": "Bearer"})
        else:
            self.last = (self.id_token(q), q["nonce"])
            self.answer(h, 200, {"access_token": "x", "token_type": "Bearer", "id_token": self.last[0]})

    # ---- tokens

    def id_token(self, q):
        now = int(time.time())
        claims = {"iss": self.url, "aud": q["client_id"], "sub": "s-1", "nonce": q["nonce"],
                  "iat": now, "exp": now + 300, **self.claims}
        header = {"typ": "JWT", "alg": "ES256", "kid": "k1"}
        key = self.key
        if self.mode == "token-nonce":
            claims["nonce"] = "another"
        if self.mode == "token-issuer":
            claims["iss"] = "https://id.example.org"
        if self.mode == "token-audience":
            claims["aud"] = "another"
        if self.mode == "token-expired":
            claims.update({"iat": now - 4000, "exp": now - 3600})
        if self.mode == "token-kid":
            header["kid"] = "k2"
        if self.mode == "token-key":
            key = self.other
        if self.mode == "token-alg-none":
            header = {"alg": "none"}
        if self.mode == "token-alg-hs256":
            header["alg"] = "HS256"
        signed = b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims).encode())
        if self.mode == "token-alg-none":
            return signed + "."
        if self.mode == "token-alg-hs256":
            pem = self.key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            return signed + "." + b64(hmac.new(pem, signed.encode(), hashlib.sha256).digest())
        r, s = utils.decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return signed + "." + b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
