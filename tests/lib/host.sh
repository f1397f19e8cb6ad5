# Sourced by stories that need a host of their own: a Debian 12 with systemd as process 1, in a container with a private
# network. Needs root, mmdebstrap and systemd-nspawn. One host a story; stories may run side by side.
# shellcheck shell=bash

. "$story_top/tests/lib/folders.sh"
host_name=vouch-host-$$
host_options=() # more of systemd-nspawn's
host_debs=${VOUCH_DEBS-$story_top/build/deb} # packaging/build-deb makes them

if ((EUID != 0)); then
	not_ok "this story needs root, to boot a container"
	exit 1
fi

# host_make FOLDER: a root folder, of the tar beside the builds.
host_make() {
	local tar timer
	tar=$(folder_tar "$story_top/build" host bookworm "$host_packages")
	mkdir "$1"
	tar -C "$1" -xf "$tar"
	# As a first boot finds it: it makes an id of its own.
	: >"$1/etc/machine-id"
	# These come at a time of the day or by chance, and leave files where a story looks for what vouch leaves.
	for timer in apt-daily apt-daily-upgrade dpkg-db-backup; do
		ln -sf /dev/null "$1/etc/systemd/system/$timer.timer"
	done
}

# host_install FOLDER: the whole of vouch, as dpkg puts it into a system that does not run.
host_install() {
	dpkg --root="$1" --force-unsafe-io --install "$host_debs"/vouch{,-agent,-collector,-policies}_*.deb 2>&1
}

# The control groups that one container lives in, on hosts with version 1, 2 or both.
host_groups() {
	local hierarchy
	for hierarchy in unified systemd memory pids cpu cpuacct; do
		[[ -d /sys/fs/cgroup/$hierarchy ]] && echo "/sys/fs/cgroup/$hierarchy/$host_name"
	done
	[[ -f /sys/fs/cgroup/cgroup.procs ]] && echo "/sys/fs/cgroup/$host_name"
	return 0
}

# host_boot FOLDER: boots it and waits until it is up. host_leader is then its process 1, as seen from here.
host_boot() {
	local folder=$1 group
	for group in $(host_groups); do
		mkdir -p "$group"
	done
	(
		for group in $(host_groups); do
			echo "$BASHPID" >"$group/cgroup.procs"
		done
		exec systemd-nspawn --quiet --boot -D "$folder" -M "$host_name" --register=no --keep-unit --console=pipe \
			--private-network --link-journal=no --capability=all --system-call-filter=@known \
			"${host_options[@]}" </dev/null
	) >>"$work/boot.log" 2>&1 &
	story_processes[host]=$!
	within 60 host_find_leader || return 1
	within 180 host_is_up
}

host_find_leader() {
	host_leader=$(pgrep -P "${story_processes[host]}" -x systemd | head -n 1)
	[[ -n $host_leader ]]
}

host_is_up() {
	[[ $(in_host systemctl is-system-running 2>/dev/null) =~ ^(running|degraded)$ ]]
}

# in_host COMMAND...: inside, as root; its exit status. With a new login's environment.
in_host() {
	nsenter -t "$host_leader" -a -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root "$@"
}

# host_enrol: a collector inside, as a service, and the host enrolled at it; vouchd and what it needs run then.
host_enrol() {
	in_host vouch-collector init /srv/collector
	in_host systemd-run --quiet --unit=collector vouch-collector run /srv/collector
	within 20 in_host bash -c 'exec 3<>/dev/tcp/127.0.0.1/8443'
	in_host bash -c 'umask 077 && vouch-collector token add /srv/collector >/run/token'
	in_host vouch enrol https://127.0.0.1:8443 --token-file /run/token \
		--ca-fingerprint "$(in_host vouch-collector fingerprint /srv/collector)"
	in_host systemctl enable --now vouchd
}

# unit_is UNIT STATE: active, inactive, failed.
unit_is() {
	[[ $(in_host systemctl is-active "$1") == "$2" ]]
}

# as_unit UNIT COMMAND...: in a copy of the unit that runs this once instead of its program: same user, same capabilities,
# same sandbox. Its words and its exit status.
as_unit() {
	local unit=$1 copy=as-$1 inside=/proc/$host_leader/root status
	shift
	printf '#!/bin/bash\nexec %s\n' "$(printf '%q ' "$@")" >"$inside/run/$copy.sh"
	chmod 755 "$inside/run/$copy.sh"
	rm -f "$inside/run/$copy.out"
	sed -E -e '/^(Condition[A-Za-z]*|Requires|PartOf|Wants|After|Restart|WatchdogSec|FileDescriptorStoreMax|Type|ExecStart|ExecReload|StateDirectory|RuntimeDirectory[A-Za-z]*)/d' \
		-e "s|^\[Service\]|&\nType=oneshot\nExecStart=/run/$copy.sh\nStandardOutput=truncate:/run/$copy.out\nStandardError=inherit|" \
		"$inside/usr/lib/systemd/system/$unit.service" >"$inside/run/systemd/system/$copy.service"
	in_host systemctl daemon-reload
	in_host systemctl start "$copy" 2>/dev/null && status=0 || status=1
	cat "$inside/run/$copy.out" || status=1
	in_host systemctl reset-failed "$copy" 2>/dev/null || true
	return "$status"
}

host_off() {
	in_host systemctl --no-block poweroff >/dev/null 2>&1 || true
	within 90 host_is_gone || true
	host_clear
}

# Whatever became of it: no process and no control group is left. At the end of every story.
host_clear() {
	local group
	if [[ -n ${story_processes[host]-} ]]; then
		kill -KILL ${host_leader:+"$host_leader"} "${story_processes[host]}" 2>/dev/null || true
		wait "${story_processes[host]}" 2>/dev/null || true
		unset "story_processes[host]"
	fi
	for group in $(host_groups); do
		within 5 host_group_gone "$group" || echo "# $group is left"
	done
}

host_group_gone() {
	[[ ! -d $1 ]] || find "$1" -depth -type d -exec rmdir {} + 2>/dev/null
	[[ ! -d $1 ]]
}

host_is_gone() {
	! kill -0 "${story_processes[host]}" 2>/dev/null
}
story_hooks+=(host_clear)
