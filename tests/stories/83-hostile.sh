#!/bin/bash
# A hostile program in vouchd's place: same user, same sandbox. It asks the helpers for what is not listed, by detours, links,
# second names and races; sends what is no request, descriptors that nobody wants, a thousand connections; leaves in the
# middle. Each refusal has an errno and a line in the journal, nothing crashes, nothing leaks, nobody else is turned away.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/host.sh"

root=$work/root
sockets=/run/vouch/broker
keys=file:/home/mallory/.ssh/authorized_keys
host_make "$root"
host_install "$root" >"$work/install.log" 2>&1
install -m 755 "${VOUCH_HOSTILE-$story_top/build/release/hostile}" "$root/usr/bin/hostile"
printf '%s\n' 'file:/home/*/.ssh/authorized_keys' 'file:/srv/led > /etc/hostname' 'file:/srv/astray > /etc/hostname' \
	'file:/proc/[0-9]*/exe' 'file:/proc/[0-9]*/fd/*' >>"$root/etc/vouch/paths"
ln -s ../etc/hostname "$root/srv/led"
ln -s /etc/shadow "$root/srv/astray"
# What vouchd's unit wants before it starts.
mkdir -p "$root/var/lib/vouch/enrolment"
echo '{}' >"$root/var/lib/vouch/enrolment/enrolment.json"
check "it boots" host_boot "$root"
in_host systemctl start vouch-broker-{fs,net,audit,audit-notices,ptrace}.socket
in_host useradd -m mallory
in_host bash -c 'cd /home/mallory && mkdir .ssh && printf "a key\n" >.ssh/key && ln -s /etc/shadow .ssh/link &&
	chown -Rh mallory: .ssh && ln /etc/shadow .ssh/authorized_keys'

# hostile ARGUMENT...: in vouchd's place; what it says is in $said. came WHAT: what came of that.
hostile() {
	said=$(as_unit vouchd hostile "$@") || not_ok "hostile $2 fails: $said"
}
came() {
	awk -F '\t' -v what="$1" '$1 == what { print $2 }' <<<"$said"
}
# in_journal UNIT TEXT: since the unit was last begun.
in_journal() {
	journal "$1" >"$work/journal"
	grep -F -- "$2" "$work/journal"
}
journal() {
	in_host journalctl --sync
	in_host journalctl -q -o cat "_SYSTEMD_INVOCATION_ID=$(invocation "$1")"
}
invocation() {
	in_host systemctl show -p InvocationID --value "vouch-broker-$1"
}
# No child, and three standard descriptors, the socket and the one for signals.
holds_nothing() {
	local pid
	pid=$(in_host systemctl show -p MainPID --value "vouch-broker-$1")
	[[ -z $(in_host cat "/proc/$pid/task/$pid/children") && $(in_host ls "/proc/$pid/fd" | wc -l) == 5 ]]
}
# ended_well UNIT: nothing of it has crashed. It is begun anew by who asks next, with an empty count of lines.
ended_well() {
	equal "broker $1 still runs" active "$(in_host systemctl is-active "vouch-broker-$1" || true)"
	equal "broker $1 was never started again" 0 "$(in_host systemctl show -p NRestarts --value "vouch-broker-$1")"
	check "broker $1 holds no more than at its beginning" within 60 holds_nothing "$1"
	equal "no process of broker $1 crashed" "" "$(in_journal "$1" "was ended by" || true)"
	in_host systemctl stop "vouch-broker-$1.service" 2>/dev/null
	equal "broker $1 ends well" success "$(in_host systemctl show -p Result --value "vouch-broker-$1")"
}

# --- names: what each is refused with. A part at a time, as the journal gets 20 lines at once.
declare -A names=()
expected=()
while read -r unit name errno; do
	names[$unit]+=" $name"
	expected+=("$unit $name $errno")
