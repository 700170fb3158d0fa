/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's API, as the user who logged in. Nothing that comes from there is trusted: it is
 * bounded, its form is checked, its texts are fit for a terminal. The functions print their errors
 * and return CLI_DONE or the exit status. */
#ifndef CLI_CLOUD_H
#define CLI_CLOUD_H

#include "cli/cli.h"
#include "http/http.h"

#define CLOUD_LOGIN     "login.toml"
#define CLOUD_ID_LEN    37
#define CLOUD_NAME_LEN  256
#define CLOUD_TEXT_LEN  256
#define CLOUD_HOST_LEN  254
#define CLOUD_MAX_REPLY ((size_t)4 * 1024 * 1024)

struct cloud {
    const struct cli *c;
    char *url;        /* scheme, host and port */
    char *token;      /* NULL: none is sent */
    char *ca_file;    /* NULL: the system's */
    char *domain;     /* apps get names below it: what the operator said at login */
    char *dev_domain; /* likewise, for operator mode */
    struct mse_http *http;
    /* NULL: nothing ends a request early. Whoever ends one says so himself. */
    bool (*cancelled)(void *user);
    bool quiet; /* the user has his error already */
    /* So long a question that may be asked twice is asked again, while no API answers. */
    unsigned patience_s;
    char why[CLOUD_TEXT_LEN]; /* the last question was hushed, and nobody answered; else "" */
};
/* cloud_open reads login.toml. Release with cloud_close also after failures. */
enum cli_exit cloud_open(struct cloud *k, const struct cli *c);
void cloud_close(struct cloud *k);
/* The URL of the last login, heap; NULL if there is none. */
char *cloud_last_url(void);
/* cloud_save writes login.toml (0600). */
enum cli_exit cloud_save(const struct cloud *k);
/* cloud_url_check takes https://HOST[:PORT] and, on this machine only, http://. *out is heap. */
enum cli_exit cloud_url_check(char **out, const struct cli *c, const char *text);
/* Whether text has the form of a token: nothing that could end a header line. */
bool cloud_token_ok(const char *text);
/* cloud_login_issuer gets a token by the member "oidc" of what the operator says of itself
 * (cloud_issuer.c). */
enum cli_exit cloud_login_issuer(struct cloud *k, const json_t *oidc);
/* The file of the operator's CA that login keeps, heap. */
char *cloud_ca_path(void);

/* A request and its answer. */
struct cloud_ask {
    const char *method; /* NULL: GET, or POST with a body */
    const char *path;   /* from the slash on */
    const json_t *json; /* the body; NULL: none, or pieces */
    const struct mse_http_piece *pieces;
    size_t num_pieces;
    bool again;               /* asked twice it does what it does once; GET always is so */
    bool hush;                /* that nobody answered is said by who asked */
    const char *content_type; /* of the pieces: the whole header line */
    void (*progress)(void *user, uint64_t bytes, uint64_t total);
    bool (*take)(void *user, struct mse_bytes piece); /* an answer without end */
    void *user;                                       /* of both */
};
struct cloud_answer {
    long status;
    json_t *body; /* NULL: it was none of JSON, or taken */
    char detail[2 * CLOUD_TEXT_LEN];
    char hint[CLOUD_TEXT_LEN];
    char location[CLOUD_TEXT_LEN]; /* where a redirect leads */
};
/* cloud_ask asks; an answer of any status is CLI_DONE, one of 2xx that is no JSON is not. */
enum cli_exit cloud_ask(struct cloud *k, const struct cloud_ask *q, struct cloud_answer *out);
void cloud_answer_clear(struct cloud_answer *a);
/* cloud_refused says what the operator answered instead of 2xx. CLI_TROUBLE. */
enum cli_exit cloud_refused(const struct cloud *k, const struct cloud_answer *a);
/* The body of an answer 2xx to a GET of a path; the caller releases it. */
enum cli_exit cloud_get(struct cloud *k, json_t **out, const char *fmt, ...) MSE_PRINTF(3, 4);
/* An answer that has not the form it should have. CLI_TROUBLE. */
enum cli_exit cloud_nonsense(const struct cloud *k, const char *what, const char *why);

