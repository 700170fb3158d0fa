/* SPDX-License-Identifier: Apache-2.0 */
/* A file system (FUSE) that behaves as configfs-tsm of Linux does, and as the registers of TDX in
 * sysfs, for tests of what reads them: instances by mkdir, "inblob" that counts from close(2) on,
 * generations, kernel's errors. Test code. */
#ifndef TESTS_LIB_TSM_TREE_H
#define TESTS_LIB_TSM_TREE_H

#include "base/build.h"

/* Appends the report over report_data, as the TEE's driver in the kernel does; 0 or an errno. */
typedef int tsm_report_fn(void *arg, struct mse_build *out, const uint8_t report_data[64]);

/* May be changed between requests. */
struct tsm_knobs {
    const char *provider; /* NULL: no driver has registered */
    tsm_report_fn *report;
    void *arg;
    struct mse_bytes aux;    /* of sev_guest */
    int error;               /* "outblob" fails with it … */
    unsigned error_times;    /* … this often */
    bool meddler;            /* somebody else writes once "outblob" was read */
    bool no_registers;       /* older than Linux 6.16 */
    bool no_reports;         /* older than Linux 6.7 */
    bool no_device;          /* no /dev/sev-guest */
    uint32_t firmware_error; /* of the device, with "error" and "error_times" */
    uint32_t host_error;
    uint32_t status;          /* of its answers */
    uint8_t chip[32];         /* secret that it derives keys from */
    tsm_report_fn *td;        /* what /dev/tdx_guest reports, 1024 bytes; NULL: there is none */
    const char *qgs;          /* where /run/tdx-qgs/qgs.socket leads; NULL: it is not there */
    const char *conf;         /* of /etc/tdx-attest.conf; NULL: there is none */
    const uint8_t *committed; /* TCB, 8 bytes: keys of a newer one are refused; NULL: none is */
    uint8_t rtmr3[48];
    /* What it saw. */
    unsigned made;
    unsigned removed;
    unsigned requests;     /* to the device */
    unsigned short_writes; /* of inblob: not 64 bytes in one */
};

struct tsm_tree;
/* Mounts it below a folder of its own; NULL where this system has no FUSE. */
struct tsm_tree *tsm_tree_start(struct tsm_knobs *knobs);
/* A new descriptor of its root. */
int tsm_tree_open(const struct tsm_tree *t);
void tsm_tree_stop(struct tsm_tree *t);

#endif
