# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034,SC2317 # variables of the callers, and theirs; functions are called by name
# A machine with SGX, made of a stand-in for gramine-sgx: to be sourced behind lib.sh, with $loader, $runtime and $here.

# An enclave that was killed leaves a mount behind, in the name of a file system that nobody answers for.
enclaves() {
    for f in /proc/[0-9]*/fd/7; do
        case $(readlink "$f" 2>/dev/null) in
        "$scratch"/*/"${1:-}"*/state) echo "$f" | cut -d/ -f3 ;;
        esac
    done
}
end_all() {
    cleanup_keep=${KEEP:-}
    KEEP=1
    cleanup
    for pid in $(enclaves); do
        kill "$pid" 2>/dev/null
    done
    wait_for 60 test -z "$(enclaves)" || for pid in $(enclaves); do kill -9 "$pid" 2>/dev/null; done
    sed -n "s|^[^ ]* \($scratch/fuse/[^ ]*\) .*|\1|p" /proc/mounts | while read -r mount; do
        fusermount3 -uz "$mount" 2>/dev/null || fusermount -uz "$mount" 2>/dev/null || umount -l "$mount"
    done
    [ -n "$cleanup_keep" ] || rm -rf "$scratch"
}
trap end_all EXIT

# gramine_host OWNER: a rootfs and a loader in $scratch, whose sums are $digest and $libpal, copies of them in the folder OWNER, and
# $scratch/gramine-sgx. The processor is the simulated platform $operator/sim.
gramine_host() {
    mkdir -p "$scratch/fuse" "$scratch/rootfs/mse" "$scratch/rootfs/gramine"
    if ! TMPDIR=$scratch/fuse "$loader" --probe 2>/dev/null || ! bwrap --unshare-pid --ro-bind / / true 2>/dev/null; then
        skip_all 'the stand-in needs FUSE and bubblewrap, which are forbidden here'
    fi
    cp "$runtime" "$scratch/rootfs/mse/mse-enclave"
    echo 'library OS' >"$scratch/rootfs/gramine/libsysdb.so"
    cp -R "$scratch/rootfs" "$1/rootfs"
    digest=$(cd "$here" && /usr/bin/python3 -B - "$1/libpal.so" "$1/rootfs" <<'PY'
import pathlib
import sys
from own_app import libpal, rows, tree
pathlib.Path(sys.argv[1]).write_bytes(libpal())
print(rows(b"mse-rootfs-v1", b"", tree(pathlib.Path(sys.argv[2]))).hex())
PY
    )
    cp "$1/libpal.so" "$scratch/libpal.so"
    libpal=$(sha256sum <"$1/libpal.so" | cut -d' ' -f1)
    cat >"$scratch/gramine-sgx" <<SH
#!/bin/sh
export STANDIN_PLATFORM='$operator/sim' STANDIN_LIBPAL='$scratch/libpal.so' STANDIN_STRACE= TMPDIR='$scratch/fuse'
echo "\$@ \$MSE_LISTEN" >>'$scratch/starts'
exec '$loader' "\$@"
SH
    chmod +x "$scratch/gramine-sgx"
}
