#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for an operator's platform, which tells lies on request. Tests of mse cloud only.

usage: false_operator.py SIM_LAUNCH PLATFORM RUNTIME FOLDER [SWITCH...]

Prints two ports: of the API (plain HTTP) and of the gateway (TLS passed on by server name), both on 127.0.0.1, and
ends at the end of standard input. FOLDER gets the packages, "log" (a line per request: METHOD PATH STATUS) and
"tokens" (the tokens that were seen). The token is "mset_" and 43 times "a"; of the user "bob" 43 times "b".

PUT /lie with a JSON object sets what is lied about; each PUT replaces the ones before:
  {"manifest": {...}}        the enclave is launched with these members changed
  {"runtime": PATH}          with another runtime
  {"damage": true}           with a package whose last byte was changed
  {"route": ID}              the configuration name leads to the enclave of that app
  {"middle": true}           or to one who ends TLS with a key of his own, passes questions for evidence on to the enclave,
                             and writes what else he hears into "stolen"
  {"reservation": {...}}     members of reservations
  {"app": {...}}             members of every app
  {"hardware": {...}}        members of the hardware
  {"version": {...}}         members of GET /version
  {"status": {PATH: N}}      an error for requests whose path begins so, with a problem document
  {"problem": {...}}         members of problem documents
  {"body": {PATH: TEXT}}     another body, as text/html
  {"huge": PATH}             a body without end
  {"redirect": {PATH: URL}}  302
  {"close": PATH}            the connection ends without an answer
  {"delay": S}               apps stay "spawning" so long
