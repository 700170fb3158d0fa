/* SPDX-License-Identifier: Apache-2.0 */
/* The app: its folders in memory, its environment, its process. */
#ifndef ENCLAVE_APP_H
#define ENCLAVE_APP_H

#include "enclave/backend.h"
#include "os/sandbox.h"
#include "package/manifest.h"

/* Every app gets one of these user ids when the runtime is root. */
#define MSE_APP_FIRST_UID 64000
#define MSE_APP_LAST_UID  64999

struct mse_app {
    char *dir;    /* everything below is in it */
    int dir_lock; /* -1: none */
    char *code;
    char *data; /* what is stored for the next start: home and keys are in it */
    char *home;
    char *keys;
    char *tmp;
    char *run;
    char *etc;
    char *secrets; /* what only the app may read; mse_app_put_secrets makes it */
    char *config;  /* the runtime's own */
    char *attest;  /* what the app asks for evidence in; it may not write there */
    char *socket;  /* as the runtime sees it */
    char *attest_socket;
    uid_t uid;                 /* MSE_SPAWN_SAME_USER when we own no others */
    int uid_lock;              /* -1: none */
    struct mse_inside *inside; /* makes sockets in the app's network; NULL: none; borrowed */
    bool insecure_no_sandbox;
    bool library_os; /* below it; then there is no sandbox, and nothing is removed at the end */
    bool own_memory; /* the folders are file systems of their own, with bounds */
    bool running;
    struct mse_sandbox_app proc;
};

/* The user id that the app has outside. */
uid_t mse_app_user(const struct mse_app *a);
/* What the app may fill of the memory that enclave_size stands for: home and keys together have
 * half of it, and a file for each 4 KiB of that. */
#define MSE_APP_DATA_SHARE 2
/* Chooses the user and makes the folders. enclave_size: they are file systems of their own with
 * bounds, for which mse_memory_enter was called; 0: folders without. On failure *a is to be cleared
 * all the same. */
MSE_MUST_USE mse_status mse_app_prepare(struct mse_app *a, bool insecure_no_sandbox,
                                        uint64_t enclave_size, struct mse_error *err);
/* The same under a library OS (enclave/library_os.h), whose two mounts are empty. data: the folder
 * that outlives a restart, which is made elsewhere; NULL: there is none. */
MSE_MUST_USE mse_status mse_app_prepare_library_os(struct mse_app *a, const char *data,
                                                   struct mse_error *err);
/* What is put into a->secrets, one file each that only the app's user may read. */
struct mse_app_secrets {
    struct mse_bytes secrets; /* data NULL: no such file */
    struct mse_bytes sealed;
    const uint8_t *x25519_secret; /* 32 bytes each */
    const uint8_t *x25519_public;
};
/* All of them or, on failure, none: the folder comes by one rename. Once, before the start. */
MSE_MUST_USE mse_status mse_app_put_secrets(struct mse_app *a, const struct mse_app_secrets *s,
                                            struct mse_error *err);
/* Starts the app that the manifest names; the code lies in a->code already, the secrets in
 * a->secrets. Its output goes to
 * out_fd and err_fd (borrowed). */
MSE_MUST_USE mse_status mse_app_start(struct mse_app *a, const struct mse_manifest *m, int out_fd,
                                      int err_fd, struct mse_error *err);
/* Tells whether the app has ended, and reaps it; *wait_status as waitpid gives it. */
bool mse_app_ended(struct mse_app *a, int *wait_status);
/* Kills the app if it runs, removes its folders; accepts the empty state. */
void mse_app_clear(struct mse_app *a);

/* The environment of the app, "NAME=value", NULL-terminated, heap; the manifest's first, then ours,
 * which win. Released with mse_app_env_free. */
MSE_MUST_USE mse_status mse_app_env(char ***out, const struct mse_app *a,
                                    const struct mse_manifest *m, struct mse_error *err);
void mse_app_env_free(char **env);

#endif
