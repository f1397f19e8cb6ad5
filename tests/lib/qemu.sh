# Sourced by stories that need what a container cannot show: a Debian 12 under a kernel of its own, in QEMU. No KVM is
# asked for, so everything in it is slow: it is up after most of a minute. Needs root, mmdebstrap, mke2fs and
# qemu-system-x86_64.
# shellcheck shell=bash

. "$(dirname "${BASH_SOURCE[0]}")/host.sh"

vm_packages=$host_packages,kmod,auditd,cryptsetup-bin,linux-image-cloud-amd64
vm_answer_seconds=120

# vm_make FOLDER: a root folder; made once and kept as a tar beside the builds, because it takes a minute or two. What a
# story puts into the folder before vm_boot is on the machine's disk.
vm_make() {
	local tar
	tar=$story_top/build/vm-$(sha256sum <<<"$vm_packages" | cut -c 1-8).tar
	(
		flock 9
		[[ -s $tar ]] || mmdebstrap --quiet --format=tar --variant=minbase --include="$vm_packages" \
			--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
			--dpkgopt='path-exclude=/usr/share/locale/*' bookworm "$tar.part"
		[[ -s $tar ]] || mv "$tar.part" "$tar"
	) 9>"$tar.lock"
	mkdir "$1"
	tar -C "$1" -xf "$tar"
	rm -f "$1"/boot/initrd* # the cloud kernel has NVMe and ext4 built in
	: >"$1/etc/machine-id"
	echo vm >"$1/etc/hostname"
	echo '/dev/nvme0n1 / ext4 defaults 0 1' >"$1/etc/fstab"
	vm_make_agent "$1"
}

# What runs commands inside: one line asks (number, command in base64), one answers (number, exit status, both outputs in
# base64, each with a dot behind it, so that none is empty).
vm_make_agent() {
	cat >"$1/usr/local/sbin/vm-agent" <<-'EOF'
		#!/bin/bash
		until [[ -c /dev/virtio-ports/vouch ]]; do # its driver is a module
			sleep 0.5
		done
		exec 3<>/dev/virtio-ports/vouch
		echo "0 0 . ." >&3
		while read -r number command <&3; do
			(eval "$(base64 -d <<<"$command")") </dev/null >/run/vm-out 2>/run/vm-err 3>&-
			echo "$number $? $(base64 -w 0 /run/vm-out). $(base64 -w 0 /run/vm-err)." >&3
		done
	EOF
	chmod 755 "$1/usr/local/sbin/vm-agent"
	cat >"$1/etc/systemd/system/vm-agent.service" <<-'EOF'
		[Unit]
		Description=Runs commands that come over the serial port

		[Service]
		ExecStart=/usr/local/sbin/vm-agent
	EOF
	ln -s ../vm-agent.service "$1/etc/systemd/system/multi-user.target.wants/vm-agent.service"
}

# vm_boot FOLDER [MEBIBYTES]: makes the disk, boots from it and waits until commands are run inside.
vm_boot() {
	local folder=$1 size=${2-2048}
	mke2fs -q -F -t ext4 -E lazy_itable_init=1,lazy_journal_init=1 -d "$folder" "$work/vm.img" "${size}M"
	cp "$folder"/boot/vmlinuz-* "$work/vm-kernel"
	vm_start
}

# The same disk once more, after vm_off.
vm_start() {
	local port=$work/vm-port
	rm -f "$port.in" "$port.out"
	mkfifo "$port.in" "$port.out"
	exec {vm_to}<>"$port.in" {vm_from}<>"$port.out"
	start vm qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 1024 -nodefaults -no-reboot \
		-display none -monitor none -serial "file:$work/vm-console.log" -kernel "$work/vm-kernel" \
		-append "root=/dev/nvme0n1 rw console=ttyS0 quiet systemd.show_status=no" \
		-drive "file=$work/vm.img,if=none,id=disk,format=raw,cache=unsafe" -device nvme,serial=vm,drive=disk \
		-device virtio-rng-pci -device virtio-serial-pci -chardev "pipe,id=port,path=$port" \
		-device virtserialport,chardev=port,name=vouch
	vm_answer 0 300 || return 1
	within 180 vm_is_up
}

vm_is_up() {
	[[ $(in_vm systemctl is-system-running) =~ ^(running|degraded)$ ]]
}

# Reads the answer to this question; answers to others, given up before, are thrown away. Sets vm_status, vm_out, vm_err.
vm_answer() {
	local number
	while read -r -t "$2" -u "$vm_from" number vm_status vm_out vm_err; do
		[[ $number == "$1" ]] && return 0
	done
	echo "the machine did not answer" >&2
	return 1
}

# in_host COMMAND...: what host.sh does in a host it does in the machine, once this is sourced.
in_host() {
	in_vm "$@"
}

# in_vm COMMAND...: inside, as root; its outputs and its exit status. 255: no answer.
in_vm() {
	local command
	printf -v command '%q ' "$@"
	vm_shell "$command"
}

# vm_shell SCRIPT: the same, by a shell.
vm_shell() {
	local number=$SRANDOM
	echo "$number $(base64 -w 0 <<<"$1")" >&"$vm_to"
	vm_answer "$number" "$vm_answer_seconds" || return 255
	base64 -d <<<"${vm_out%.}"
	base64 -d <<<"${vm_err%.}" >&2
	return "$vm_status"
}

vm_off() {
	in_vm systemctl --no-block poweroff >/dev/null 2>&1 || true
	within 90 vm_is_gone || kill -KILL "${story_processes[vm]}" 2>/dev/null || true
	wait "${story_processes[vm]}" 2>/dev/null || true
	unset "story_processes[vm]"
	exec {vm_to}>&- {vm_from}>&-
}

vm_is_gone() {
	! is_running vm
}
