/* SPDX-License-Identifier: Apache-2.0 */
/* What the two parts of POST /apps know of each other: api_upload.c takes the form and stores what
 * came, api_upload_judge.c reads the parts and says what is wrong with them. */
#ifndef OPERATOR_API_UPLOAD_INNER_H
#define OPERATOR_API_UPLOAD_INNER_H

#include "crypto/digest.h"
#include "httpd/multipart.h"
#include "operator/api.h"
#include "package/manifest.h"
#include "package/stream.h"

#define UPLOAD_MIB ((uint64_t)1024 * 1024)

struct api_upload {
    struct api_call *c;
    struct api_upload *next; /* of those under way */
    bool listed;
    struct mse_multipart form;
    struct mse_reply *refusal; /* that a part found */
    unsigned num_parts;        /* that have begun, or are not wanted */
    struct mse_build conf;
    struct mse_build text; /* the manifest's */
    struct mse_build client_ca;
    struct mse_manifest manifest;
    bool has_manifest;
    bool to_judge; /* the manifest is there, and nobody looked at it yet */
    char project[MSE_OP_TITLE_LEN];
    char hardware[MSE_OP_NAME_LEN];
    char reservation[MSE_OP_ID_LEN];
    struct mse_op_app app;
    int fd;
    uint64_t size;
    struct mse_sha256_ctx sha256;
    uint8_t head[MSE_PACKAGE_HEAD_LEN];
};

/* api_upload_judge.c: each answers NULL, or what is wrong. */
struct mse_reply *upload_read_conf(struct api_upload *u);
struct mse_reply *upload_read_manifest(struct api_upload *u);
struct mse_reply *upload_read_client_ca(struct api_upload *u);
bool upload_wants_client_ca(const struct api_upload *u);
/* All that does not need the code; u->app is what will be stored. */
struct mse_reply *upload_judge(struct api_upload *u);
/* That no app of this name lives in the project. */
struct mse_reply *upload_judge_free(struct api_upload *u);
/* That the package begins as its manifest says: magic, then the manifest's digest. */
struct mse_reply *upload_judge_package(const struct api_upload *u);

#endif
