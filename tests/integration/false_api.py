#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An operator's API that hands out evidence of level 1, and lies on request.

usage: false_api.py APP_ID HOST PORT MODE_FILE OTHER_CERT    prints the port that it listens on
MODE_FILE holds one word, read at each request; honest: as the real one does it.
"""
import base64
import http.server
import json
import os
import ssl
import sys
import threading
import urllib.parse

import attest_peer

APP_ID, HOST, PORT, MODE_FILE, OTHER_CERT = sys.argv[1:]
memory = {}


def ask(nonce, level=1):
    """What the enclave answers, and its certificate."""
    with attest_peer.connect(HOST, PORT) as sock:
        sock.sendall(attest_peer.request(level, nonce, manifest=True))
        answer = attest_peer.whole(attest_peer.read_frame(sock)[4:])
        return answer, ssl.DER_cert_to_PEM_cert(sock.getpeercert(binary_form=True))


def bundle(nonce, mode):
    """The document, true but for what mode says."""
    if mode == "crowd":
        others = [threading.Thread(target=ask, args=(os.urandom(32),)) for _ in range(6)]
        for t in others:
            t.start()
    asked = os.urandom(32) if mode == "other-nonce" else nonce
    answer, pem = ask(asked, 2 if mode == "level-2" else 1)
    if mode == "crowd":
        for t in others:
            t.join()
    if mode == "replay":
        answer, pem = memory.setdefault("answer", (answer, pem))
    index, size, path = answer.get("audit", [0, 1, []])
    path = path + [os.urandom(32)] if mode == "long-audit" else path
    session = {"level": 1, "nonce": nonce.hex(), "evidence": base64.b64encode(answer["evidence"]).decode(),
               "audit": {"index": index, "size": size, "path": [h.hex() for h in path]}}
    manifest = answer["manifest"].decode()
    if mode == "no-audit":
        del session["audit"]
    if mode == "bad-audit":
        session["audit"] = {"index": -1, "size": 1, "path": []}
    if mode == "no-evidence":
        del session["evidence"]
    if mode == "other-evidence":
        session["evidence"] = base64.b64encode(b"x" * 100).decode()
    if mode == "other-manifest":
        manifest += " "
    if mode == "other-certificate":
        with open(OTHER_CERT, encoding="ascii") as f:
            pem = f.read()
    out = {"version": 1, "certificates": pem, "manifest": manifest, "session": session}
    if mode == "no-session":
        del out["session"]
    if mode == "no-certificate":
        del out["certificates"]
    return json.dumps(out).encode()


class Api(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open(MODE_FILE, encoding="ascii") as f:
            mode = f.read().strip()
        where = urllib.parse.urlsplit(self.path)
        nonce = bytes.fromhex(urllib.parse.parse_qs(where.query)["nonce"][0])
        status, body = 200, b""
        if where.path != f"/apps/{APP_ID}/evidence" or len(nonce) != 32 or mode == "unknown":
            status, body = 404, json.dumps({"title": "Not found", "status": 404, "detail": "There is no such app."}).encode()
        elif "Authorization" in self.headers:
            status = 400
        elif mode == "redirect":
            status = 302
        elif mode == "no-json":
            body = b"<html>"
        elif mode == "huge":
            body = b'{"x":"' + b"a" * (6 << 20) + b'"}'
        else:
            body = bundle(nonce, mode)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status == 302:
            self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            pass

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
print(server.server_port, flush=True)
server.serve_forever()
