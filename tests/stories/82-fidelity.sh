#!/bin/bash
# The sandbox must not falsify the look: every source of a round, and things that sandboxes are known to hide, are read by
# root in one process and through the units, and held against each other. Equal, or on the list of docs/DESIGN.md ("What
# differs through the units"). And the comparison is proved to see: with a line too many in a unit it finds what is hidden.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/host.sh"

root=$work/root
host_make "$root"
host_install "$root" >"$work/install.log"
check "it boots" host_boot "$root"
root_live=/proc/$host_leader/root

# --- what sandboxes hide, planted
modules=/usr/lib/modules/$(uname -r)
in_host useradd --create-home ada
in_host bash -c "mkdir -m 700 /home/ada/.ssh && echo 'ssh-ed25519 AAAA planted@home' >/home/ada/.ssh/authorized_keys &&
	chmod 600 /home/ada/.ssh/authorized_keys && chown -R ada: /home/ada/.ssh && chmod 700 /home/ada
	mkdir -p /tmp/planted/open /var/tmp/planted/open && chmod 0777 /tmp/planted/open /var/tmp/planted/open
	mkdir -p $modules/kernel && echo planted >$modules/kernel/planted.ko
	mkdir /mnt/planted && mount -t tmpfs -o nosuid,nodev,noexec,size=1m planted /mnt/planted
	mkdir /srv/planted && echo planted >/srv/planted/file && chmod 600 /srv/planted/file
	echo 1 >/proc/sys/net/ipv4/conf/all/log_martians
	nft add table inet planted"
in_host hostname planted-name
in_host systemd-run --quiet --unit=planted --uid=ada systemd-socket-activate -l 4711 /bin/cat
within 60 unit_is planted active

# name, and what only somebody who sees the host finds in it
planted=(
	file:/home/ada/.ssh/authorized_keys planted@home
	'tree:/home?perm=0400' /home/ada/.ssh/authorized_keys
	'tree:/tmp/planted?perm=0002' /tmp/planted/open
	'tree:/var/tmp/planted?perm=0002' /var/tmp/planted/open
	"dir:$modules/kernel" planted.ko
	"file:$modules/kernel/planted.ko" planted
	file:/srv/planted/file planted
	'tree:/root?perm=0200' /root/.bashrc
	mounts: /mnt/planted
	file:/proc/sys/net/ipv4/conf/all/log_martians 1
	file:/proc/sys/kernel/hostname planted-name
	nft:ruleset '"name":"planted"'
	sockets:listen '"port":4711'
	processes: systemd-socket-activate
)
# Without a telling word; sysctls that are of a namespace among them.
more=(netns: adjtimex: shadow: file:/proc/sys/kernel/shmmax file:/proc/sys/fs/mqueue/msg_max file:/proc/sys/kernel/random/boot_id
	file:/etc/shadow file:/proc/cmdline cmd:cvtsudoers stat:/dev/null dir:/sys/fs/cgroup dir:/sys/kernel/security
	dir:/proc/sys/fs/binfmt_misc statvfs:/home statvfs:/tmp audit:status audit:rules)
