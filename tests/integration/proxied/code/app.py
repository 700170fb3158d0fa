# SPDX-License-Identifier: Apache-2.0
"""A server to be reached through mse proxy: says what it was asked, in the ways that HTTP knows, echoes over WebSocket,
and answers every request of HTTP/2 with the same words.
"""
import base64
import hashlib
import http.server
import json
import os
import socketserver

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle(self):
        if self.rfile.peek(3)[:3] == b"PRI":
            self.http2()
        else:
            super().handle()

    def http2(self):
        """Just enough of it: what is in the heads does not matter."""
        self.rfile.read(24)
        self.wfile.write(bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
        while head := self.rfile.read(9):
            self.rfile.read(int.from_bytes(head[:3], "big"))
            stream = head[5:9]
            if head[3] == 4 and not head[4] & 1:
                self.wfile.write(bytes([0, 0, 0, 4, 1, 0, 0, 0, 0]))
            elif head[3] == 1:
                self.wfile.write(bytes([0, 0, 1, 1, 4]) + stream + b"\x88")
                self.wfile.write(bytes([0, 0, 6, 0, 1]) + stream + b"by h2\n")

    def reply(self, body, status=200, **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def websocket(self):
        key = self.headers["Sec-WebSocket-Key"].encode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key + GUID).digest()).decode())
        self.end_headers()
        while piece := self.rfile.read1(65536):
            self.wfile.write(piece)
        self.close_connection = True

    def chunks(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for n in (1, 10, 100000):
            self.wfile.write(f"{n:x}\r\n".encode() + b"c" * n + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def until_end(self):
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"until the end\n")

    def do_GET(self):
        if self.path == "/socket":
            self.websocket()
        elif self.path == "/chunks":
            self.chunks()
        elif self.path == "/until-end":
            self.until_end()
        elif self.path == "/redirect":
            self.reply(b"", 302, Location=f"https://{self.headers['Host']}/there")
        elif self.path.startswith("/bytes/"):
            self.reply(b"b" * int(self.path[7:]))
        elif self.path == "/two-lengths":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")
        elif self.path == "/cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nab")
            self.close_connection = True
        else:
            self.reply(json.dumps({"version": VERSION, "path": self.path, **dict(self.headers)}).encode() + b"\n")

    do_HEAD = do_GET

    def do_POST(self):
        total = 0
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                total += len(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
        else:
            total = len(self.rfile.read(int(self.headers["Content-Length"])))
        self.reply(f"{total}\n".encode())

    def address_string(self):
        return "client"


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


VERSION = 1
Server(os.environ["MSE_SOCKET"], Handler).serve_forever()
