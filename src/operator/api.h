/* SPDX-License-Identifier: Apache-2.0 */
/* msed api: the REST interface of the platform. api_serve.c runs it, api_routes.c says what there
 * is, the others answer. Only api_*.c include this. */
#ifndef OPERATOR_API_H
#define OPERATOR_API_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/error.h"
#include "base/json.h"
#include "base/json_write.h"
#include "httpd/server.h"
#include "operator/api_run.h"
#include "operator/fleet.h"

#define API_NAME "msed api"

enum {
    HTTP_OK = 200,
    HTTP_CREATED = 201,
    HTTP_NO_CONTENT = 204,
    HTTP_SEE_OTHER = 303,
    HTTP_NOT_MODIFIED = 304,
    HTTP_BAD_REQUEST = 400,
    HTTP_UNAUTHORIZED = 401,
    HTTP_FORBIDDEN = 403,
    HTTP_NOT_FOUND = 404,
    HTTP_NOT_ALLOWED = 405,
    HTTP_TIMEOUT = 408,
    HTTP_CONFLICT = 409,
    HTTP_TOO_LARGE = 413,
    HTTP_LONG_TARGET = 414,
    HTTP_UNSUPPORTED = 415,
    HTTP_UNPROCESSABLE = 422,
    HTTP_TOO_MANY = 429,
    HTTP_INTERNAL = 500,
    HTTP_BAD_GATEWAY = 502,
    HTTP_UNAVAILABLE = 503,
};

/* ---- what there is */

#define API_MAX_PARAMS ((size_t)4)
#define API_MAX_VALUE  ((size_t)512)
#define API_MAX_BACK   ((size_t)4096) /* of a target that an issuer made: nobody bounds its code */
#define API_MAX_BODY   ((size_t)32 * 1024)
#define API_PAGE       50U

enum api_body {
    API_NO_BODY,
    API_JSON,
    API_FORM,   /* in parts: an upload */
    API_FIELDS, /* what a form of a page sends */
};
/* Which threads do it: what may take long keeps nobody else waiting. */
enum api_lane {
    API_SHORT,
    API_LONG,
    API_NUM_LANES,
    API_NOW = API_NUM_LANES, /* those of the HTTP server, at once: without the database */
};
struct api_param {
    const char *name;
    const char *schema; /* JSON */
    const char *text;
};
struct api_call;
typedef struct mse_reply *api_fn(struct api_call *c);
struct api_route { /* NOLINT(clang-analyzer-optin.performance.Padding): to be read */
    const char *method;
    const char *path; /* one part may be "{…}" */
    const char *name;
    const char *summary; /* NULL: a page for people, which the document leaves out */
    unsigned scope;      /* 0: for everybody */
    enum api_body body;
    enum api_lane lane;
    const char *takes;              /* schema of the body */
    const struct api_param *params; /* of the query, ended by a NULL name; NULL: none */
    unsigned status;                /* when all is well */
    const char *type;               /* of the content, NULL: none */
    const char *gives;              /* its schema; "[X]": a list; NULL: not JSON */
    const unsigned short *refusals; /* beside those that every route has; ended by 0; NULL: none */
    api_fn *run;
};
extern const struct api_route api_routes[];
extern const size_t api_num_routes;
/* A page, or what belongs to pages: no part of the REST interface. */
bool api_is_page(const struct api_route *r);
/* The route of a request, with the decoded part of its path in id (API_MAX_VALUE bytes). NULL:
 * there is none; *allow (a builder) then names the methods that the path has. HEAD is GET. */
const struct api_route *api_route_find(const char *method, struct mse_bytes path, char *id,
                                       struct mse_build *allow);
/* Appends the OpenAPI document. */
void api_openapi_write(struct mse_build *out);

/* ---- the server */

