/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator knows: users, tokens, projects, hardware, quotas, reservations, apps, and the
 * log of who changed what. One interface, two databases (db/db.h).
 *
 * Every change is one transaction, and its line in the audit log is a part of it. Structures are
 * plain values; texts end in NUL. One store, one thread at a time. */
#ifndef OPERATOR_STORE_H
#define OPERATOR_STORE_H

#include <mse/status.h>

#define MSE_OP_SCHEMA       7
#define MSE_OP_ID_LEN       37  /* UUID and NUL */
#define MSE_OP_NAME_LEN     65  /* names of users, tokens, hardware */
#define MSE_OP_TITLE_LEN    256 /* names of projects and apps */
#define MSE_OP_TEXT_LEN     256
#define MSE_OP_LINE_LEN     1024
#define MSE_OP_HASH_LEN     65 /* SHA-256 in hexadecimal, and NUL */
#define MSE_OP_DOMAIN_LEN   254
#define MSE_OP_LABEL_LEN    27 /* 26 characters of base32 */
#define MSE_OP_MAX_MANIFEST ((size_t)128 * 1024)
#define MSE_OP_FOREVER      INT64_MAX

struct mse_op_store;
struct mse_db_kind;
/* The schema and the statements, for tests. */
extern const struct mse_db_kind mse_op_store_kind;
/* mse_op_store_open opens a file of SQLite or postgresql://… (db/db.h). create makes it. */
MSE_MUST_USE mse_status mse_op_store_open(struct mse_op_store **out, const char *where, bool create,
                                          struct mse_error *err);
void mse_op_store_close(struct mse_op_store *s);
/* Whether a failure tells only that the store could not be had (a database that is away, silent or
 * full of work, a disk, memory), and nothing of what was asked for: it may pass. */
static inline bool mse_op_may_pass(mse_status st)
{
    return st == MSE_ERR_IO || st == MSE_ERR_TIMEOUT || st == MSE_ERR_MEMORY;
}
/* As mse_db_patience. */
MSE_MUST_USE mse_status mse_op_store_patience(struct mse_op_store *s, unsigned seconds,
                                              struct mse_error *err);

/* Who does something, and when. */
struct mse_op_by {
    const char *actor; /* "msed:<account>" for commands, else the id of a user */
    mse_time now;
};

/* ---- users */

struct mse_op_user {
    char id[MSE_OP_ID_LEN];
    char name[MSE_OP_NAME_LEN]; /* [a-z0-9] and inside . _ - ; unique among those not removed */
    char email[MSE_OP_TEXT_LEN];
    char given_name[MSE_OP_TEXT_LEN];
    char family_name[MSE_OP_TEXT_LEN];
    bool admin;
    mse_time created_at;
    mse_time removed_at; /* 0: not removed */
};
/* mse_op_user_add makes the user, with a project "default"; id and created_at are set. name is
 * needed, the other texts may be empty. MSE_ERR_ARGUMENT (the text says which), MSE_ERR_EXISTS. */
MSE_MUST_USE mse_status mse_op_user_add(struct mse_op_store *s, const struct mse_op_by *by,
                                        struct mse_op_user *u, struct mse_error *err);
/* mse_op_user_remove revokes the tokens too. MSE_ERR_NOT_FOUND; MSE_ERR_EXISTS: there are live apps
 * of this user, or nobody would be left who may administer. */
MSE_MUST_USE mse_status mse_op_user_remove(struct mse_op_store *s, const struct mse_op_by *by,
                                           const char *name, struct mse_error *err);
/* MSE_ERR_NOT_FOUND. */
MSE_MUST_USE mse_status mse_op_user_get(struct mse_op_store *s, struct mse_op_user *out,
                                        const char *name, struct mse_error *err);
typedef mse_status mse_op_user_fn(void *arg, const struct mse_op_user *u);
/* Those not removed, by name; all: the others too. */
MSE_MUST_USE mse_status mse_op_user_list(struct mse_op_store *s, bool all, mse_op_user_fn *each,
                                         void *arg, struct mse_error *err);

/* ---- tokens: "mset_" and 43 characters of base64url. Only the SHA-256 is stored. */

