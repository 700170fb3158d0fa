/* SPDX-License-Identifier: Apache-2.0 */
/* See world.h. */
#include "unit/enclave/world.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "enclave/config.h"
#include "enclave/serve.h"
#include "net/loop.h"
#include "net/tls.h"
#include "unit/net/tlspair.h"

struct mse_tee {
    int fd; /* one line per event */
};

static void fake_event(struct mse_tee *t, uint8_t event, const char *text)
{
    char line[400];
    int n = snprintf(line, sizeof line, "%u %.300s\n", event, text);
    ssize_t done = write(t->fd, line, (size_t)n);
    (void)done;
}

static const struct mse_tee_ops fake_ops = { .name = "fake", .event = fake_event };

static void make_cert(struct mse_build *out, const struct mse_identity *id, const char *name)
{
    struct test_cert cert;
    test_cert_make_with(&cert, name, mse_privkey_evp_borrow(id->key));
    mse_build_heap(out, 65536);
    mse_wr_copy(out, cert.der, cert.der_len);
    test_cert_clear(&cert);
}

/* The runtime. Ends with the number of the status. */
_Noreturn static void child(struct world *w)
{
    struct mse_tee tee = { w->events[1] };
    const struct mse_enclave_tee t = { &fake_ops, &tee };
    struct mse_enclave_clock clock;
    struct mse_app app;
    struct mse_identity id = { .key = NULL };
    struct mse_error err = { 0 };
    sigset_t set;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGSEGV, SIG_DFL); /* cmocka's would go on with the next test, here */
    (void)signal(SIGBUS, SIG_DFL);
    (void)close(w->control[0]);
    (void)close(w->events[0]);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    mse_status st = mse_tls_warm(&err);
    st = st == MSE_OK ? mse_privkey_generate_p256(&id.key) : st;
    if (st != MSE_OK || mse_app_prepare(&app, true, 0, &err) != MSE_OK) {
        _exit(255);
    }
    if (w->code != NULL) {
        char path[256];
        (void)snprintf(path, sizeof path, "%s/app.py", app.code);
        test_write_file(path, mse_bytes_str(w->code));
        (void)chmod(path, 0644);
    }
    memcpy(id.x25519_secret, w->x25519_secret, 32);
    memcpy(id.x25519_public, w->x25519_public, 32);
    const struct mse_app_secrets none = { .x25519_secret = id.x25519_secret,
                                          .x25519_public = id.x25519_public };
    if (!mse_config_needed(&w->m) && mse_app_put_secrets(&app, &none, &err) != MSE_OK) {
        _exit(255);
    }
    make_cert(&id.cert, &id, FIXTURE_SAN);
    make_cert(&id.config_cert, &id, WORLD_CONFIG_NAME);
    if (w->tell_dir) {
        fake_event(&tee, 0, app.dir);
    }
    mse_enclave_clock_init(&clock, w->floor > 0 ? w->floor : w->m.created_at);
    const struct mse_serve_config c = { .manifest = &w->m,
                                        .identity = &id,
                                        .tee = &t,
                                        .clock = &clock,
                                        .app = &app,
                                        .listen_fd = w->listen_fd,
                                        .package_fd = w->package_fd,
                                        .manifest_digest = w->package_digest,
                                        .control_fd = w->control[1],
                                        .start_ms = w->start_ms };
    if (w->in_child != NULL) {
        w->in_child(w->in_child_arg);
    }
    st = mse_serve(&c, &err);
    if (st != MSE_OK) {
        fake_event(&tee, MSE_TEE_EVENT_FAILED, err.text);
    }
    char *dir = strdup(app.dir);
    mse_app_clear(&app);
    if (access(dir, F_OK) == 0) {
        st = MSE_ERR_EXISTS; /* plain code was left behind */
    }
    free(dir);
    mse_identity_clear(&id);
    mse_manifest_clear(&w->m);
    _exit((int)st);
}

void world_begin(struct world *w)
{
    w->start_ms = w->start_ms == 0 ? 60000 : w->start_ms;
    w->listen_fd = test_listen(&w->port);
    assert_true(mse_net_prepare_fd(w->listen_fd));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, w->control), 0);
    assert_int_equal(pipe2(w->events, O_CLOEXEC), 0);
    w->pid = fork();
    assert_true(w->pid >= 0);
    if (w->pid == 0) {
        child(w);
    }
    (void)close(w->control[1]);
    (void)close(w->events[1]);
}

const char *world_event(const struct world *w)
{
    static char line[512];
    size_t n = 0;
    while (n < sizeof line - 1 && read(w->events[0], line + n, 1) == 1 && line[n] != '\n') {
        n++;
    }
    line[n] = '\0';
    return line;
}

mse_status world_end(struct world *w)
{
    int status = 0;
    assert_int_equal(waitpid(w->pid, &status, 0), w->pid);
    assert_true(WIFEXITED(status));
    world_clear(w);
    return (mse_status)WEXITSTATUS(status);
}

void world_clear(struct world *w)
{
    (void)close(w->listen_fd);
    (void)close(w->events[0]);
    if (w->control[0] >= 0) {
        (void)close(w->control[0]);
    }
    fixture_manifest_clear(&w->m);
}
