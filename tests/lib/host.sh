# Sourced by stories that need a host of their own: a Debian 12 with systemd as process 1, in a container with a private
# network. Needs root, mmdebstrap and systemd-nspawn.
# shellcheck shell=bash

host_packages=systemd,systemd-sysv,dbus,udev,libpam-systemd,procps,openssh-server,nftables
host_packages+=,libjansson4,libyaml-0-2,libpcre2-8-0,libcurl4,libssl3

# host_make FOLDER: a root folder; made once and kept as a tar beside the builds, because it takes a minute.
host_make() {
	local tar=$story_top/build/host.tar
	if [[ ! -s $tar ]]; then
		mmdebstrap --quiet --format=tar --variant=minbase --include="$host_packages" bookworm "$tar.part"
		mv "$tar.part" "$tar"
	fi
	mkdir "$1"
	tar -C "$1" -xf "$tar"
	# As a first boot finds it: it makes an id of its own.
	: >"$1/etc/machine-id"
}

# The control groups that one container lives in, on hosts with version 1, 2 or both.
host_groups() {
	local hierarchy
	for hierarchy in unified systemd memory pids cpu cpuacct; do
		[[ -d /sys/fs/cgroup/$hierarchy ]] && echo "/sys/fs/cgroup/$hierarchy/$1"
	done
	[[ -f /sys/fs/cgroup/cgroup.procs ]] && echo "/sys/fs/cgroup/$1"
	return 0
}

# host_boot FOLDER: boots it and waits until it is up. host_leader is then its process 1, as seen from here.
host_boot() {
	local folder=$1 name=vouch-host-$$ group
	for group in $(host_groups "$name"); do
		mkdir -p "$group"
	done
	(
		for group in $(host_groups "$name"); do
			echo "$BASHPID" >"$group/cgroup.procs"
		done
		exec systemd-nspawn --quiet --boot -D "$folder" -M "$name" --register=no --keep-unit --console=pipe \
			--private-network --link-journal=no --capability=all --system-call-filter=@known </dev/null
	) >>"$work/boot.log" 2>&1 &
	story_processes[host]=$!
	within 30 host_find_leader || return 1
	within 60 host_is_up
}

host_find_leader() {
	host_leader=$(pgrep -P "${story_processes[host]}" -x systemd | head -n 1)
	[[ -n $host_leader ]]
}

host_is_up() {
	[[ $(in_host systemctl is-system-running 2>/dev/null) =~ ^(running|degraded)$ ]]
}

# in_host COMMAND...: inside, as root; its exit status.
in_host() {
	nsenter -t "$host_leader" -a -- "$@"
}

host_off() {
	local group
	in_host systemctl --no-block poweroff >/dev/null 2>&1 || true
	within 30 host_is_gone || kill -KILL "$host_leader" "${story_processes[host]}" 2>/dev/null || true
	wait "${story_processes[host]}" 2>/dev/null || true
	unset "story_processes[host]"
	for group in $(host_groups "vouch-host-$$"); do
		find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null || true
	done
}

host_is_gone() {
	! kill -0 "${story_processes[host]}" 2>/dev/null
}
