/* SPDX-License-Identifier: Apache-2.0 */
/* An instance of an app: a folder, and while it runs a supervisor, a process in the background that
 * holds the launcher of its TEE (launcher.h). For mse home and msed node. */
#ifndef LAUNCH_INSTANCE_H
#define LAUNCH_INSTANCE_H

#include <jansson.h>
#include <sys/types.h>

#include <mse/status.h>

/* Files of the folder. The first two must be there. */
#define MSE_INSTANCE_MANIFEST  "manifest.json"
#define MSE_INSTANCE_PACKAGE   "package"
#define MSE_INSTANCE_CLIENT_CA "client_ca.pem" /* of the manifest's client_ca, if it names one */
#define MSE_INSTANCE_STATE     "state"         /* a folder: what the enclave seals; locked by it */
#define MSE_INSTANCE_LOG       "log"           /* what supervisor, runtime and app say */
#define MSE_INSTANCE_END       "end.json"      /* what the last supervisor says of its end */
#define MSE_INSTANCE_LOCK      "lock"          /* a supervisor has it while it lives; its number */

/* Whose storage an instance begins with, unless it has a state of its own already; or whose replica
 * it is. */
struct mse_instance_source {
    const char *dir;         /* of an instance here, which runs when it is asked */
    bool leads;              /* it is the leader of this one, and the rest is not there */
    const char *carry;       /* in the place of dir: the file that says where (mse_carry_dial) */
    const char *name;        /* in the certificate of its enclave */
    const char *fingerprint; /* 64 hexadecimal digits */
    const char *signature;   /* what the owner signed for it, in hexadecimal digits; "": nothing */
};

/* Where instances of other hosts come to join this one. */
struct mse_instance_carry {
    int listen_fd;
    uint8_t key[32]; /* of mse_carry_serve */
};

struct mse_instance {
    const char *dir;
    pid_t guard; /* > 0: it is stopped when this process is over */
    /* What mse_instance_set sets. */
    const json_t *options; /* of the launcher: an object of texts */
    const char *tee;       /* which launcher */
    const char *platform;  /* folder of the simulated platform */
    const char *runtime;   /* path of mse-enclave */
    uint64_t enclave_size;
    bool sandbox;
    const struct mse_instance_source *from; /* NULL: nobody's */
    const struct mse_instance_carry *carry; /* NULL: nobody comes from elsewhere */
};
/* Sets what the options say, which stay borrowed: "tee" (without it "sim"), "platform", "runtime",
 * "size", "sandbox". */
void mse_instance_set(struct mse_instance *out, const json_t *options);
/* Whether the enclave has sealed something: it has begun. True also if that cannot be told. */
bool mse_instance_has_state(const char *dir);
/* mse_instance_supervise is the supervisor's life, in a process of its own: session, standard
 * descriptors, signals are changed. It reports once on report_fd (-1: to nobody), as
 * mse_instance_state answers. */
_Noreturn void mse_instance_supervise(const struct mse_instance *i, int listen_fd, int report_fd);

/* How an instance is: what the supervisor answers within timeout_ms, else what the last one left
 * behind: {"state": "prepared"|"starting"|"waiting"|"running"|"stopped"|"failed"|"ended"|"killed",
 * "note", "since", and while it lives "pid", "enclave_pid", "port"}. "killed": neither. NULL
 * without memory. */
json_t *mse_instance_state(const char *dir, unsigned timeout_ms);
/* The number of the supervisor that has, or had last, the lock; 0: not known. Whether it lives, the
 * lock says. */
pid_t mse_instance_supervisor(const char *dir);
const char *mse_instance_state_word(const json_t *state);
/* mse_instance_ask_stop tells the supervisor to stop, and waits timeout_ms for its end. False if
 * none answers. */
bool mse_instance_ask_stop(const char *dir, unsigned timeout_ms);

/* The switches of the runtime beyond those that the launcher gives it, ended by NULL. */
#define MSE_INSTANCE_MAX_SWITCHES 4
void mse_instance_switches(const char *out[MSE_INSTANCE_MAX_SWITCHES], bool sandbox,
                           const char *client_ca_hex);
/* The CA of clients (PEM) as the runtime's switch --client-ca wants it: hexadecimal digits of its
 * DER, heap. Empty PEM: NULL. */
MSE_MUST_USE mse_status mse_instance_client_ca(char **out, struct mse_bytes pem,
                                               struct mse_error *err);

#endif
