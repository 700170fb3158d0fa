/* SPDX-License-Identifier: Apache-2.0 */
/* See waiting.h. */
#include "unit/enclave/waiting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "crypto/x25519.h"
#include "enclave/sealed.h"
#include "package/code.h"

#define FILLER ((size_t)150000) /* so that the package has several chunks */

static const uint8_t code_salt[32] = { 7 };
static const uint8_t code_key[32] = { 8 };

/* Answers with what it was given, and with the modes of the files. */
static const char app_py[] =
    "import os, socketserver, http.server as h\n"
    "class H(h.BaseHTTPRequestHandler):\n"
    "    protocol_version = 'HTTP/1.1'\n"
    "    def do_GET(self):\n"
    "        body = b''\n"
    "        for name in ('SECRETS_PATH', 'SEALED_SECRETS_PATH'):\n"
    "            path = os.environ[name]\n"
    "            body += open(path, 'rb').read() + b' %o\\n' % (os.stat(path).st_mode & 0o777)\n"
    "        for name in ('ENCLAVE_PK_PATH', 'ENCLAVE_SK_PATH'):\n"
    "            body += open(os.environ[name], 'rb').read().hex().encode() + b'\\n'\n"
    "        self.send_response(200)\n"
    "        self.send_header('Content-Length', str(len(body)))\n"
    "        self.end_headers()\n"
    "        self.wfile.write(body)\n"
    "    def log_message(self, *a): pass\n"
    "    def address_string(self): return ''\n"
    "class S(socketserver.ThreadingMixIn, socketserver.UnixStreamServer): daemon_threads = True\n"
    "S(os.environ['MSE_SOCKET'], H).serve_forever()\n";

static int make_package(struct world *w)
{
    const struct mse_package p = { .manifest_digest = w->package_digest, .key = code_key };
    char path[256];
    char name[] = "/tmp/mse-test-XXXXXX";
    char *src = test_tmpdir();
    uint8_t *filler = test_calloc(1, FILLER);
    (void)snprintf(path, sizeof path, "%s/app.py", src);
    test_write_file(path, mse_bytes_str(app_py));
    (void)snprintf(path, sizeof path, "%s/filler", src);
    test_write_file(path, mse_bytes_of(filler, FILLER));
    test_free(filler);
    assert_status(mse_code_digest(w->m.code_digest, src, code_salt, true, NULL), MSE_OK);
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    assert_int_equal(unlink(name), 0);
    assert_status(mse_package_write(fd, src, code_salt, &p, NULL), MSE_OK);
    test_tmpdir_remove(src);
    return fd;
}

void waiting_world(struct world *w)
{
    uint8_t token[32];
    *w = (struct world) { .package_digest = { 1 } };
    fixture_manifest(&w->m, "exec /usr/bin/python3 -I -B \"$MODULE_PATH/app.py\"");
    assert_true(mse_hex_decode(token, 32, mse_bytes_str(TOKEN_HEX)));
    assert_status(mse_sha256(w->m.config_token_sha256, mse_bytes_of(token, 32)), MSE_OK);
    assert_status(mse_x25519_generate(w->x25519_secret, w->x25519_public), MSE_OK);
    w->m.package = MSE_PACKAGE_ENCRYPTED;
    w->m.expects = MSE_EXPECT_SECRETS | MSE_EXPECT_SEALED_SECRETS;
    w->package_fd = make_package(w);
}

const char *waiting_post(const char *token, const char *body)
{
    static char request[4096];
    (void)snprintf(request, sizeof request,
                   "POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   token, strlen(body), body);
    return request;
}

const char *waiting_body(const struct world *w, const char *key)
{
    static char body[2048];
    uint8_t raw[256];
    char box[400];
    assert_true(sodium_init() >= 0);
    assert_int_equal(
        crypto_box_seal(raw, (const uint8_t *)SEALED, strlen(SEALED), w->x25519_public), 0);
    mse_base64url_encode(box, mse_bytes_of(raw, strlen(SEALED) + MSE_SEALED_EXTRA));
    (void)snprintf(body, sizeof body,
                   "{\"uuid\":\"" FIXTURE_APP_ID "\",\"code_secret_key\":\"%s\","
                   "\"app_secrets\":" SECRETS ",\"app_sealed_secrets\":\"%s\"}",
                   key, box);
    return body;
}

bool waiting_has_all(const struct world *w, const char *answer)
{
    char pair[140];
    char hex[65];
    mse_hex_encode(hex, mse_bytes_of(w->x25519_public, 32));
    (void)snprintf(pair, sizeof pair, "%s\n", hex);
    mse_hex_encode(hex, mse_bytes_of(w->x25519_secret, 32));
    (void)snprintf(pair + 65, sizeof pair - 65, "%s\n", hex);
    return strstr(answer, SECRETS " 400\n" SEALED " 400\n") != NULL && strstr(answer, pair) != NULL;
}
