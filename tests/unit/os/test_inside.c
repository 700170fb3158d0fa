/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of another network namespace. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/testlib.h"
#include "os/inside.h"

struct app {
    pid_t pid;
    int pidfd;
    uint16_t port;
};

static bool raise_loopback(void)
{
    struct ifreq r = { .ifr_name = "lo" };
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    bool ok = fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &r) == 0;
    r.ifr_flags = (short)(r.ifr_flags | IFF_UP);
    return ok && ioctl(fd, SIOCSIFFLAGS, &r) == 0;
}

/* A process in namespaces of its own that says "inside" to who connects. Its port, or 0 where
 * namespaces are forbidden, comes through the pipe. */
_Noreturn static void live(int to)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof a;
    int fd = -1;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* nor when a test fails */
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 && raise_loopback()) {
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    }
    if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 8) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) != 0) {
        a.sin_port = 0;
    }
    ssize_t n = write(to, &a.sin_port, sizeof a.sin_port);
    for (int c = n > 0 ? accept(fd, NULL, NULL) : -1; c >= 0; c = accept(fd, NULL, NULL)) {
        (void)!write(c, "inside", 6);
        (void)close(c);
    }
    _exit(0);
}

static void app_start(struct app *a)
{
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    a->pid = fork();
    assert_true(a->pid >= 0);
    if (a->pid == 0) {
        live(fds[1]);
    }
    (void)close(fds[1]);
    assert_int_equal(read(fds[0], &a->port, sizeof a->port), sizeof a->port);
    (void)close(fds[0]);
    a->pidfd = (int)syscall(SYS_pidfd_open, a->pid, 0); /* valgrind does not know the call */
}

static void app_end(const struct app *a)
{
    (void)kill(a->pid, SIGKILL);
    (void)waitpid(a->pid, NULL, 0);
}

static void sockets_of_the_app(void **state)
{
    (void)state;
    struct mse_inside in;
    struct app a;
    char text[7] = "";
    assert_status(mse_inside_start(&in, NULL), MSE_OK);
    assert_int_equal(mse_inside_socket(&in), -1); /* nothing was joined yet */
    mse_inside_clear(&in);
    assert_status(mse_inside_start(&in, NULL), MSE_OK);
    app_start(&a);
    if (a.port == 0 || a.pidfd < 0) {
        app_end(&a);
        mse_inside_clear(&in);
        skip();
    }
    assert_status(mse_inside_join(&in, a.pid, a.pidfd, NULL), MSE_OK);
    const struct sockaddr_in to = { .sin_family = AF_INET,
                                    .sin_port = a.port,
                                    .sin_addr = { htonl(INADDR_LOOPBACK) } };
    for (int i = 0; i < 3; i++) {
        int fd = mse_inside_socket(&in);
        assert_true(fd >= 0);
        assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
        assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
        assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
        assert_int_equal(recv(fd, text, 6, MSG_WAITALL), 6);
        assert_string_equal(text, "inside");
        (void)close(fd);
    }
    /* From out here nobody gets there. */
    int own = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool reached = connect(own, (const struct sockaddr *)&to, sizeof to) == 0 &&
                   recv(own, text, 6, MSG_WAITALL) == 6 && strcmp(text, "inside") == 0;
    assert_false(reached);
    (void)close(own);
    assert_status(mse_inside_join(&in, a.pid, a.pidfd, NULL), MSE_ERR_UNSUPPORTED); /* once */
    app_end(&a);
    mse_inside_clear(&in);
    mse_inside_clear(&in);
    (void)close(a.pidfd);
}

static void refused(void **state)
{
    (void)state;
    struct mse_inside in;
    struct mse_inside none = { .fd = -1 };
    struct app a;
    int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (self < 0) {
        skip();
    }
    assert_status(mse_inside_start(&in, NULL), MSE_OK);
    /* One's own network is no app's. */
    assert_status(mse_inside_join(&in, getpid(), self, NULL), MSE_ERR_UNSUPPORTED);
    assert_status(mse_inside_join(&in, getpid(), -1, NULL), MSE_ERR_UNSUPPORTED);
    assert_status(mse_inside_join(&none, getpid(), self, NULL), MSE_ERR_UNSUPPORTED);
    app_start(&a);
    app_end(&a);
    /* Its number may be another's by now. */
    assert_status(mse_inside_join(&in, a.pid, a.pidfd, NULL), MSE_ERR_UNSUPPORTED);
    assert_status(mse_inside_join(&in, getppid(), a.pidfd, NULL), MSE_ERR_UNSUPPORTED);
    assert_int_equal(mse_inside_socket(&in), -1);
    mse_inside_clear(&in);
    (void)close(a.pidfd);
    (void)close(self);
}

static void helper_dies(void **state)
{
    (void)state;
    struct mse_inside in;
    assert_status(mse_inside_start(&in, NULL), MSE_OK);
    in.joined = true;
    assert_int_equal(kill(in.pid, SIGKILL), 0);
    assert_int_equal(mse_inside_socket(&in), -1);
    assert_false(in.joined);
    mse_inside_clear(&in);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sockets_of_the_app),
        cmocka_unit_test(refused),
        cmocka_unit_test(helper_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
