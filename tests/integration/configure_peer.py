#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A client of the configuration protocol that shares no code with mse. It does NOT judge the evidence.

usage: configure_peer.py status NAME PORT              prints Mse-Status
       configure_peer.py post NAME PORT TOKEN < BODY   behind an attested session; prints the answer's status
       configure_peer.py search PID WORD...            prints the words (text, or hex of bytes) in the memory of PID
"""
import os
import re
import socket
import ssl
import struct
import sys


def dial(name, port, alpn):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([alpn])
    connection = socket.create_connection(("127.0.0.1", int(port)), timeout=120)
    return context.wrap_socket(connection, server_hostname=name)


def exactly(stream, length):
    data = b""
    while len(data) < length:
        piece = stream.recv(length - len(data))
        assert piece, "an early end"
        data += piece
    return data


def everything(stream):
    data = b""
    while piece := stream.recv(65536):
        data += piece
    return data.decode()


def status(name, port):
    with dial(name, port, "http/1.1") as stream:
        stream.sendall(b"GET / HTTP/1.1\r\nHost: " + name.encode() + b"\r\n\r\n")
        print(re.search(r"^Mse-Status: (\w+)", everything(stream), re.M).group(1))


def post(name, port, token):
    body = sys.stdin.buffer.read()
    with dial(name, port, "mse-attest/1+http/1.1") as stream:
        question = (b"\xa3\x61v\x01\x64want\x81\x67session\x65nonce\x58\x20" + os.urandom(32))
        stream.sendall(struct.pack(">I", len(question)) + question)
        exactly(stream, struct.unpack(">I", exactly(stream, 4))[0])
        stream.sendall(b"POST / HTTP/1.1\r\nHost: %b\r\nAuthorization: Bearer %b\r\nContent-Length: %d\r\n\r\n"
                       % (name.encode(), token.encode(), len(body)) + body)
        answer = everything(stream)
        print(answer.split(" ")[1])
        print("#", answer.split("\r\n\r\n")[1], file=sys.stderr)


def search(pid, *words):
    wanted = {word: [word.encode()] for word in words}
    for word in words:
        if re.fullmatch("(?:[0-9a-f]{2})+", word):
            wanted[word].append(bytes.fromhex(word))
    found = set()
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            start, end = (int(x, 16) for x in line.split(" ")[0].split("-"))
            if " r" not in line or "[v" in line or end - start > 1 << 30:
                continue
            try:
                mem.seek(start)
                data = mem.read(end - start)
            except (OSError, ValueError):
                continue
            found.update(w for w, forms in wanted.items() if any(f in data for f in forms))
    print(" ".join(sorted(found)))


{"status": status, "post": post, "search": search}[sys.argv[1]](*sys.argv[2:])