"""
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LAUNCH, PLATFORM, RUNTIME, FOLDER = sys.argv[1:5]
SWITCHES = sys.argv[5:]
DOMAIN, DEV = "mse.localhost", "dev.mse.localhost"
USERS = {"mset_" + "a" * 43: "alice", "mset_" + "b" * 43: "bob"}
PROJECT = "11111111-1111-4111-8111-111111111111"
lock = threading.Lock()
lies = {}
apps = {}
reservations = {}
labels = {}


def now(ahead=0):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + ahead))


def note(file, text):
    with open(os.path.join(FOLDER, file), "a", encoding="utf-8") as out:
        out.write(text + "\n")


class Instance:
    """A running enclave."""

    def __init__(self, app, manifest, package):
        self.app = app
        self.lines = []
        changed = dict(json.loads(manifest), **lies.get("manifest", {}))
        path = os.path.join(FOLDER, app["id"])
        with open(path + ".manifest", "w", encoding="utf-8") as out:
            if "manifest" in lies:
                manifest = json.dumps(changed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            out.write(manifest)
        with open(path + ".package", "wb") as out:
            out.write(package[:-1] + bytes([package[-1] ^ 1]) if "damage" in lies else package)
        self.process = subprocess.Popen(
            [LAUNCH, PLATFORM, lies.get("runtime", RUNTIME), path + ".manifest", path + ".package", *SWITCHES],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.port = None
        threading.Thread(target=self.read_errors, daemon=True).start()
        threading.Thread(target=self.watch, daemon=True).start()

    def read_errors(self):
        for line in self.process.stderr:
            self.lines.append({"at": now(), "text": line.rstrip("\n")})

    def watch(self):
        for line in self.process.stdout:
            word = line.split()
            if word[0] == "port":
                self.port, self.app["fingerprint"] = int(word[1]), word[3]
            elif word[0] == "waiting":
                time.sleep(lies.get("delay", 0))
                self.app["status"] = "initializing"
            elif word[0] == "ready":
                self.app.update(status="running", ready_at=now())
            elif word[0] == "failed":
                self.app.update(status="on_error", detail=line[7:].strip(), stopped_at=now())
        if self.app["status"] not in ("stopped", "on_error"):
            self.app.update(status="on_error", detail="the enclave ended", stopped_at=now())

    def stop(self):
        self.app.update(status="stopped", stopped_at=now())
        self.process.stdin.close()
        self.process.wait()


# ---- the gateway


def server_name(data):
    """Of a whole ClientHello; None if there is more to come."""
    body = b""
    at = 0
    while at + 5 <= len(data):
        length = int.from_bytes(data[at + 3:at + 5], "big")
        body += data[at + 5:at + 5 + length]
        at += 5 + length
    if len(body) < 4 or len(body) < 4 + int.from_bytes(body[1:4], "big"):
        return None
    match = re.search(rb"\x00\x00..(..)\x00(..)([a-z0-9.-]+)", body, re.S)
    return match.group(3)[:int.from_bytes(match.group(2), "big")].decode() if match else ""


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def target_of(name):
    for app in apps.values():
        config = name == app["config_domain_name"]
        if config and "middle" in lies:
            return MIDDLE
        if config and "route" in lies:
            return apps[lies["route"]]["instance"].port
        alive = app["status"] in ("initializing", "running")
        if alive and (config or (name == app["domain_name"] and app["status"] == "running")):
            return app["instance"].port
    return None


def relay(client):
    data = b""
    try:
        while (name := server_name(data)) is None:
            piece = client.recv(16384)
            if not piece:
                return
            data += piece
        port = target_of(name)
        if port is None:
            client.sendall(b"\x15\x03\x03\x00\x02\x02\x70")  # unrecognized_name
            client.close()
            return
        with socket.create_connection(("127.0.0.1", port)) as server, client:
            server.sendall(data)
            back = threading.Thread(target=pump, args=(server, client), daemon=True)
            back.start()
            pump(client, server)
            back.join()
    except OSError:
        client.close()


def gateway(listener, serve):
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client,), daemon=True).start()


# ---- the one in the middle

ALPN = "mse-attest/1+http/1.1"


def own_certificate(name):
    path = os.path.join(FOLDER, "middle." + name)
    if not os.path.exists(path):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", path + ".key", "-out", path, "-subj", "/CN=middle", "-addext",
                        "subjectAltName=DNS:" + name], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, path + ".key")
    context.set_alpn_protocols([ALPN, "mse-attest/1", "http/1.1"])
    return context


def read_frame(sock):
    data = b""
    while len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4], "big"):
        piece = sock.recv(65536)
        if not piece:
            raise OSError("ended")
        data += piece
    return data


def listen_in(client):
    names = []

    def by_name(sock, name, _):
        names.append(name)
        sock.context = own_certificate(name)

    front = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    front.sni_callback = by_name
    front.set_alpn_protocols([ALPN, "mse-attest/1", "http/1.1"])
    back = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    back.check_hostname, back.verify_mode = False, ssl.CERT_NONE
    back.set_alpn_protocols([ALPN])
    try:
        with front.wrap_socket(client, server_side=True) as sock:
            app = next(a for a in apps.values() if a["config_domain_name"] == names[0])
            asked = read_frame(sock)
            with back.wrap_socket(socket.create_connection(("127.0.0.1", app["instance"].port)),
                                  server_hostname=names[0]) as up:
                up.sendall(asked)
                sock.sendall(read_frame(up))
            note("heard", "a question for evidence")
            while data := sock.recv(65536):
                note("stolen", repr(data))
    except (OSError, StopIteration):
        client.close()


# ---- the API


class Problem(Exception):
    def __init__(self, status, detail):
        super().__init__(detail)
        self.status = status


def shown(app):
    hidden = ("instance", "owner")
    return dict({k: v for k, v in app.items() if k not in hidden}, **lies.get("app", {}))


HARDWARE = [{"name": "sim-1", "tee": "sim", "memory": 4096, "cores": 2, "enclave_size": 64},
            {"name": "sgx-1", "tee": "sgx", "memory": 4096, "cores": 2, "enclave_size": 64}]


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, status, body, kind="application/json", headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        note("log", f"{self.command} {self.path} {status}")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def lie(self):
        """Whether a lie took the request over."""
        path = self.path
        for prefix, status in lies.get("status", {}).items():
            if path.startswith(prefix):
                raise Problem(status, "as the test wants it")
        for prefix, text in lies.get("body", {}).items():
            if path.startswith(prefix):
                self.send(200, text.encode(), "text/html")
                return True
        for prefix, to in lies.get("redirect", {}).items():
            if path.startswith(prefix):
                self.send(302, b"", headers=[("Location", to)])
                return True
        if path.startswith(lies.get("close", "\n")):
            self.close_connection = True
            return True
        if path.startswith(lies.get("huge", "\n")):
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
            except OSError:
                self.close_connection = True
            return True
        return False

    def handle_one(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if self.path == "/lie":
            lies.clear()
            lies.update(json.loads(body))
            self.send(200, {})
            return
        token = self.headers.get("Authorization", "")[7:]
        note("tokens", token)
        try:
            if self.lie():
                return
            if self.path == "/version":
                self.send(200, dict({"version": "0", "domain": DOMAIN, "dev_domain": DEV, "tee": ["sim"]},
                                    **lies.get("version", {})))
                return
            if token not in USERS:
                raise Problem(401, "The token is unknown, was revoked, or has expired.")
            self.user = USERS[token]
            path, _, query = self.path.partition("?")
            asked = dict(p.split("=", 1) for p in query.split("&") if p)
            self.route(self.command, path.strip("/").split("/"), asked, body)
        except Problem as p:
            self.send(p.status, dict({"type": "about:blank", "title": "no", "status": p.status, "detail": str(p)},
                                     **lies.get("problem", {})), "application/problem+json")
        except OSError:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = handle_one

    def mine(self, ident):
        app = apps.get(ident)
        if app is None or app["owner"] != self.user:
            raise Problem(404, f"There is no app {ident}.")
        return app

    def route(self, method, path, asked, body):
        match [method, *path]:
            case ["GET", "users", "me"]:
                self.send(200, {"id": str(uuid.UUID(int=1)), "given_name": self.user, "family_name": "",
                                "email": self.user + "@example.org", "created_at": now(), "configured": True,
                                "email_verified": True})
            case ["GET", "projects"]:
                found = [{"id": PROJECT, "name": "default"}] if asked.get("name") == "default" else []
                self.send(200, found)
            case ["GET", "hardwares"]:
                self.send(200, HARDWARE)
            case ["GET", "hardwares", name]:
                for one in HARDWARE:
                    if one["name"] == name:
                        self.send(200, dict(one, **lies.get("hardware", {})))
                        return
                raise Problem(404, f"There is no hardware {name}.")
            case ["GET", "apps", "default"]:
                self.send(200, {"project": "default", "hardware": "sim-1"})
            case ["GET", "apps"]:
                self.list(asked)
            case ["POST", "apps", "reservations"]:
                self.reserve(json.loads(body))
            case ["POST", "apps"]:
                self.create(body)
            case ["GET", "apps", ident]:
                self.send(200, shown(self.mine(ident)))
            case ["POST", "apps", ident, "stop"]:
                self.mine(ident)["instance"].stop()
                self.send(200, shown(apps[ident]))
            case ["GET", "apps", ident, "metrics"]:
                self.mine(ident)
                self.send(200, {"cpu_usage": [[int(time.time()), 1.5]], "amount_of_connection": [[1, 2], [2, 3]]})
            case ["GET", "apps", ident, "logs"]:
                self.logs(self.mine(ident), int(asked.get("after", 0)), asked.get("follow") == "1")
            case _:
                raise Problem(404, "There is no such path.")

    def list(self, asked):
        words = asked.get("status", "").split(",")
        found = [a for a in apps.values() if a["owner"] == self.user and a["status"] in words
                 and a["name"] == asked.get("name", a["name"])]
        page = int(asked.get("page", 1))
        self.send(200, [shown(a) for a in found[(page - 1) * 50:page * 50]])

    def reserve(self, asked):
        key = (self.user, asked["project"], asked["name"], asked["mode"])
        label = labels.setdefault(key, (uuid.uuid4().hex + uuid.uuid4().hex).translate(
            str.maketrans("0189", "abcd"))[:26])
        r = {"app_id": asked["app_id"], "name": asked["name"], "project_id": PROJECT, "mode": asked["mode"],
             "domain_name": {"self": f"{label}.{DOMAIN}", "owner": None, "operator": f"{label}.{DEV}"}[asked["mode"]],
             "config_domain_name": f"{asked['app_id']}.{DOMAIN}", "port": GATEWAY,
             "expires_default": now(86400), "expires_at": now(600)}
        reservations[asked["app_id"]] = r
        self.send(201, dict(r, **lies.get("reservation", {})))

    def create(self, body):
        boundary = re.search("boundary=(.*)", self.headers["Content-Type"]).group(1).encode()
        parts = [p.split(b"\r\n\r\n", 1)[1][:-2] for p in body.split(b"--" + boundary)[1:-1]]
        conf, manifest, code = json.loads(parts[0]), json.loads(parts[1]), parts[2]
        r = reservations.pop(conf["reservation"], None)
        if r is None or sorted(conf) != ["hardware", "project", "reservation"]:
            raise Problem(409, "There is no such reservation.")
        for app in apps.values():
            if app["name"] == manifest["name"] and app["status"] in ("spawning", "initializing", "running"):
                raise Problem(409, f"An app {app['name']} lives.")
        assert manifest["app_id"] == r["app_id"] and code[:8] == b"MSEPKG1\0"
        app = {"id": r["app_id"], "name": r["name"], "project_id": PROJECT, "owner": self.user,
               "domain_name": manifest["san"], "config_domain_name": r["config_domain_name"],
               "created_at": manifest["created_at"], "status": "spawning", "hardware_name": conf["hardware"],
               "ssl_certificate_origin": r["mode"], "expires_at": manifest["expires_at"],
               "healthcheck_endpoint": manifest["healthcheck_endpoint"], "port": GATEWAY, "mode": r["mode"]}
        apps[app["id"]] = app
        app["instance"] = Instance(app, parts[1].decode(), code)
        self.send(201, shown(app))

    def logs(self, app, after, follow):
        lines = app["instance"].lines
        if not follow:
            part = lines[after:after + 10]
            self.send(200, {"lines": part, "next": after + len(part)})
            return
        note("log", "GET follow 200")
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Connection", "close")
        self.end_headers()
        while app["status"] in ("spawning", "initializing", "running") or after < len(lines):
            for line in lines[after:]:
                after += 1
                self.wfile.write(json.dumps(dict(line, seq=after)).encode() + b"\n\n")
            self.wfile.flush()
            time.sleep(0.1)
        self.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        note("log", "error " + repr(sys.exc_info()[1]))


relays = socket.create_server(("127.0.0.1", 0))
GATEWAY = relays.getsockname()[1]
server = Server(("127.0.0.1", 0), Api)
middle = socket.create_server(("127.0.0.1", 0))
MIDDLE = middle.getsockname()[1]
threading.Thread(target=gateway, args=(relays, relay), daemon=True).start()
threading.Thread(target=gateway, args=(middle, listen_in), daemon=True).start()
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, GATEWAY, flush=True)
sys.stdin.read()
for one in list(apps.values()):
    if one["status"] not in ("stopped", "on_error"):
        one["instance"].stop()
