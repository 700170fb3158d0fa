# SPDX-License-Identifier: Apache-2.0
"""A small confidential service: it counts words of texts that nobody but the sender may read."""

from flask import Flask, jsonify, request

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024


@app.get("/")
def hello():
    return "Hello from inside the TEE!\n"


@app.get("/health")
def health():
    return "", 204


@app.post("/count")
def count():
    text = request.get_data(as_text=True)
    return jsonify(words=len(text.split()), characters=len(text))
