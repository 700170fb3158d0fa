# SPDX-License-Identifier: Apache-2.0
"""forward.py FILE: a port of loopback that stays while what is behind it changes. Prints its number; each connection is
passed on to the port that FILE names when it comes."""
import socket
import sys
import threading


def pass_on(a, b):
    try:
        while True:
            data = a.recv(65536)
            if not data:
                break
            b.sendall(data)
    except OSError:
        pass
    try:
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def client(conn):
    with open(sys.argv[1], encoding="ascii") as f:
        port = int(f.read())
    try:
        behind = socket.create_connection(("127.0.0.1", port), timeout=60)
    except OSError:
        conn.close()
        return
    behind.settimeout(None)
    there = threading.Thread(target=pass_on, args=(conn, behind), daemon=True)
    there.start()
    pass_on(behind, conn)
    there.join()
    conn.close()
    behind.close()


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=client, args=(conn,), daemon=True).start()


main()
