# SPDX-License-Identifier: Apache-2.0
"""usage: proxy_client.py fresh|kept|slow|mib PORT HOST:PORT ROUNDS [PEER=PORT...]

One client that asks the same app in several ways: plain through mse proxy, over TLS itself, and plain through peers that
make TLS of it as the proxy does, without a look at who answers; turn by turn. Lines of JSON as bench/README.md has them;
exit status 1 where the limit is passed.
"""
import json
import socket
import ssl
import statistics
import sys
import time

MIB = 1024 * 1024
KINDS = {
    "fresh": {"figure": "proxy_fresh", "path": "/bytes", "count": 40, "target": 1.15, "limit": 1.30,
              "what": "a connection and a request of 1 KiB through the warm mse proxy, as curl makes them",
              "floor": "the same over TLS to the app, by the same client"},
    "kept": {"figure": "proxy_kept", "path": "/bytes", "count": 400, "target": 1.15,
             "what": "a request of 1 KiB on a kept connection through the warm mse proxy",
             "floor": "the same over TLS to the app, by the same client, without a network between"},
    "slow": {"figure": "proxy_kept_2ms", "path": "/bytes", "count": 60, "target": 1.15, "limit": 1.30,
             "what": "a request of 1 KiB on a kept connection through the warm mse proxy, the app 1 ms away in each direction",
             "floor": "the same over TLS to the app, by the same client, over the same link"},
    "mib": {"figure": "proxy_mib", "path": f"/bytes/{MIB}", "count": 40, "target": 1 / 0.85, "limit": 2 / 0.85 - 1,
            "what": "an answer of 1 MiB on a kept connection through the warm mse proxy",
            "floor": "the same over TLS to the app, by the same client"},
}


def direct(host, port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    s = socket.create_connection(("127.0.0.1", port), timeout=60)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(s, server_hostname=host)


def plain(port):
    s = socket.create_connection(("127.0.0.1", port), timeout=60)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def ask(s, request, buffer):
    """One request; the answer's length is in its head."""
    s.sendall(request)
    got = s.recv_into(buffer)
    while (end := buffer.find(b"\r\n\r\n", 0, got)) < 0:
        got += s.recv_into(memoryview(buffer)[got:])
    head = bytes(buffer[:end]).lower()
    left = int(head.split(b"content-length:")[1].split(b"\r\n")[0]) + end + 4 - got
    while left > 0:
        n = s.recv_into(buffer)
        if n == 0:
            raise EOFError
        left -= n


def turn(connect, s, request, count):
    """Microseconds of the middle one; s: the connection that is kept, or None."""
    buffer = bytearray(256 * 1024)
    times = []
    for _ in range(count):
        begin = time.perf_counter()
        c = s or connect()
        ask(c, request, buffer)
        if c is not s:
            c.close()
        times.append((time.perf_counter() - begin) * 1e6)
    return statistics.median(times)


def report(figure, k, ours, floor, **more):
    line = {"figure": figure, "unit": "us", "runs": len(ours)}
    ratios = [a / b for a, b in zip(ours, floor)]
    for name, values in (("", ours), ("floor_", floor), ("ratio_", ratios)):
        for what, function in (("median", statistics.median), ("min", min), ("max", max)):
            line[name + what] = round(function(values), 3)
    print(json.dumps(line | {"what": k["what"], "floor": k["floor"]} | more), flush=True)
    return line["ratio_median"]


def main(kind, port, at, rounds, *peers):
    k = KINDS[kind]
    host, app_port = at.rsplit(":", 1)
    ports = {"mse": port} | dict(peer.split("=") for peer in peers)
    ways = {name: (lambda p=int(p): plain(p), f"localhost:{p}" if name == "mse" else at) for name, p in ports.items()}
    ways["direct"] = (lambda: direct(host, int(app_port)), at)
    for name, (connect, authority) in ways.items():
        request = f"GET {k['path']} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode()
        ways[name] = (connect, None if kind == "fresh" else connect(), request)
        turn(*ways[name], 20)
    times = {name: [] for name in ways}
    for _ in range(int(rounds)):
        for name, way in ways.items():
            times[name].append(turn(*way, k["count"]))
    limits = {"ratio_target": round(k["target"], 3)} if "target" in k else {}
    limits |= {"ratio_limit": round(k["limit"], 3)} if "limit" in k else {}
    ratio = report(k["figure"], k, times["mse"], times["direct"], **limits)
    for name in list(ports)[1:]:
        over = statistics.median(a / b for a, b in zip(times[name], times["direct"]))
        report(f"{k['figure']}_{name}", k | {"floor": f"the same through {name}"}, times["mse"], times[name],
               floor_over_direct=round(over, 3))
    return 0 if ratio <= k.get("limit", ratio) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