#define MSE_OP_TOKEN_LEN 49 /* with NUL */
enum mse_op_scope {
    MSE_OP_SCOPE_READ = 1,    /* see one's own */
    MSE_OP_SCOPE_DEPLOY = 2,  /* reserve, deploy, stop */
    MSE_OP_SCOPE_ACCOUNT = 4, /* tokens, projects */
    MSE_OP_SCOPE_ADMIN = 8,   /* the platform; for users who are admin */
};
#define MSE_OP_SCOPES_USER (MSE_OP_SCOPE_READ | MSE_OP_SCOPE_DEPLOY | MSE_OP_SCOPE_ACCOUNT)
/* "read,deploy"; out has MSE_OP_SCOPES_LEN bytes. */
#define MSE_OP_SCOPES_LEN 32
void mse_op_scopes_format(char out[MSE_OP_SCOPES_LEN], unsigned bits);
/* Words with commas between, each once. */
MSE_MUST_USE bool mse_op_scopes_parse(unsigned *out, struct mse_bytes text);

struct mse_op_token {
    char id[MSE_OP_ID_LEN];
    char user_id[MSE_OP_ID_LEN];
    char user_name[MSE_OP_NAME_LEN];
    char name[MSE_OP_NAME_LEN]; /* what the user calls it; text */
    unsigned scopes;
    mse_time created_at;
    mse_time expires_at;
    mse_time revoked_at; /* 0: not revoked */
    /* Of a new one: id of the token that it was made with, with which it is revoked; "": none. */
    char parent[MSE_OP_ID_LEN];
};
/* mse_op_token_parse tells whether text has the form of a token, and its hash. Pure. */
MSE_MUST_USE bool mse_op_token_parse(uint8_t out_sha256[32], struct mse_bytes text);
/* mse_op_token_create makes a token of user_id with name, scopes, expires_at, parent; the rest of
 * *t is set. text is the only copy: wipe it. MSE_ERR_ARGUMENT, MSE_ERR_NOT_FOUND (no such user, or
 * the parent is over), MSE_ERR_CONFIG (scope admin for a user who is not). */
MSE_MUST_USE mse_status mse_op_token_create(struct mse_op_store *s, const struct mse_op_by *by,
                                            struct mse_op_token *t, char text[MSE_OP_TOKEN_LEN],
                                            struct mse_error *err);
/* mse_op_token_revoke: owner_id NULL for anybody's. Doing it twice is no error. MSE_ERR_NOT_FOUND.
 */
MSE_MUST_USE mse_status mse_op_token_revoke(struct mse_op_store *s, const struct mse_op_by *by,
                                            const char *owner_id, const char *id,
                                            struct mse_error *err);
typedef mse_status mse_op_token_fn(void *arg, const struct mse_op_token *t);
/* owner_id NULL: everybody's. */
MSE_MUST_USE mse_status mse_op_token_list(struct mse_op_store *s, const char *owner_id,
                                          mse_op_token_fn *each, void *arg, struct mse_error *err);
/* mse_op_token_check finds whose token this is. MSE_ERR_NOT_FOUND for whatever gives no right, with
 * one text: nobody learns whether it expired, was revoked, or never was. */
MSE_MUST_USE mse_status mse_op_token_check(struct mse_op_store *s, struct mse_op_token *out_token,
                                           struct mse_op_user *out_user, struct mse_bytes text,
                                           mse_time now, struct mse_error *err);

/* Whether the token of this id still gives a right. MSE_ERR_NOT_FOUND likewise. */
MSE_MUST_USE mse_status mse_op_token_lives(struct mse_op_store *s, const char *id, mse_time now,
                                           struct mse_error *err);

/* ---- projects */

struct mse_op_project {
    char id[MSE_OP_ID_LEN];
    char owner_id[MSE_OP_ID_LEN];
    char name[MSE_OP_TITLE_LEN];
    char description[MSE_OP_TEXT_LEN];
    bool is_default;
    mse_time created_at;
};
/* Sets id, created_at, is_default. MSE_ERR_ARGUMENT, MSE_ERR_EXISTS. */
MSE_MUST_USE mse_status mse_op_project_add(struct mse_op_store *s, const struct mse_op_by *by,
                                           struct mse_op_project *p, struct mse_error *err);