struct api_lane_queue {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct api_call *first;
    struct api_call *last;
    size_t num;
    bool stop;
    pthread_t threads[8];
    size_t num_threads;
};
/* Whether the database answers. */
enum api_database {
    API_DB_ANSWERS,
    API_DB_REFUSES, /* it says no, and soon: everybody may find that out by himself */
    API_DB_SILENT,  /* nobody may wait for it */
};
/* A thread that does something each second. */
#define API_NUM_KEEPERS 2
struct api_keeper {
    struct api *api;
    struct mse_op_store *store;
    void (*round)(struct api_keeper *k);
    unsigned rounds;
    mse_status before;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
    pthread_t thread;
    bool running;
};
struct api_limits;
struct api_followers;
struct web;
struct mse_oidc_keys;
struct mse_oidc_site;
#define API_MAX_ROUTES 40
struct api_counts {
    _Atomic uint64_t answers[API_MAX_ROUTES + 1][6]; /* the last: no route; by hundreds of status */
    _Atomic uint64_t us[API_MAX_ROUTES + 1];
    _Atomic unsigned uploads;
    _Atomic unsigned followers;
    _Atomic unsigned asked; /* instances, for evidence */
};
struct api {
    const struct api_config *cfg;
    struct mse_httpd *http;
    struct mse_reply *slow;
    struct mse_build openapi;
    struct web *web; /* the files of the pages */
    struct api_lane_queue lanes[API_NUM_LANES];
    struct api_keeper keepers[API_NUM_KEEPERS];
    _Atomic int database;             /* enum api_database */
    struct api_limits *limits;        /* of logins that failed */
    struct api_limits *public_limits; /* of what anybody may ask an enclave */
    struct api_followers *followers;
    pthread_mutex_t uploads_lock;
    struct api_upload *uploads;   /* all that are under way */
    struct mse_oidc_keys *issuer; /* NULL: nobody logs in that way */
    struct mse_oidc_site *site;   /* the same for pages */
    struct api_counts counts;
};

/* ---- a request */

struct api_call {
    struct api *api;
    struct mse_httpd_request *http;
    const struct api_route *route;
    char id[API_MAX_VALUE];
    char target[API_MAX_VALUE]; /* as it came, for links */
    char values[API_MAX_PARAMS][API_MAX_VALUE];
    bool given[API_MAX_PARAMS];
    struct mse_build body;
    struct api_upload *upload;
    struct api_follower *follower;
    /* While it is worked on. */
    struct mse_op_store *store;
    mse_time now;
    struct mse_op_user user;
    struct mse_op_token token;
    struct mse_op_by by;
    bool known; /* the user */
    /* Between the threads. */
    api_fn *early; /* what is judged before the body is whole; NULL: it is whole */
    struct api_call *next;
    bool queued;
    atomic_bool done;
    struct mse_reply *reply;
};
/* In head or body: has a worker judge what came so far, before more is read. NULL: it is asked. */
struct mse_reply *api_ask_early(struct api_call *c, api_fn *what);
/* The value of a parameter of the query; NULL: it was not given. */
const char *api_value(const struct api_call *c, const char *name);

/* ---- lanes (api_lanes.c) */

MSE_MUST_USE mse_status api_lane_start(struct api *a, struct api_lane_queue *q,
                                       struct mse_error *err);
/* What is queued is answered yet. */
void api_lane_stop(struct api_lane_queue *q);
/* NULL: it is queued, and will be done; the request is to be suspended. */
struct mse_reply *api_enqueue(struct api_call *c, enum api_lane lane);
/* Tells all that are queued that there is no database. */
void api_lanes_shed(struct api *a);
/* A way to the database that is given up after so many times database_seconds. */
MSE_MUST_USE mse_status api_store_open(struct mse_op_store **out, const struct api *a,
                                       unsigned times, struct mse_error *err);

/* ---- what is done each second (api_keep.c) */

MSE_MUST_USE mse_status api_keepers_start(struct api *a, struct mse_error *err);
/* Also after a failed start. */
void api_keepers_stop(struct api *a);

/* ---- answers (api_reply.c); all are NULL without memory */

/* A problem (RFC 9457). */
struct mse_reply *api_problem(unsigned status, const char *fmt, ...) MSE_PRINTF(2, 3);
/* With a hint, or another member of text; value NULL: none. */
struct mse_reply *api_problem_with(unsigned status, const char *member, const char *value,
                                   const char *fmt, ...) MSE_PRINTF(4, 5);
