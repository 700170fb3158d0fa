/* SPDX-License-Identifier: Apache-2.0 */
/* usage: peak PROGRAM ARGUMENT...
 * Runs a program with nothing on its descriptors and prints what it took: exit status, microseconds
 * on the clock, of CPU, KiB of resident memory at its most. Small itself, since the kernel counts
 * what a process was before it became another program. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now_us(void)
{
    struct timespec t = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void become(char **argv)
{
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd <= 2; fd++) {
        (void)dup2(null, fd);
    }
    (void)execv(argv[0], argv);
    _exit(127);
}

int main(int argc, char **argv)
{
    struct rusage u = { 0 };
    int status = 0;
    long long begin = now_us();
    pid_t pid = argc < 2 ? -1 : fork();
    if (pid == 0) {
        become(argv + 1);
    }
    if (pid < 0 || wait4(pid, &status, 0, &u) != pid) {
        return 2;
    }
    long long cpu = (long long)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
                    u.ru_utime.tv_usec + u.ru_stime.tv_usec;
    return printf("%d %lld %lld %ld\n", WIFEXITED(status) ? WEXITSTATUS(status) : 255,
                  now_us() - begin, cpu, u.ru_maxrss) > 0
               ? 0
               : 2;
}
