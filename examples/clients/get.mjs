// SPDX-License-Identifier: Apache-2.0
// node get.mjs URL CERT: a GET that trusts the verified certificate and nothing else.
import { readFileSync } from "node:fs";
import https from "node:https";

const [url, cert] = process.argv.slice(2);
https
  .get(url, { ca: readFileSync(cert) }, (answer) => answer.pipe(process.stdout))
  .on("error", (refusal) => {
    console.error(`refused: ${refusal.message}`);
    process.exitCode = 1;
  });