typedef mse_status mse_op_project_fn(void *arg, const struct mse_op_project *p);
/* Those of owner_id; name NULL: all, else the one of that name. */
MSE_MUST_USE mse_status mse_op_project_list(struct mse_op_store *s, const char *owner_id,
                                            const char *name, mse_op_project_fn *each, void *arg,
                                            struct mse_error *err);
/* MSE_ERR_NOT_FOUND: also what belongs to somebody else. */
MSE_MUST_USE mse_status mse_op_project_get(struct mse_op_store *s, struct mse_op_project *out,
                                           const char *owner_id, const char *id,
                                           struct mse_error *err);

/* ---- hardware and quotas */

struct mse_op_hardware {
    char name[MSE_OP_NAME_LEN]; /* as a user's name */
    char tee[MSE_OP_NAME_LEN];  /* sim, sgx, tdx, sev-snp */
    uint64_t memory;            /* MiB */
    uint64_t cores;
    uint64_t enclave_size; /* MiB, a power of two */
    uint64_t max_apps;     /* live apps of all users; at least 1 */
    mse_time created_at;
};
/* Sets created_at. MSE_ERR_ARGUMENT, MSE_ERR_EXISTS. */
MSE_MUST_USE mse_status mse_op_hardware_add(struct mse_op_store *s, const struct mse_op_by *by,
                                            struct mse_op_hardware *h, struct mse_error *err);
typedef mse_status mse_op_hardware_fn(void *arg, const struct mse_op_hardware *h);
/* name NULL: all. */
MSE_MUST_USE mse_status mse_op_hardware_list(struct mse_op_store *s, const char *name,
                                             mse_op_hardware_fn *each, void *arg,
                                             struct mse_error *err);
/* MSE_ERR_NOT_FOUND. */
MSE_MUST_USE mse_status mse_op_hardware_get(struct mse_op_store *s, struct mse_op_hardware *out,
                                            const char *name, struct mse_error *err);

struct mse_op_quota {
    char user_name[MSE_OP_NAME_LEN];
    char hardware[MSE_OP_NAME_LEN];
    uint64_t max_apps; /* live apps of this user on this hardware; 0: none */
};
/* A user without a quota may use what the hardware has. MSE_ERR_NOT_FOUND. */
MSE_MUST_USE mse_status mse_op_quota_set(struct mse_op_store *s, const struct mse_op_by *by,
                                         const struct mse_op_quota *q, struct mse_error *err);
typedef mse_status mse_op_quota_fn(void *arg, const struct mse_op_quota *q);
MSE_MUST_USE mse_status mse_op_quota_list(struct mse_op_store *s, mse_op_quota_fn *each, void *arg,
                                          struct mse_error *err);

/* ---- reservations and apps (10-rules 18) */

/* Who holds the certificate that users see, as ssl_certificate_origin. */
enum mse_op_mode {
    MSE_OP_SELF,
    MSE_OP_OWNER,
    MSE_OP_OPERATOR,
};
const char *mse_op_mode_name(enum mse_op_mode m);
MSE_MUST_USE bool mse_op_mode_parse(enum mse_op_mode *out, struct mse_bytes text);

struct mse_op_reservation {
    char app_id[MSE_OP_ID_LEN]; /* UUID of version 4; the label of the configuration name too */
    char owner_id[MSE_OP_ID_LEN];
    char project_id[MSE_OP_ID_LEN];
    char name[MSE_OP_TITLE_LEN];
    enum mse_op_mode mode;
    char label[MSE_OP_LABEL_LEN]; /* of the public name; kept for (owner, project, name, mode) */
    mse_time created_at;
    mse_time expires_at;
};
/* mse_op_reserve: everything but label and created_at is given; an empty app_id gets a fresh one.
 * MSE_ERR_ARGUMENT; MSE_ERR_NOT_FOUND: no such project of this owner; MSE_ERR_EXISTS: this app_id
 * was used; MSE_ERR_NO_SPACE: too many open reservations of this owner. */
#define MSE_OP_MAX_RESERVATIONS 64
#define MSE_OP_MAX_TOKENS       100 /* of one user, that are valid */
#define MSE_OP_MAX_PROJECTS     100 /* likewise */
MSE_MUST_USE mse_status mse_op_reserve(struct mse_op_store *s, const struct mse_op_by *by,
                                       struct mse_op_reservation *r, struct mse_error *err);
