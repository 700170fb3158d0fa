# SPDX-License-Identifier: Apache-2.0
"""A small confidential service: it counts words of texts that nobody but the sender may read."""

from flask import Flask, abort, jsonify, request

app = Flask(__name__)
MAX_TEXT = 1024 * 1024


@app.get("/")
def hello():
    return "Hello from inside the TEE!\n"


@app.get("/health")
def health():
    return "", 204


@app.post("/count")
def count():
    if request.content_length is None or request.content_length > MAX_TEXT:
        abort(413)
    text = request.get_data(as_text=True)
    return jsonify(words=len(text.split()), characters=len(text))