/* A member that is a text of at most cap - 1 bytes, made printable; null or absent: empty, unless
 * it is needed. */
bool cloud_text(char *out, size_t cap, const json_t *v, const char *key, bool needed);
/* A value of a query, percent-encoded. */
void cloud_query(char *out, size_t cap, const char *value);

/* ---- what the API speaks of (cloud_app.c) ---- */

struct cloud_app {
    char id[CLOUD_ID_LEN];
    char name[CLOUD_NAME_LEN];
    char project_id[CLOUD_ID_LEN];
    char domain_name[CLOUD_HOST_LEN];
    char config_domain_name[CLOUD_HOST_LEN];
    char hardware[CLOUD_NAME_LEN];
    char origin[16]; /* self, owner, operator */
    char status[16];
    char detail[CLOUD_TEXT_LEN]; /* why it is on_error */
    char fingerprint[65];        /* "": not known yet; the operator's claim */
    char healthcheck[1025];
    char application[CLOUD_TEXT_LEN];
    uint16_t port;
    unsigned replicas;    /* so many instances it is to have */
    unsigned num_running; /* of several, so many of them run; the operator's word */
    mse_time created_at;
    mse_time ready_at;   /* 0: not yet */
    mse_time stopped_at; /* 0: lives */
    mse_time expires_at;
};
/* False, with the reason in why, for anything that is no app. */
bool cloud_app_read(struct cloud_app *out, const json_t *v, char why[CLOUD_TEXT_LEN]);
bool cloud_app_lives(const struct cloud_app *a);
enum cli_exit cloud_app_get(struct cloud *k, struct cloud_app *out, const char *id);
/* An app of the user's, by an argument of his, which has to be a UUID. raw (may be NULL): the
 * answer as it came, checked like *out; the caller releases it. */
enum cli_exit cloud_app_named(struct cloud *k, struct cloud_app *out, json_t **raw, const char *id);
/* One of the member "instances" of such an answer. */
struct cloud_instance {
    unsigned number;
    char node[CLOUD_NAME_LEN];
    char state[16]; /* waiting, starting, running, unreachable, ended */
    char detail[CLOUD_TEXT_LEN];
};
bool cloud_instance_read(struct cloud_instance *out, const json_t *v);
/* cloud_app_stop stops it and waits until it is over. */
enum cli_exit cloud_app_stop(struct cloud *k, const char *id);

struct cloud_hardware {
    char name[CLOUD_NAME_LEN];
    char tee[16];
    uint64_t memory; /* MiB */
    uint64_t cores;
    uint64_t enclave_size; /* MiB */
};
enum cli_exit cloud_hardware_get(struct cloud *k, struct cloud_hardware *out, const char *name);
/* The id of a project of the user's. */
enum cli_exit cloud_project_find(struct cloud *k, char out[CLOUD_ID_LEN], const char *name);
/* What the operator offers to those who say nothing; "" where it offers nothing. */
struct cloud_defaults {
    char project[CLOUD_NAME_LEN];
    char hardware[CLOUD_NAME_LEN];
};
enum cli_exit cloud_defaults_get(struct cloud *k, struct cloud_defaults *out);

struct cloud_reservation {
    char app_id[CLOUD_ID_LEN];
    char domain_name[CLOUD_HOST_LEN]; /* owner mode: "" */
    char config_domain_name[CLOUD_HOST_LEN];
    uint16_t port;
    mse_time expires_default; /* 0: none */
};
/* Whether the names of a reservation are fresh ones below the operator's domains, as 10-rules 18
 * has them: a name that somebody else could own would get a certificate. Pure. */
bool cloud_reservation_read(struct cloud_reservation *out, const json_t *v, const char *app_id,
                            const char *mode, const char *domain, char why[CLOUD_TEXT_LEN]);
/* A domain that apps may get names below: two labels at least, and no public suffix as far as one
 * can see that without a list. Pure. */
bool cloud_domain_ok(const char *domain);

#endif