/* An open one: not used, not over. MSE_ERR_NOT_FOUND. */
MSE_MUST_USE mse_status mse_op_reservation_get(struct mse_op_store *s,
                                               struct mse_op_reservation *out, const char *owner_id,
                                               const char *app_id, mse_time now,
                                               struct mse_error *err);

/* spawning -> initializing -> running -> stopped | on_error; from the first two to the last two
 * too. The last two are final. */
enum mse_op_app_status {
    MSE_OP_SPAWNING,
    MSE_OP_INITIALIZING,
    MSE_OP_RUNNING,
    MSE_OP_STOPPED,
    MSE_OP_ON_ERROR,
    MSE_OP_NUM_STATUS,
};
const char *mse_op_status_name(enum mse_op_app_status st);
MSE_MUST_USE bool mse_op_status_parse(enum mse_op_app_status *out, struct mse_bytes text);
MSE_MUST_USE bool mse_op_status_follows(enum mse_op_app_status from, enum mse_op_app_status to);

/* Where an instance asks the one that it is to join; the carrier of bytes there wants the key. */
struct mse_op_leader {
    bool ready; /* it runs, on a node with a lease */
    char address[MSE_OP_DOMAIN_LEN];
    uint16_t port;
    uint8_t key[32];
};

struct mse_op_app {
    char id[MSE_OP_ID_LEN];
    char owner_id[MSE_OP_ID_LEN];
    char project_id[MSE_OP_ID_LEN];
    char name[MSE_OP_TITLE_LEN];
    char domain_name[MSE_OP_DOMAIN_LEN];
    char config_domain_name[MSE_OP_DOMAIN_LEN];
    char hardware[MSE_OP_NAME_LEN];
    enum mse_op_mode mode;
    enum mse_op_app_status status;
    char detail[MSE_OP_TEXT_LEN]; /* why it is on_error */
    mse_time created_at;
    mse_time ready_at;   /* 0: was never running */
    mse_time stopped_at; /* 0: lives */
    mse_time expires_at;
    uint8_t package_sha256[32];
    uint64_t package_size;
    /* For people and gateways, from the manifest. */
    char healthcheck_endpoint[MSE_OP_LINE_LEN];
    char python_application[MSE_OP_LINE_LEN]; /* "": it has a command */
    char command[MSE_OP_LINE_LEN];            /* in one line; cut, if it is longer */
    bool proxy_protocol;
    /* Where it is (fleet.h). */
    char node[MSE_OP_NAME_LEN];        /* "": it is not placed */
    uint16_t port;                     /* 0: there is nothing to reach */
    char fingerprint[MSE_OP_HASH_LEN]; /* "": not known yet */
    bool launched;                     /* there was an instance of it */
    bool stop_wanted;
    bool leave;                  /* not number 0 (below): its node is drained */
    struct mse_op_leader leader; /* likewise */
    uint32_t replicas;           /* so many instances, 1 at least; 0 is as good as 1 */
    /* Of several, number 0 is the leader, which is what the rest of this tells of; but a node is
     * told of what it has: then node, port and launched are of the instance with this number. */
    uint32_t number;
};
/* mse_op_app_create turns an open reservation into an app that is spawning: id, owner_id,
 * project_id, name, mode must be those of the reservation; domain names, hardware, expires_at, the
 * package and what is from the manifest are given. The manifest is kept byte for byte.
 * MSE_ERR_NOT_FOUND: no open reservation; MSE_ERR_CONFIG: it says something else; MSE_ERR_EXISTS:
 * an app of this name lives in the project, or one of anybody with this domain name;
 * MSE_ERR_NO_SPACE: hardware or quota is used up. */
MSE_MUST_USE mse_status mse_op_app_create(struct mse_op_store *s, const struct mse_op_by *by,
                                          struct mse_op_app *a, struct mse_bytes manifest,
                                          struct mse_error *err);
/* The same with the certificate (PEM) of who certifies its clients; empty: they need none. It is
 * kept as it is. */
