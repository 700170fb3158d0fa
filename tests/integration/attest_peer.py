#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Peers of mse-attest/1 that share no code with mse: ssl of Python, and CBOR read by hand.

usage: attest_peer.py fresh HOST PORT MANIFEST_SHA256    asks at level 1 and checks the answer; prints the quote in hex
       attest_peer.py MODE CERT KEY HOST PORT            holds the key of CERT; prints the port that it listens on
       attest_peer.py flood HOST PORT NUMBER             asks at level 2, so many at once; prints how many were busy
MODE: plain    speaks TLS only
      relay    forwards questions and answers
      fresh-for-session   asks the enclave at level 1 whatever it was asked
      replay   gives everybody the first answer
      cut      gives half of the answer
"""
import hashlib
import os
import socket
import ssl
import struct
import sys
import threading

ALPN = "mse-attest/1"


def cbor(data, at=0):
    """One item: (value, end)."""
    major, info = data[at] >> 5, data[at] & 31
    at += 1
    if info < 24:
        number = info
    else:
        size = {24: 1, 25: 2, 26: 4, 27: 8}[info]
        number = int.from_bytes(data[at:at + size], "big")
        at += size
    if major == 0:
        return number, at
    if major in (2, 3):
        part = data[at:at + number]
        assert len(part) == number
        return (bytes(part) if major == 2 else part.decode()), at + number
    if major == 4:
        out = []
        for _ in range(number):
            item, at = cbor(data, at)
            out.append(item)
        return out, at
    if major == 5:
        out = {}
        for _ in range(number):
            key, at = cbor(data, at)
            out[key], at = cbor(data, at)
        return out, at
    assert major == 6
    item, at = cbor(data, at)
    return (number, item), at


def whole(data):
    item, end = cbor(data)
    assert end == len(data), "something behind"
    return item


def request(level, nonce, manifest=False):
    words = [b"fresh" if level == 1 else b"session"] + ([b"manifest"] if manifest else [])
    want = bytes([0x80 + len(words)]) + b"".join(bytes([0x60 + len(w)]) + w for w in words)
    body = b"\xa3\x61v\x01\x64want" + want + b"\x65nonce\x58\x20" + nonce
    return struct.pack(">I", len(body)) + body


def read_exactly(sock, size):
    out = b""
    while len(out) < size:
        part = sock.recv(size - len(out))
        if not part:
            raise ConnectionError("ended")
        out += part
    return out


def read_frame(sock):
    head = read_exactly(sock, 4)
    return head + read_exactly(sock, struct.unpack(">I", head)[0])


def connect(host, port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([ALPN])
    sock = context.wrap_socket(socket.create_connection(("127.0.0.1", int(port)), 20), server_hostname=host)
    assert sock.selected_alpn_protocol() == ALPN
    return sock


def follow(nonce, index, size, path):
    """RFC 9162, 2.1.3.2."""
    assert index < size
    fn, sn = index, size - 1
    r = hashlib.sha256(b"\0" + nonce).digest()
    for p in path:
        assert sn != 0
        if fn & 1 or fn == sn:
            r = hashlib.sha256(b"\1" + p + r).digest()
            while not fn & 1 and fn != 0:
                fn >>= 1
                sn >>= 1
        else:
            r = hashlib.sha256(b"\1" + r + p).digest()
        fn >>= 1
        sn >>= 1
    assert sn == 0
    return r


def spki_of(der):
    """SubjectPublicKeyInfo of a certificate: the seventh part of its TBS, version and all."""
    def head(at):
        size, skip = der[at + 1], 2
        if size & 0x80:
            skip = 2 + (size & 0x7f)
            size = int.from_bytes(der[at + 2:at + skip], "big")
        return at + skip, at + skip + size
    at = head(head(0)[0])[0]
    for _ in range(6):
        at = head(at)[1]
    return der[at:head(at)[1]]


def fresh(host, port, manifest_sha256):
    nonce = os.urandom(32)
    with connect(host, port) as sock:
        sock.sendall(request(1, nonce, manifest=True))
        answer = whole(read_frame(sock)[4:])
        spki = spki_of(sock.getpeercert(binary_form=True))
    assert set(answer) == {"v", "audit", "evidence", "manifest"} and answer["v"] == 1, answer.keys()
    tag, (quote, raw) = whole(answer["evidence"])
    claims = whole(raw)
    assert tag == 60000
    assert set(claims) == {"nonce", "mse-boot", "mse-role", "mse-x25519", "pubkey-hash", "mse-manifest",
                           "mse-key-origin"}, claims.keys()
    assert claims["mse-role"] == "server-fresh"
    assert claims["mse-key-origin"] == "enclave"
    assert claims["nonce"] == follow(nonce, *answer["audit"])
    assert whole(claims["pubkey-hash"]) == [1, hashlib.sha256(spki).digest()]
    assert claims["mse-manifest"] == hashlib.sha256(answer["manifest"]).digest()
    assert claims["mse-manifest"].hex() == manifest_sha256 or manifest_sha256 == "-"
    assert len(claims["mse-x25519"]) == 32 and len(claims["mse-boot"]) == 16
    assert quote[368:432] == hashlib.sha256(raw).digest() + bytes(32)
    print(quote.hex())


def serve_one(sock, mode, host, port, memory):
    asked = read_frame(sock)
    if mode == "fresh-for-session":
        asked = request(1, asked[-32:], manifest=True)
    with connect(host, port) as up:
        up.sendall(asked)
        answer = read_frame(up)
    answer = memory.setdefault("answer", answer) if mode == "replay" else answer
    sock.sendall(answer[:len(answer) // 2] if mode == "cut" else answer)


def serve(mode, cert, key, host, port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.num_tickets = 0
    if mode != "plain":
        context.set_alpn_protocols([ALPN])
    memory = {}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            raw = listener.accept()[0]
            try:
                with context.wrap_socket(raw, server_side=True) as sock:
                    if mode != "plain":
                        serve_one(sock, mode, host, port, memory)
                    sock.unwrap()
            except (OSError, ConnectionError):
                pass


def flood(host, port, number):
    busy, served = [], []

    def ask():
        with connect(host, port) as sock:
            sock.sendall(request(2, os.urandom(32)))
            answer = whole(read_frame(sock)[4:])
        if answer.get("error") == "busy":
            assert 100 <= answer["retry-ms"] <= 10000
            busy.append(1)
        else:
            assert "evidence" in answer
            served.append(1)

    threads = [threading.Thread(target=ask) for _ in range(number)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(busy) + len(served) == number
    print(len(busy))


if __name__ == "__main__":
    if sys.argv[1] == "fresh":
        fresh(*sys.argv[2:])
    elif sys.argv[1] == "flood":
        flood(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        serve(*sys.argv[1:])