/* What went wrong in the store, or in reading. */
struct mse_reply *api_failed(mse_status st, const struct mse_error *err);
/* An answer of JSON that is written into its body. */
struct mse_reply *api_json(unsigned status);
struct mse_reply *api_done(struct mse_reply *r);
struct mse_reply *api_nothing(void);
/* To whom is to come again: when. */
MSE_MUST_USE bool api_add_retry(struct mse_reply *r, unsigned status);
/* A list in pages: elements are offered one by one, those of the page are to be written. */
struct api_page {
    struct mse_reply *r;
    struct mse_js j;
    uint64_t from;
    uint64_t seen;
};
/* False: *out is the answer. */
MSE_MUST_USE bool api_page_begin(struct api_page *p, const struct api_call *c,
                                 struct mse_reply **out);
bool api_page_wants(struct api_page *p); /* the next element */
const char *api_status_words(unsigned status);

/* ---- who asks (api_auth.c) */

struct api_limits *api_limits_new(void);
void api_limits_free(struct api_limits *l);
/* Of what anybody may ask, and costs more than an answer. NULL: go on. */
struct mse_reply *api_limit(struct api_call *c);
/* Finds the user of the call and what the token allows; with c->store. NULL: go on. */
struct mse_reply *api_auth(struct api_call *c);
/* The same of a token that is at hand, wherever it comes from. */
struct mse_reply *api_auth_by(struct api_call *c, struct mse_bytes text);
/* The token of the session of the page that asks, in its cookie (decision 26). False: none. */
bool api_session(struct api_call *c, struct mse_bytes *out);
#define API_COOKIE(tls) ((tls) ? "__Host-mse" : "mse-session")
#define API_BACK        "/login/callback" /* where an issuer sends browsers */

/* ---- uploads (api_upload.c) */

/* Begins one, before the body comes, in a worker. NULL: go on. */
struct mse_reply *api_upload_begin(struct api_call *c);
struct mse_reply *api_upload_data(struct api_call *c, struct mse_bytes piece);
void api_upload_free(struct api_call *c);

/* ---- followers of logs (api_follow.c) */

MSE_MUST_USE mse_status api_followers_new(struct api_followers **out, struct api *a,
                                          struct mse_error *err);
/* Ends all streams. */
void api_followers_stop(struct api_followers *all);
void api_followers_free(struct api_followers *all);
struct mse_reply *api_follow(struct api_call *c, const struct mse_op_app *app, uint64_t after);
void api_follow_end(struct api_call *c);

/* ---- apps (api_apps.c) */

/* The app of the path, if it is this user's. NULL: *out is filled. */
struct mse_reply *api_own_app(struct api_call *c, struct mse_op_app *out);
struct mse_reply *api_one_app(unsigned status, const struct api_call *c,
                              const struct mse_op_app *a);
/* null for 0. */
void api_write_port(struct mse_js *j, uint16_t port);
/* The names of an app that was reserved. domain is "" in owner mode. */
struct api_names {
    char domain[MSE_OP_DOMAIN_LEN];
    char config[MSE_OP_DOMAIN_LEN];
};
void api_names_of(struct api_names *out, const struct api_call *c,
                  const struct mse_op_reservation *r);
/* The project of this name or id, of the user. NULL: it is in *out. */
struct mse_reply *api_find_project(struct api_call *c, const char *name,
                                   struct mse_op_project *out);
/* The end of a listing: a page, or what went wrong. */
struct mse_reply *api_page_of(struct api_page *p, const struct api_call *c, mse_status st,
                              const struct mse_error *err);

api_fn api_user_me, api_token_list, api_token_create, api_token_revoke, api_project_list,
    api_project_get, api_project_create, api_hardware_list, api_hardware_get, api_app_default,
    api_app_list, api_app_reserve, api_app_create, api_app_get, api_app_metrics, api_app_logs,
    api_app_stop, api_app_delete, api_app_evidence, api_login, api_metrics, api_health, api_version,
    api_openapi;

#endif
