/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the server know of each other: server.c has its life, server_conn.c its
 * connections and their time, server_answer.c takes requests and answers them, server_request.c
 * says what a request is. */
#ifndef HTTPD_SERVER_INNER_H
#define HTTPD_SERVER_INNER_H

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include <microhttpd.h>

#include "httpd/server.h"

#define HTTPD_SPEAK_SECONDS 30 /* for a whole request, however it trickles */
#define HTTPD_ID_LEN        33

/* A connection, in a list of all. */
struct httpd_conn {
    int fd;
    uint8_t source[16];
    time_t until; /* it may speak, or take its answer; 0: it waits for us */
    time_t idle;  /* between two pieces of a body; 0: no bound */
    time_t last;
    time_t paused;          /* since when its time stands still; 0: it does not */
    struct mse_reply *late; /* what is said if the time is over; NULL: nothing */
    bool left;              /* the peer was seen to have closed, in the middle of a request */
    bool over;
    struct httpd_conn *prev;
    struct httpd_conn *next;
};

struct mse_httpd {
    struct MHD_Daemon *daemon;
    struct mse_httpd_config cfg;
    int listen_fd;        /* -1: with the daemon */
    pthread_mutex_t lock; /* of the list and what is in it */
    struct httpd_conn *conns;
    _Atomic unsigned busy;
};

struct mse_httpd_request {
    struct mse_httpd *http;
    struct MHD_Connection *connection;
    struct httpd_conn *conn; /* NULL: it could not be made, and there is no answer */
    char *method;
    char *target;
    struct timespec begun;
    void *context;
    bool headed;               /* the head was seen */
    bool waits;                /* what came is being judged */
    bool head_waits;           /* likewise, and of the head is told again */
    struct mse_reply *refusal; /* to be given once the body is over */
    struct mse_reply *stream;  /* that is being sent */
    pthread_mutex_t lock;      /* of the next two */
    bool resumed;
    bool suspended;
    char id[HTTPD_ID_LEN];
    unsigned status;
};

/* server_conn.c */
/* libmicrohttpd's word of connections that come and go. */
void httpd_on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
                         enum MHD_ConnectionNotificationCode code);
/* How long the peer may take; within 0: without a bound. idle: between two pieces; 0: no bound.
 * late: what is said at the end of it. False: it was ended already. */
bool httpd_set_time(const struct mse_httpd_request *r, time_t within, time_t idle,
                    struct mse_reply *late);
/* Its time stands still, or goes on. */
void httpd_set_paused(const struct mse_httpd_request *r, bool paused);
/* Something came. */
void httpd_touch(const struct mse_httpd_request *r);

/* server_answer.c: libmicrohttpd's word of requests. */
void *httpd_on_target(void *cls, const char *target, struct MHD_Connection *connection);
enum MHD_Result httpd_on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *len, void **con_cls);
void httpd_on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
                        enum MHD_RequestTerminationCode code);

#endif
