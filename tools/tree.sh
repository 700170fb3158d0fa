# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# shellcheck disable=SC2154 # tree is set by whoever sources this
# A minimal Debian with the Debian packages of mse, in the folder $tree: for images, and without anything that tells when
# or where it was made. To be sourced, as root.

within() {
    chroot "$tree" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"
}

tree_begin() {
    mirror=$(sed -n 's/^\(deb\|URIs:\) *\(\[[^]]*\] *\)\{0,1\}\(http[^ ]*\).*/\3/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1)
    debootstrap --variant=minbase bookworm "$tree" ${mirror:+"$mirror"}
    cp /etc/resolv.conf "$tree/etc/resolv.conf"
    # Nothing starts while it is installed.
    printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
    chmod 755 "$tree/usr/sbin/policy-rc.d"
    mount -t proc proc "$tree/proc"
    mkdir "$tree/install"
}

# For traps, too.
tree_release() {
    umount -l "$tree/proc" 2>/dev/null || true
}

# tree_install NAME...: what was copied to $tree/install, and packages of Debian.
tree_install() {
    within sh -c 'apt-get install -q -y --no-install-recommends /install/*.deb "$@"' sh "$@"
}

tree_packages() {
    within dpkg-query -W -f '${Package}_${Version}_${Architecture}\n' | sort
}

# What belongs to this run, or to nobody in an image.
tree_clean() {
    umount -l "$tree/proc"
    (
        cd "$tree" || exit 1
        rm -rf install usr/sbin/policy-rc.d var/cache/* var/lib/apt/lists/* var/log/* tmp/* var/tmp/* run/* dev/* \
            etc/resolv.conf etc/hostname etc/machine-id var/lib/dpkg/*-old var/lib/debconf/*-old var/lib/systemd \
            usr/share/man usr/share/info usr/share/locale usr/share/lintian usr/share/bash-completion usr/share/zsh \
            usr/share/fish etc/passwd- etc/group- etc/shadow- etc/gshadow- etc/subuid- etc/subgid-
        find usr/share/doc -mindepth 1 ! -name copyright ! -type d -delete
        find usr/share/doc -mindepth 1 -type d -empty -delete
        find . -xdev -name __pycache__ -type d -prune -exec rm -rf {} +
        # The day on which a password was changed, of accounts that have none.
        sed -i 's/^\([^:]*:[^:]*\):[0-9]*:/\1:1:/' etc/shadow
        # Nothing in an image gains rights by being executed.
        find . -xdev -type f -perm /6000 -exec chmod a-s {} +
    )
}
