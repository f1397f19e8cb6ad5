# Sourced by the stories that look into a Debian that somebody else made, and by tests/run, which makes them while it builds.
# shellcheck shell=bash

host_packages=systemd,systemd-sysv,dbus,udev,libpam-systemd,procps,openssh-server,nftables,sudo
host_packages+=,libjansson4,libyaml-0-2,libpcre2-8-0,libcurl4,libssl3,libevent-2.1-7,libevent-openssl-2.1-7,libsqlite3-0,libarchive13
release_packages=openssh-server,sudo,rsyslog,libpam-pwquality,unattended-upgrades,ca-certificates
releases=(bullseye bookworm trixie)

# folder_tar BUILD NAME RELEASE PACKAGES: the path of a root folder as a tar: made once and kept in that folder, because it takes
# a minute, and several on a busy machine.
folder_tar() {
	local tar
	tar=$1/$2-$(sha256sum <<<"$4" | cut -c 1-8).tar
	(
		flock 9
		[[ -s $tar ]] || { mmdebstrap --quiet --format=tar --variant=minbase --include="$4" "$3" "$tar.part" >&2 && mv "$tar.part" "$tar"; }
	) 9>"$tar.lock" || return 1
	echo "$tar"
}

# folder_tars BUILD: all that the stories need.
folder_tars() {
	local release
	folder_tar "$1" host bookworm "$host_packages" || return 1
	for release in "${releases[@]}"; do
		folder_tar "$1" "release-$release" "$release" "$release_packages" || return 1
	done
}
