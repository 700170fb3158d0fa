#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A local stand-in for Intel's PCS (v4), a PCCS and AMD's KDS: replays collateral from a folder, with faults on
request. Tests only.

usage: pcs_replay.py FOLDER [--tls CERT KEY] [--old-names] [--ready FILE] [--log FILE]

FOLDER holds any of:
  collateral.json              what `mse sim init` writes; also *.collateral.json: more of them
  standard.json, early.json    the same form: what update=standard and update=early answer (default: collateral.json)
  number-N.json                what tcbEvaluationDataNumber=N answers
  eval-sgx.json, eval-tdx.json tcbEvaluationDataNumbers replies; eval-chain.pem (default: the TCB info's chain)
  pckcert.pem, pckcert-chain.pem
  vcek.der, amd-chain.pem, amd.crl   KDS; below Milan/, Genoa/, Turin/ for one product; vlek-chain.pem, vlek.crl
TCB info answers only for the FMSPC and TEE that it names, so several collateral files may lie there.

--old-names: the issuer chain of TCB info in the header SGX-TCB-Info-Issuer-Chain, as before v4.

It binds to a free port of 127.0.0.1 and prints (and writes to the --ready file) one line: the URL. It ends at EOF of
standard input, or on SIGTERM. --log gets one line per request: METHOD PATH STATUS.

Faults: PUT /fault with a JSON list; each request whose path contains "match" (default: any) takes the first entry that
fits and uses one of its "times" (default 1; 0: for ever). PUT /fault [] clears. Entries:
  {"status": 429, "retry_after": "1"}   an error status, with or without Retry-After
  {"do": "truncate"}    half of the body, though Content-Length says all
  {"do": "close"}       the connection ends before any answer
  {"do": "slow", "seconds": 2}          nothing for so long, then the answer
  {"do": "drip", "seconds": 2}          one byte at a time, over so many seconds
  {"do": "bomb", "bytes": 100000000}    a gzip body that unpacks to so many zeros
  {"do": "huge", "bytes": 100000000}    a body of so many bytes
  {"do": "gzip"}        the right answer, compressed
  {"do": "header", "name": "TCB-Info-Issuer-Chain", "value": null}      another value, or none
  {"do": "headers", "bytes": 1000000}   so many bytes of further headers
  {"do": "redirect", "to": "/loop"}     302; without "to": to itself, for ever
  {"do": "body", "text": "..."}         another body
  {"do": "flip", "at": 100}             one bit of this byte turned over
"""
import base64
import gzip
import http.server
import json
import os
import re
import signal
import ssl
import sys
import threading
import time
import urllib.parse


class Source:
    """The collateral of a folder."""

    def __init__(self, folder):
        self.folder = folder

    def read(self, *names):
        for name in names:
            try:
                with open(os.path.join(self.folder, name), "rb") as f:
                    return f.read()
            except OSError:
                continue
        return None

    def sets(self, query):
        """The collateral files that answer this query, best first."""
        number = query.get("tcbEvaluationDataNumber")
        if number:
            names = [f"number-{int(number)}.json"] if number.isdigit() else []
        else:
            names = [query.get("update", "standard") + ".json", "collateral.json"]
            names += sorted(n for n in os.listdir(self.folder) if n.endswith(".collateral.json"))
        for name in names:
            text = self.read(name)
            if text is not None:
                yield json.loads(text)["collateral"]

    def tcb(self, tee, query):
        for c in self.sets(query):
            info = json.loads(c.get("tcb_info", "{}")).get("tcbInfo", {})
            if info.get("fmspc", "").lower() == query.get("fmspc", "").lower() and info.get("id", "SGX") == tee:
                return c["tcb_info"].encode(), c["tcb_info_issuer_chain"]
        return None

    def identity(self, tee, query):
        for c in self.sets(query):
            body = json.loads(c.get("qe_identity", "{}")).get("enclaveIdentity", {})
            if body.get("id") == ("TD_QE" if tee == "TDX" else "QE"):
                return c["qe_identity"].encode(), c["qe_identity_issuer_chain"]
        return None

    def crl(self, member, ca=None):
        for c in self.sets({}):
            chain = c.get("pck_crl_issuer_chain", "")
            if member in c and (ca is None or self.is_ca(chain, ca)):
                return base64.b64decode(c[member]), chain
        return None

    @staticmethod
    def is_ca(chain, ca):
        """Whether the first certificate names this CA, as far as a look at its bytes tells."""
        block = re.search("-----BEGIN CERTIFICATE-----(.*?)-----END", chain, re.S)
        if block is None:
            return ca == "platform"
        der = base64.b64decode(block.group(1))
        return (b"Processor" in der) == (ca == "processor")

    def evaluation(self, tee):
        body = self.read(f"eval-{tee.lower()}.json")
        chain = self.read("eval-chain.pem")
        if chain is None:
            chain = next((c.get("tcb_info_issuer_chain", "") for c in self.sets({})), "").encode()
        return None if body is None else (body, chain.decode())


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "replay"

    def log_message(self, *args):
        pass

    def note(self, status):
        if self.server.log_file:
            with self.server.lock, open(self.server.log_file, "a", encoding="ascii") as f:
                f.write(f"{self.command} {self.path} {status}\n")

    def do_PUT(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        with self.server.lock:
            self.server.faults = json.loads(body)
        self.reply(200, b"", {})

    def fault(self):
        with self.server.lock:
            for f in self.server.faults:
                if f.get("match", "") in self.path and f.get("left", 1) != 0:
                    times = f.setdefault("times", 1)
                    f["used"] = f.get("used", 0) + 1
                    if times and f["used"] >= times:
                        f["left"] = 0
                    return f
        return {}

    def answer(self):
        """(body, content type, headers) or None."""
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        part = url.path.strip("/").split("/")
        if len(part) >= 4 and part[0] in ("sgx", "tdx") and part[1:3] == ["certification", "v4"]:
            return self.intel(part[0].upper(), "/".join(part[3:]), query)
        if len(part) == 4 and part[0] in ("vcek", "vlek") and part[1] == "v1":
            return self.amd(part[0], part[2], part[3])
        if url.path == "/IntelSGXRootCA.der":
            crl = self.server.source.crl("root_ca_crl")
            return None if crl is None else (crl[0], "application/pkix-crl", {})
        return None

    def chain(self, name, pem):
        return {name: urllib.parse.quote(pem, safe="")}

    def intel(self, tee, what, query):
        s = self.server.source
        json_type = "application/json"
        if what == "tcb":
            found = s.tcb(tee, query)
            name = ("SGX-" if self.server.old_names else "") + "TCB-Info-Issuer-Chain"
        elif what == "qe/identity":
            found = s.identity(tee, query)
            name = "SGX-Enclave-Identity-Issuer-Chain"
        elif what == "tcbevaluationdatanumbers":
            found = s.evaluation(tee)
            name = "TCB-Evaluation-Data-Numbers-Issuer-Chain"
        elif what == "pckcrl" and tee == "SGX":
            found = s.crl("pck_crl", query.get("ca"))
            if found is None:
                return None
            return found[0], "application/pkix-crl", self.chain("SGX-PCK-CRL-Issuer-Chain", found[1])
        elif what == "rootcacrl" and tee == "SGX":
            found = s.crl("root_ca_crl")
            return None if found is None else (found[0].hex().encode(), "application/pkix-crl", {})
        elif what == "pckcert" and tee == "SGX":
            pem = s.read("pckcert.pem")
            chain = s.read("pckcert-chain.pem") or b""
            if pem is None:
                return None
            return pem, "application/x-pem-file", self.chain("SGX-PCK-Certificate-Issuer-Chain", chain.decode())
        else:
            return None
        return None if found is None else (found[0], json_type, self.chain(name, found[1]))

    def amd(self, key, product, what):
        s = self.server.source
        prefix = "vlek" if key == "vlek" else "amd"
        if what == "cert_chain":
            body, kind = s.read(f"{product}/{prefix}-chain.pem", f"{prefix}-chain.pem"), "application/x-pem-file"
        elif what == "crl":
            body, kind = s.read(f"{product}/{prefix}.crl", f"{prefix}.crl"), "application/pkix-crl"
        else:
            body, kind = s.read(f"{product}/{what}.der", f"{product}/vcek.der", "vcek.der"), "application/pkix-cert"
        return None if body is None else (body, kind, {})

    def do_GET(self):
        fault = self.fault()
        do = fault.get("do")
        if "status" in fault:
            headers = {"Retry-After": fault["retry_after"]} if "retry_after" in fault else {}
            return self.reply(fault["status"], b"fault\n", headers)
        if do == "close":
            self.note("closed")
            self.close_connection = True
            return None
        if do == "redirect":
            return self.reply(302, b"", {"Location": fault.get("to", self.path)})
        if do == "slow":
            time.sleep(fault.get("seconds", 2))
        if do in ("bomb", "huge"):
            return self.send_bulk(fault)
        found = self.answer()
        if found is None:
            return self.reply(404, b"no such thing here\n", {})
        return self.send_found(found, fault)

    def send_bulk(self, fault):
        size = fault.get("bytes", 100_000_000)
        if fault["do"] == "bomb":
            return self.reply(200, gzip.compress(b"\0" * size), {"Content-Encoding": "gzip"})
        return self.reply(200, b"\0" * size, {})

    def send_found(self, found, fault):
        body, kind, headers = found
        headers = {"Content-Type": kind, "Request-ID": "0123456789abcdef0123456789abcdef", **headers}
        do = fault.get("do")
        if do == "body":
            body = fault["text"].encode()
        if do == "flip":
            at = fault.get("at", 0) % len(body)
            body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1:]
        if do == "header":
            headers.pop(fault["name"], None)
            if fault.get("value") is not None:
                headers[fault["name"]] = fault["value"]
        if do == "headers":
            for i in range(fault.get("bytes", 1_000_000) // 1000):
                headers[f"X-More-{i}"] = "x" * 985
        if do == "gzip":
            body = gzip.compress(body)
            headers["Content-Encoding"] = "gzip"
        return self.reply(200, body, headers, do, fault.get("seconds", 2))

    def reply(self, status, body, headers, do=None, seconds=0):
        self.note(status)
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if do == "truncate":
                self.wfile.write(body[:len(body) // 2])
                self.close_connection = True
            elif do == "drip":
                for i, byte in enumerate(body):
                    self.wfile.write(bytes([byte]))
                    if i % 64 == 0:
                        time.sleep(seconds * 64 / len(body))
            else:
                self.wfile.write(body)
        except OSError:
            self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass


def serve(folder, tls=None, old_names=False, log_file=None):
    """A server on a free port and its URL; the caller runs serve_forever."""
    server = Server(("127.0.0.1", 0), Handler)
    server.source = Source(folder)
    server.faults = []
    server.lock = threading.Lock()
    server.old_names = old_names
    server.log_file = log_file
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server, f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"


def main(args):
    folder, options = args[0], {}
    rest = args[1:]
    while rest:
        name = rest.pop(0)
        count = {"--tls": 2, "--ready": 1, "--log": 1, "--old-names": 0}[name]
        options[name], rest = rest[:count], rest[count:]
    server, url = serve(folder, options.get("--tls"), "--old-names" in options, options.get("--log", [None])[0])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(url, flush=True)
    if "--ready" in options:
        path = options["--ready"][0]
        with open(path + ".new", "w", encoding="ascii") as f:
            f.write(url + "\n")
        os.rename(path + ".new", path)
    signal.signal(signal.SIGTERM, lambda *a: os._exit(0))
    if sys.stdin.isatty():
        signal.pause()
    while sys.stdin.buffer.read(4096):
        pass


if __name__ == "__main__":
    main(sys.argv[1:])
