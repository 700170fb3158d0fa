#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""get.py URL CERT: a GET with requests, which trusts the verified certificate and nothing else."""
import sys

import requests

url, cert = sys.argv[1:]
try:
    answer = requests.get(url, verify=cert, timeout=60)
except requests.exceptions.SSLError as refusal:
    sys.exit(f"refused: {refusal}")
print(answer.text)
