# SPDX-License-Identifier: Apache-2.0
"""A confidential web service. Nothing in here knows of the TEE."""

from flask import Flask, abort, jsonify, request

app = Flask(__name__)
MAX_TEXT = 1024 * 1024


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


@app.post("/echo")
def echo():
    """Replace this by what the service does with its users' secrets."""
    if request.content_length is None or request.content_length > MAX_TEXT:
        abort(413)
    text = request.get_data(as_text=True)
    return jsonify(text=text, characters=len(text))
