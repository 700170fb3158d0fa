#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""usage: bench/delayed.py PORT MS
A link that is slow: a relay to PORT of the loopback that holds every byte for MS milliseconds in each direction, in front of
it. Prints the port that it listens on; serves until it is killed."""
import heapq
import selectors
import socket
import sys
import threading
import time


class Relay:
    """To the server and back, each byte after `delay` seconds; a connection's SYN costs a round trip too."""

    def __init__(self, port, delay):
        self.port, self.delay = port, delay
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = str(self.listener.getsockname()[1])
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client = self.listener.accept()[0]
            threading.Thread(target=self.carry, args=(client,), daemon=True).start()

    def carry(self, client):
        server = socket.create_connection(("127.0.0.1", self.port))
        other = {client: server, server: client}
        waiting, number = [], 0
        with selectors.DefaultSelector() as ready:
            for s in other:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                ready.register(s, selectors.EVENT_READ)
            while ready.get_map() or waiting:
                rest = max(0, waiting[0][0] - time.monotonic()) if waiting else None
                for key, _ in ready.select(rest):
                    try:
                        data = key.fileobj.recv(65536)
                    except OSError:
                        data = b""
                    if not data:
                        ready.unregister(key.fileobj)
                    number += 1
                    heapq.heappush(waiting, (time.monotonic() + self.delay, number, other[key.fileobj], data))
                while waiting and waiting[0][0] <= time.monotonic():
                    _, _, to, data = heapq.heappop(waiting)
                    try:
                        to.sendall(data) if data else to.shutdown(socket.SHUT_WR)
                    except OSError:
                        pass
        client.close()
        server.close()


if __name__ == "__main__":
    print(Relay(int(sys.argv[1]), float(sys.argv[2]) / 1000).address, flush=True)
    threading.Event().wait()
