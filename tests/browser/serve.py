# SPDX-License-Identifier: Apache-2.0
"""serve.py NAME=CERT:KEY...: an HTTPS server for each, on ports of its own of loopback. Prints "port NAME NUMBER" for
each, then what its clients did, as they do it: "asked NAME" (a request came: the certificate was accepted) or "refused
NAME REASON" (the handshake did not end)."""
import socket
import ssl
import sys
import threading


lock = threading.Lock()


def say(*words):
    with lock:
        print(*words, flush=True)


def client(name, context, conn):
    conn.settimeout(20)
    try:
        with context.wrap_socket(conn, server_side=True) as tls:
            if tls.recv(4096).startswith(b"GET / "):
                tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                say("asked", name)
    except ssl.SSLError as e:
        say("refused", name, e.reason)
    except OSError:
        pass  # a connection that nobody used


def serve(name, context, listener):
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=client, args=(name, context, conn), daemon=True).start()


def main():
    threads = []
    for spec in sys.argv[1:]:
        name, files = spec.split("=")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files.split(":"))
        listener = socket.create_server(("127.0.0.1", 0))
        say("port", name, listener.getsockname()[1])
        threads.append(threading.Thread(target=serve, args=(name, context, listener), daemon=True))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


main()
