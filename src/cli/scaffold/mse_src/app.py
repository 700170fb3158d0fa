# SPDX-License-Identifier: Apache-2.0
"""A confidential web service. Nothing in here knows of the TEE."""

import hmac
import json
import os

from flask import Flask, abort, jsonify, request

app = Flask(__name__)
MAX_TEXT = 1024 * 1024


def secret(variable, member):
    """A member of one of the two files that the enclave got for the app."""
    with open(os.environ[variable], encoding="utf-8") as file:
        return json.load(file)[member].encode()


KEY = secret("SECRETS_PATH", "signing_key") + secret("SEALED_SECRETS_PATH", "pepper")


@app.after_request
def only_by_tls(response):
    """Browsers that came by TLS once come by TLS always; without includeSubDomains, which are others' apps."""
    response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response


@app.get("/health")
def health():
    """The enclave lets users in once this answers with 2xx."""
    return "", 204


@app.get("/")
def hello():
    return "Hello from inside the TEE!\n"


def text_of_request():
    if request.content_length is None or request.content_length > MAX_TEXT:
        abort(413)
    return request.get_data(as_text=True)


@app.post("/echo")
def echo():
    """Replace this by what the service does with what its users send."""
    text = text_of_request()
    return jsonify(text=text, characters=len(text))


@app.post("/sign")
def sign():
    """Replace this by what the service does with its owner's secrets: it uses them and never shows them."""
    return jsonify(mac=hmac.new(KEY, text_of_request().encode(), "sha256").hexdigest())