done <<-'EOF'
	fs     file:/etc/shadow                              EACCES
	fs     file:/var/lib/vouch/enrolment/evidence.pem    EACCES
	fs     file:/etc/ssh/ssh_host_ed25519_key            EACCES
	fs     file:/proc/1/environ                          EACCES
	fs     dir:/root                                     EACCES
	fs     tree:/                                        EACCES
	fs     watch:dir:/root                               EINVAL
	fs     cmd:sh                                        EOPNOTSUPP
	fs     file:/etc/sysctl.d/../shadow.conf             EINVAL
	fs     file:/etc/ssh//sshd_config                    EINVAL
	fs     file:/home/mallory/.ssh/authorized_keys       EPERM
	fs     file:/srv/astray                              EPERM
	fs     file:/proc/1/exe                              EPERM
	fs     file:/proc/1/fd/0                             EPERM
	fs     nft:ruleset                                   EOPNOTSUPP
	fs/2   luks:/etc/shadow                              EACCES
	fs/2   luks:/dev/../etc/shadow                       EINVAL
	fs/2   head:/etc/shadow                              EACCES
	fs/2   keyfile:/etc/ssh/ssh_host_ed25519_key         EACCES
	fs/2   keyfile:/home/mallory/.ssh/authorized_keys    EPERM
	fs/2   keyfile:/home/mallory/.ssh/link               EPERM
	fs/2   dpkg:verify?all                               EACCES
	fs/2   dpkg:verify?path=/etc/shadow                  EACCES
	fs/2   rpmdb:/root                                   EOPNOTSUPP
	fs/2   containers:/root                              EOPNOTSUPP
	fs/2   cmd:chronyc                                   EOPNOTSUPP
	fs/2   canary:log                                    EOPNOTSUPP
	fs/2   previous:auth.pw.minlen_effective             EOPNOTSUPP
	fs/2   file:/etc/unbound/unbound_control.key         EACCES
	net    file:/etc/passwd                              EOPNOTSUPP
	net    nft:flush                                     EOPNOTSUPP
	net    netfile:/proc/1/environ                       EACCES
	net    cmd:chronyc?-a                                EOPNOTSUPP
	audit  file:/etc/passwd                              EOPNOTSUPP
	audit  audit:off                                     EOPNOTSUPP
	audit  watch:audit:rules                             EOPNOTSUPP
	audit-notices audit:rules                            EOPNOTSUPP
	ptrace file:/proc/1/mem                              EOPNOTSUPP
	ptrace processes:/proc/1/mem                         EOPNOTSUPP