struct mse_op_files {
    struct mse_bytes manifest;
    struct mse_bytes client_ca;
};
MSE_MUST_USE mse_status mse_op_app_create_with(struct mse_op_store *s, const struct mse_op_by *by,
                                               struct mse_op_app *a, const struct mse_op_files *f,
                                               struct mse_error *err);
/* owner_id NULL: anybody's. MSE_ERR_NOT_FOUND. */
MSE_MUST_USE mse_status mse_op_app_get(struct mse_op_store *s, struct mse_op_app *out,
                                       const char *owner_id, const char *id, struct mse_error *err);
/* The one that lives at this name, whoever has it. MSE_ERR_NOT_FOUND. */
MSE_MUST_USE mse_status mse_op_app_at(struct mse_op_store *s, struct mse_op_app *out,
                                      const char *domain_name, struct mse_error *err);
/* Appends the manifest to *out. MSE_ERR_NOT_FOUND. */
struct mse_build;
MSE_MUST_USE mse_status mse_op_app_manifest(struct mse_op_store *s, struct mse_build *out,
                                            const char *id, struct mse_error *err);
/* Appends its client_ca, if it has one. */
MSE_MUST_USE mse_status mse_op_app_client_ca(struct mse_op_store *s, struct mse_build *out,
                                             const char *id, struct mse_error *err);
/* MSE_ERR_NOT_FOUND; MSE_ERR_CONFIG: to does not follow its status. */
MSE_MUST_USE mse_status mse_op_app_move(struct mse_op_store *s, const struct mse_op_by *by,
                                        const char *id, enum mse_op_app_status to,
                                        const char *detail, struct mse_error *err);
struct mse_op_app_filter {
    const char *owner_id;   /* NULL: anybody's */
    const char *project_id; /* NULL: any */
    const char *name;       /* NULL: any */
    unsigned statuses;      /* bits 1 << status; 0: any */
    uint64_t offset;
    uint64_t limit;
};
typedef mse_status mse_op_app_fn(void *arg, const struct mse_op_app *a);
/* Newest first. */
MSE_MUST_USE mse_status mse_op_app_list(struct mse_op_store *s, const struct mse_op_app_filter *f,
                                        mse_op_app_fn *each, void *arg, struct mse_error *err);

/* ---- audit log: each line holds the hash of the one before it */

struct mse_op_audit_head {
    uint64_t seq; /* of the last line; 0: there is none */
    uint8_t hash[32];
};
struct mse_op_audit_line {
    uint64_t seq;
    mse_time at;
    const char *actor;
    const char *action;
    const char *subject;
    const char *detail;
};
typedef mse_status mse_op_audit_fn(void *arg, const struct mse_op_audit_line *l);
/* mse_op_audit_verify recomputes the chain, from the first line to the last, and hands each line to
 * each (may be NULL). kept (may be NULL): a head that somebody wrote down earlier, which must be a
 * part of it: a log that was cut or written anew from some line on is noticed by that alone.
 * MSE_ERR_SIGNATURE, with the line. */
MSE_MUST_USE mse_status mse_op_audit_verify(struct mse_op_store *s, struct mse_op_audit_head *out,
                                            const struct mse_op_audit_head *kept,
                                            mse_op_audit_fn *each, void *arg,
                                            struct mse_error *err);
/* The hash of a line behind one of hash previous. Pure. */
MSE_MUST_USE mse_status mse_op_audit_hash(uint8_t out[32], const struct mse_op_audit_line *l,
                                          const uint8_t previous[32]);

/* ---- copies: everything of one store, at one moment, into another; of either database */

struct mse_op_copy {
    bool replace;               /* what the target holds already goes */
    const struct mse_op_by *by; /* of the line that the target's audit log gets */
    const char *action;         /* NULL: no line */
};
/* mse_op_store_copy fills to with what from has, and compares numbers of rows and audit heads. One
 * transaction: all or nothing. *out: where the log of to ends. MSE_ERR_EXISTS: it is not empty. */
MSE_MUST_USE mse_status mse_op_store_copy(struct mse_op_store *to, struct mse_op_store *from,
                                          const struct mse_op_copy *how,
                                          struct mse_op_audit_head *out, struct mse_error *err);

#endif
