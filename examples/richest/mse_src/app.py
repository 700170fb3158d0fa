# SPDX-License-Identifier: Apache-2.0
"""Who is richest? The participants learn who, and nobody learns how rich anybody is."""

import os
import threading

from flask import Flask, Response, jsonify, request

import rounds
import sealed


def content_of(variable):
    with open(os.environ[variable], "rb") as file:
        return file.read()


PUBLIC = content_of("ENCLAVE_PK_PATH")
SECRET = content_of("ENCLAVE_SK_PATH")

MAX_BOX = 4096

app = Flask(__name__)
lock = threading.Lock()
this_round = rounds.Round(rounds.read_participants(os.environ["PARTICIPANTS"]), sealed.seal,
                          lambda box: sealed.unseal(box, PUBLIC, SECRET))


@app.errorhandler(rounds.Refused)
def refused(error):
    return jsonify(error=str(error)), error.status


def box(content):
    return Response(content, mimetype="application/octet-stream")


@app.get("/health")
def health():
    return "", 204


@app.get("/")
def who():
    with lock:
        return jsonify(participants=sorted(this_round.people), waiting_for=this_round.waiting_for())


@app.get("/ticket/<name>")
def ticket(name):
    with lock:
        return box(this_round.ticket(name))


@app.post("/input/<name>")
def take(name):
    if request.content_length is None or request.content_length > MAX_BOX:
        raise rounds.Refused(413, f"wanted at most {MAX_BOX} bytes")
    with lock:
        this_round.submit(name, request.get_data())
    return "", 204


@app.get("/result/<name>")
def result(name):
    with lock:
        return box(this_round.result(name))