EOF
for part in fs fs/2 net audit audit-notices ptrace; do
	unit=${part%/*}
	read -ra asked <<<"${names[$part]}"
	hostile $sockets-$unit.sock ask "${asked[@]}"
	journal "$unit" >"$work/journal" # once: who is asked nothing for a minute ends
	for line in "${expected[@]}"; do
		read -r of name errno <<<"$line"
		[[ $of == "$part" ]] || continue
		equal "broker $unit refuses $name" "$errno" "$(came "$name")"
		check "and the journal has it" grep -F -- ": $errno: $name: " "$work/journal"
	done
	ended_well "$unit"
done
hostile $sockets-fs.sock ask file:/etc/hostname file:/srv/led shadow:
equal "what is listed is given" "given given given" "$(tr '\n' ' ' <<<"$(cut -f 2 <<<"$said")" | xargs)"

# --- what is no request, on every broker
for unit in fs net audit audit-notices ptrace; do
	hostile $sockets-$unit.sock raw
	for what in "one byte too long" "64 KiB"; do
		equal "broker $unit: $what" EMSGSIZE "$(came "$what")"
	done
	for what in "a number alone" "a NUL" "a newline" "not UTF-8"; do
		equal "broker $unit: $what" EINVAL "$(came "$what")"
	done
	equal "broker $unit: three bytes, without a number to answer to" closed "$(came "three bytes")"
	check "and the journal has it" in_journal "$unit" ": EMSGSIZE: not a request"
	check "and that too" in_journal "$unit" ": EINVAL: not a request"
	ended_well "$unit"
done

# --- descriptors
for name in file:/etc/passwd watch:file:/etc/passwd; do
	hostile $sockets-fs.sock send "$name"
	for what in one two "two hundred and fifty"; do
		equal "$what for $name" EINVAL "$(came "$what")"
	done
	equal "what was sent is not kept" closed "$(came "the other end of what was sent")"
done
check "the journal has who sends what is not wanted" in_journal fs ": EINVAL: file:/etc/passwd: asked for with a descriptor"
check "and what is no inotify instance" in_journal fs ": EINVAL: watch:file:/etc/passwd: the descriptor is not an inotify"
ended_well fs

# --- too many, and too hasty
hostile $sockets-fs.sock flood 1000 file:/etc/hostname
equal "of a thousand connections as many are kept as one user gets" 16 "$(came kept)"
equal "the others are closed" 984 "$(came closed)"
equal "those kept are served" 16 "$(came served)"
check "the journal has it" in_journal fs ": EAGAIN: 16 connections already"
hostile $sockets-fs.sock leave 200 tree:/etc
hostile $sockets-fs.sock hoard 1000 tree:/var/log
check "root is served all the while" in_host vouch sources --helpers /run/vouch file:/etc/hostname
ended_well fs
check "the journal counts what it leaves out" in_host bash -c \
	"journalctl --sync; journalctl -q -o cat -u vouch-broker-fs | grep -q 'more refusals are not written here'"

# --- who is neither vouchd's user nor root
said=$(in_host runuser -u mallory -- hostile $sockets-fs.sock ask file:/etc/hostname || true)
equal "another user does not get to the socket" EACCES "$(came connect)"
said=$(in_host setpriv --reuid mallory --regid vouch --clear-groups hostile $sockets-fs.sock ask file:/etc/hostname || true)
equal "one of vouchd's group is not served" closed "$(came file:/etc/hostname)"
check "the journal has it" in_journal fs ": EACCES: neither the client nor root"

# --- links and races in a user's folder
in_host bash -c 'cd /home/mallory/.ssh && rm authorized_keys && mv key authorized_keys'
hostile $sockets-fs.sock ask $keys
equal "a user's own file is given" given "$(came $keys)"
in_host systemd-run --quiet --uid=mallory --unit=flip hostile /home/mallory/.ssh/authorized_keys flip /home/mallory/.ssh/link
hostile $sockets-fs.sock race 10000 $keys $'a key\n'
equal "while it is exchanged for a link it is given at times" some "$(came given)"
equal "and refused at times" some "$(came refused)"
equal "and never is something else given" 0 "$(came wrong)"
in_host systemctl stop flip
check "the journal has it" in_journal fs "/home/mallory/.ssh: others than root may have made the link in it"
ended_well fs

# --- the list
sed -i 's|^file:/etc/hostname$|#&|' "$root/etc/vouch/paths"
hostile $sockets-fs.sock ask file:/etc/hostname file:/etc/passwd
equal "a line that was struck" EACCES "$(came file:/etc/hostname)"
equal "and one that was not" given "$(came file:/etc/passwd)"
echo 'all of it' >>"$root/etc/vouch/paths"
hostile $sockets-fs.sock ask file:/etc/passwd
equal "with a bad line nothing is given" EACCES "$(came file:/etc/passwd)"
check "the journal has which line" in_journal fs "/etc/vouch/paths:$(wc -l <"$root/etc/vouch/paths"): not the name of a source"
ended_well fs
hostile $sockets-fs.sock ask file:/etc/passwd
equal "nor by a broker that begins with it" EACCES "$(came file:/etc/passwd)"
sed -i '$d' "$root/etc/vouch/paths"
hostile $sockets-fs.sock ask file:/etc/passwd
equal "without the line it is given" given "$(came file:/etc/passwd)"
ended_well fs

equal "no program dumped its memory" "" "$(in_host journalctl -q -o cat -g 'dumped|segfault|SIGSEGV|SIGABRT' || true)"
check "all is well in the host's own eyes" in_host systemctl is-system-running
host_off
