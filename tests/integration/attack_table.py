# SPDX-License-Identifier: Apache-2.0
"""attack_table.py THREAT_MODEL JSON: the table of the document against what mse attack all --json found, row by row, by
name, in order. Exit status 1 where they differ."""
import json
import re
import sys

KEYS = ["cacert", "level_0", "level_1", "level_2", "level_3"]
with open(sys.argv[1], encoding="utf-8") as f:
    rows = [re.split(r" *\| *", line.strip("| \n")) for line in f if re.match(r"\| `[a-z-]+` \|", line)]
said = [(r[0].strip("`"), r[1], [c.strip("`") for c in r[2:]]) for r in rows if len(r) == 7]
with open(sys.argv[2], encoding="utf-8") as f:
    run = json.load(f)
found = [(a["attack"], a["who"], [a["clients"][k]["seen"] for k in KEYS]) for a in run["attacks"]]
for a, b in zip(said, found):
    if a != b:
        print("the document says", a, "and the kit found", b)
sys.exit(0 if said == found and len(found) > 15 and run["as_expected"] else 1)
