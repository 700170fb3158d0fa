# SPDX-License-Identifier: Apache-2.0
"""An app that does whatever a test tells it: POST / runs the body as Python and answers with `result`. Where it
listens is said by its first argument: socket, port or both."""
import http.server
import os
import socketserver
import sys
import threading
import traceback


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(200, self.server.name)

    def do_POST(self):
        code = self.rfile.read(int(self.headers["Content-Length"]))
        names = {"server": self.server}
        try:
            exec(code, names)
            self.answer(200, str(names.get("result", "")))
        except BaseException:
            self.answer(500, traceback.format_exc())

    def address_string(self):
        return ""

    def log_message(self, *args):
        pass


class Unix(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    name = "socket"


class Port(http.server.ThreadingHTTPServer):
    daemon_threads = True
    name = "port"


def main():
    where = sys.argv[1]
    servers = []
    if where in ("socket", "both"):
        servers.append(Unix(os.environ["MSE_SOCKET"], Handler))
    if where in ("port", "both"):
        servers.append(Port(("127.0.0.1", int(os.environ["PORT"])), Handler))
    threads = [threading.Thread(target=s.serve_forever) for s in servers]
    for thread in threads:
        thread.start()
    print("listening", flush=True)
    for thread in threads:
        thread.join()


main()
