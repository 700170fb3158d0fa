# SPDX-License-Identifier: Apache-2.0
"""Serves a log as static files, and lies where a file says so: log_server.py FOLDER MODE-FILE PORT-FILE

MODE-FILE: "plain"; "endless PATH": a body without end; "flip PATH": one bit is another; "cut PATH": half of the
file; "gone PATH": 404; "slow PATH": no answer before the mode is another one. PATH is what the request's path begins with.
"""
import http.server
import os
import pathlib
import sys
import time

folder, mode_file, port_file = (pathlib.Path(p) for p in sys.argv[1:])


class Log(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        lie, _, where = mode_file.read_text().strip().partition(" ")
        if not where or not self.path.startswith("/" + where):
            lie = ""
        target = folder / self.path.lstrip("/")
        if lie == "gone" or ".." in self.path or not target.is_file():
            self.send_error(404)
            return
        if lie == "slow":
            mode_file.with_suffix(".waits").touch()
            for _ in range(3000):
                if not mode_file.read_text().startswith("slow"):
                    break
                time.sleep(0.1)
        content = target.read_bytes()
        if lie == "flip":
            content = content[:-1] + bytes([content[-1] ^ 1])
        if lie == "cut":
            content = content[:len(content) // 2]
        self.send_response(200)
        if lie != "endless":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        try:
            self.wfile.write(content)
            while lie == "endless":
                self.wfile.write(b"x" * 65536)
        except OSError:
            pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Log)
temporary = port_file.with_suffix(".new")
temporary.write_text(str(server.server_port))
os.replace(temporary, port_file)
server.serve_forever()