names=()
for ((i = 0; i < ${#planted[@]}; i += 2)); do
	names+=("${planted[i]}")
done
names+=("${more[@]}")
# An administrator lets the helpers look at what no rule of the baseline asks for.
printf '%s\n' "${names[@]}" >>"$root/etc/vouch/paths"
in_host systemctl start vouch-{broker-fs,broker-net,broker-audit,broker-ptrace,sealer}.socket vouch-prober.socket

# PrivateTmp= of the unit that asks is a folder in the host's /tmp for as long as it runs, and there is less room in it: the
# same folder for every time that it runs here.
mkdir -p "$root_live/run/systemd/system/as-vouchd.service.d"
printf '[Unit]\nJoinsNamespaceOf=private-tmp.service\n' >"$root_live/run/systemd/system/as-vouchd.service.d/private-tmp.conf"
in_host systemd-run --quiet --unit=private-tmp --property=PrivateTmp=yes sleep infinity

# A unit of its own, as the container keeps some calls from those that it starts.
# direct [NAME...], through [NAME...]: a line for each source, by root in process and by vouchd's unit with the helpers.
direct() {
	in_host systemd-run --quiet --wait --pipe /usr/bin/vouch sources "$@" || (($? == 1))
}
through() {
	as_unit vouchd vouch sources --helpers /run/vouch "$@" || true
}

# differences [NAME...]: lines "name <tab> directly <tab> through the units" of what is not the same. What moves between
# two looks of the same kind is the same when both ways could look.
differences() {
	direct "$@" >"$work/before.txt"
	through "$@" >"$work/through.txt"
	direct "$@" >"$work/after.txt"
	awk -F'\t' '
		function seen(line,   f) { split(line, f, "\t"); return f[3] ~ /^sha256:/ ? "looked" : f[2] }
		FILENAME ~ /before/ { before[$1] = $0; next }
		FILENAME ~ /after/ { after[$1] = $0; next }
		{ through[$1] = $0 }
		END {
			for (name in before) {
				b = before[name]; t = through[name]
				if (t == b || (b != after[name] && t != "" && seen(t) == seen(b))) continue
				print name "\t" substr(b, length(name) + 2) "\t" substr(t, length(name) + 2)
			}
			for (name in through) if (!(name in before)) print name "\tnot asked for\t" through[name]
		}' "$work/before.txt" "$work/after.txt" "$work/through.txt" | sort
}

# The list in docs/DESIGN.md: sources (shell patterns) that may differ, and this story's proof that it is only so much.
mapfile -t listed < <(sed -n '/^### What differs through the units/,/^##/s/^| `\([^`]*\)`.*/\1/p' "$story_top/docs/DESIGN.md")
check "docs/DESIGN.md has a list of what may differ" test "${#listed[@]}" -gt 0

bytes_direct() {
	in_host vouch sources --bytes "$1"
}
bytes_through() {
	as_unit vouchd vouch sources --helpers /run/vouch --bytes "$1"
}

# is_as_listed NAME: it is on the list, and differs as the list says.
is_as_listed() {
	local pattern
	for pattern in "${listed[@]}"; do
		# shellcheck disable=SC2254
		case $1 in
		$pattern) break ;;
		esac
		pattern=
	done
	case $pattern in
	netns:) jq -e --slurpfile through <(bytes_through "$1") \
		'(map(.inode) - ($through[0] | map(.inode))) == []' <(bytes_direct "$1") >/dev/null ;;
	netfile:*) # by its two bytes, "[]": whose namespace it was may have gone
		awk -F'\t' -v name="$1" '$1 == name { found = $2 == 2 } END { exit !found }' "$work/through.txt" ;;
	file:/proc/*/status) grep -qE '^Name:[[:space:]]+vouch' <(bytes_through "$1") ;;
	*) return 1 ;;
	esac
}

# unlisted [NAME...]: the differences that are not as listed.
unlisted() {
	local name line
	while IFS= read -r line; do
		name=${line%%$'\t'*}
		is_as_listed "$name" || echo "$line"
	done < <(differences "$@")
}

# unexplained [NAME...]: and that are still there when these sources are asked again: what a sandbox hides stays hidden, what
# other programs of this machine do between two looks, or a look that a busy machine had no time for, does not.
unexplained() {
	local again
	unlisted "$@" >"$work/unlisted.txt"
	mapfile -t again < <(cut -f 1 "$work/unlisted.txt")
	cp "$work/through.txt" "$work/all.txt"
	((${#again[@]} == 0)) || unlisted "${again[@]}"
	cp "$work/all.txt" "$work/through.txt"
}

# --- everything, both ways
equal "every source of a round is the same through the units" "" "$(unexplained | head -n 20)"
count=$(wc -l <"$work/through.txt")
check "that were $count sources" test "$count" -ge 200
equal "what was planted is the same through the units" "" "$(unexplained "${names[@]}" | head -n 20)"
as_unit vouchd bash -c 'for name; do echo; echo "== $name"; vouch sources --helpers /run/vouch --bytes "$name"; done' \
	each "${names[@]}" >"$work/bytes.txt" || true
for ((i = 0; i < ${#planted[@]}; i += 2)); do
	check "seen through the units: ${planted[i]}" grep -qF -- "${planted[i + 1]}" \
		<(awk -v name="== ${planted[i]}" '/^== / { on = $0 == name; next } on' "$work/bytes.txt")
done

# --- a line too many in a unit: the comparison names what it hides
# falsified UNIT LINE NAME...: with the line in a drop-in, at least these are found to differ.
falsified() {
	local unit=$1 line=$2 found name
	shift 2
	mkdir -p "$root_live/run/systemd/system/$unit.service.d"
	printf '[Service]\n%s\n' "$line" >"$root_live/run/systemd/system/$unit.service.d/falsify.conf"
	in_host systemctl daemon-reload
	in_host systemctl stop "$unit.service" 2>/dev/null
	found=$(comm -23 <(direct "$@" | sort) <(through "$@" | sort) | cut -f 1)
	for name in "$@"; do
		check "$line in $unit is found out by $name" grep -qxF -- "$name" <<<"$found"
	done
	rm "$root_live/run/systemd/system/$unit.service.d/falsify.conf"
	in_host systemctl daemon-reload
	in_host systemctl stop "$unit.service" 2>/dev/null
}
falsified vouch-broker-fs ProtectHome=yes file:/home/ada/.ssh/authorized_keys 'tree:/home?perm=0400' 'tree:/root?perm=0200'
falsified vouch-broker-fs PrivateTmp=yes 'tree:/tmp/planted?perm=0002' 'tree:/var/tmp/planted?perm=0002'
falsified vouch-broker-fs ProtectKernelModules=yes "dir:$modules/kernel" "file:$modules/kernel/planted.ko"
falsified vouch-broker-fs PrivateNetwork=yes file:/proc/sys/net/ipv4/conf/all/log_martians
falsified vouch-broker-fs PrivateUsers=yes file:/etc/shadow file:/srv/planted/file
falsified vouch-broker-fs InaccessiblePaths=/srv file:/srv/planted/file
falsified vouch-broker-net PrivateNetwork=yes nft:ruleset sockets:listen
falsified vouch-broker-net PrivateUsers=yes nft:ruleset
equal "without these lines all is the same again" "" "$(unexplained "${names[@]}" | head -n 20)"

# --- a /proc that hides the processes of others: the reason instead of names, and nothing passes that did not
verdicts() {
	as_unit vouchd vouch run --json --helpers /run/vouch >"$work/run.json" 2>"$work/run.log" || true
	jq -r '.results[] | [.rule, .verdict] | @tsv' "$work/run.json" | sort
}
verdicts >"$work/open.tsv"
check "a round through the units has verdicts" test "$(wc -l <"$work/open.tsv")" -ge 40
in_host mount -o remount,hidepid=2 /proc
in_host systemctl stop vouch-broker-{fs,net,ptrace}.service 2>/dev/null
differences "${names[@]}" >"$work/hidden.tsv"
equal "under hidepid=2 a source is the same or says why not" "" \
	"$(awk -F'\t' '{ split($0, f, "\t"); t = $0; sub(/^[^\t]*\t/, "", t) } $0 !~ /\t(denied|unproved|unreadable|timeout)\t[^\t]+$/' \
		"$work/hidden.tsv")"
verdicts >"$work/hidden-verdicts.tsv"
equal "and no rule passes that did not before" "" \
	"$(comm -13 <(grep -P '\tpass$' "$work/open.tsv") <(grep -P '\tpass$' "$work/hidden-verdicts.tsv"))"
in_host mount -o remount,hidepid=0 /proc
host_off
