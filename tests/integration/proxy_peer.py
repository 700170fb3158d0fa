# SPDX-License-Identifier: Apache-2.0
"""A client of mse proxy that no library is: sends bytes as they are.

usage: proxy_peer.py raw PORT <BYTES        sends them, prints all that comes back
       proxy_peer.py socket PORT HOST [ORIGIN]   a WebSocket; prints what is echoed
       proxy_peer.py lasting PORT HOST      a WebSocket that stays: prints "open", then "over" when it is ended
       proxy_peer.py keep PORT NUM          NUM requests one after the other on one connection; prints the statuses
"""
import http.client
import os
import socket
import sys

LIMIT = 120


def connect(port):
    return socket.create_connection(("127.0.0.1", int(port)), timeout=LIMIT)


def everything(s):
    data = b""
    try:
        while piece := s.recv(65536):
            data += piece
    except ConnectionResetError:
        data += b"(reset)"
    return data


def raw(port):
    with connect(port) as s:
        try:
            s.sendall(sys.stdin.buffer.read())
        except (BrokenPipeError, ConnectionResetError):
            pass
        sys.stdout.buffer.write(everything(s))


def open_socket(port, host, origin=None):
    s = connect(port)
    said = f"Origin: {origin}\r\n" if origin else ""
    s.sendall(f"GET /socket HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
              f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{said}\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        piece = s.recv(1)
        if not piece:
            break
        head += piece
    print(head.split(b"\r\n")[0].decode())
    return s


def echo(port, host, origin=None):
    with open_socket(port, host, origin) as s:
        sent = os.urandom(300000)
        s.sendall(sent[:1000])
        got = b""
        while len(got) < 1000 and (piece := s.recv(65536)):
            got += piece
        s.sendall(sent[1000:])
        s.shutdown(socket.SHUT_WR)
        got += everything(s)
        print("echoed" if got == sent else f"{len(got)} bytes came back")


def lasting(port, host):
    with open_socket(port, host) as s:
        s.sendall(b"hello")
        got = s.recv(5)
        print("open" if got == b"hello" else got, flush=True)
        everything(s)
        print("over", flush=True)


def keep(port, num):
    c = http.client.HTTPConnection("127.0.0.1", int(port), timeout=LIMIT)
    statuses = []
    for _ in range(int(num)):
        c.request("GET", "/bytes/1024")
        r = c.getresponse()
        r.read()
        statuses.append(str(r.status))
    print(" ".join(sorted(set(statuses))))


if __name__ == "__main__":
    {"raw": raw, "socket": echo, "lasting": lasting, "keep": keep}[sys.argv[1]](*sys.argv[2:])
