#!/bin/bash
# What may not be read must not pass for what is not there. Each finding here would vanish if a helper that has lost its
# sight answered with what little it still sees: a drop-in left out, an empty list, a folder without its one file. So under
# the real units, sight is taken away in all the ways that happen, and each time the rules end in unknown or error with the
# reason, nothing passes that did not, and all is as before once sight is given back.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/host.sh"

root=$work/root
host_make "$root"
host_install "$root" >"$work/install.log" 2>&1

# --- a host with findings, each behind something that can be taken away
mkdir -p "$root"/etc/{vouch,modprobe.d,sudoers.d,ssh/sshd_config.d} "$root/story"
install -m 600 /dev/stdin "$root/etc/ssh/sshd_config.d/10-story.conf" <<<'PermitRootLogin yes'
install -m 600 /dev/stdin "$root/etc/modprobe.d/story.conf" <<<'install cramfs /bin/false'
install -m 440 /dev/stdin "$root/etc/sudoers.d/story" <<<'games ALL=(ALL) NOPASSWD: ALL'
install -d -m 700 "$root/etc/ssl/private"
install -m 644 /dev/stdin "$root/etc/ssl/private/story.key" <<<'a private key'
cat >"$root/etc/vouch/story.yaml" <<-'EOF'
	policy: {id: story, version: 1.0.0, framework: "iso27001:2022", title: Findings, owner: tests, review_by: 2036-01-01}
	rules:
EOF
# rule ID CHECK PARAMETERS EXPECTATION
rule() {
	cat >>"$root/etc/vouch/story.yaml" <<-EOF
		  - id: story.$1
		    title: What $1 says
		    controls: [A.8.9]
		    severity: low
		    kind: design
		    every: 1h
		    check: $2
		    with: $3
		    expect: $4
		    why: It is a finding.
		    fix: Take it away.
	EOF
}
rule sshd sshd '{}' '{every: {permitrootlogin: {not: "yes"}}}'
rule modprobe kmod '{names: [cramfs]}' '{none: {blocked: true}}'
rule keys key_files '{folders: [/etc/ssl/private]}' '{every: {world_access: false}}'
rule journal journald '{}' '{boots: {at_most: 0}}'
rule mounts mount '{targets: [/story]}' '{nosuid: true}'
rule filter nft '{}' '{every: {effective: drop}}'
printf '%s\n' processes: netns: sockets:listen 'netfile:*' cmd:cvtsudoers audit:status audit:rules 'tree:/etc/ssl/private' \
	'link:/story' >>"$root/etc/vouch/paths"

check "it boots" host_boot "$root"
in_host mount -t tmpfs none /story
in_host systemctl start ssh vouch-broker-{fs,net,audit,ptrace}.socket
as_vouch=(setpriv --reuid=vouch --regid=vouch --init-groups --inh-caps=-all --bounding-set=-all)

# look NAME: all rules, as vouchd would; verdict and reason NAME RULE, verdicts NAME: of that look.
# What a busy machine had no time for is looked at again: nothing here takes the time away.
look() {
	local tries
	for tries in 1 2 3; do
		in_host "${as_vouch[@]}" vouch run --helpers /run/vouch --json --policy /usr/share/vouch/policies/linux-baseline \
			--policy /etc/vouch/story.yaml >"$work/$1.json" 2>"$work/look.log" || (($? != 2))
		jq -e 'any(.results[].sources[]?; .error == "timeout")' "$work/$1.json" >/dev/null || return 0
		echo "# look $tries ($1): no time for $(jq -r '[.results[].sources[]? | select(.error == "timeout").name] | unique | join(" ")' "$work/$1.json")"
	done
}
verdict() {
	jq -r --arg rule "$2" '.results[] | select(.rule == $rule) | .verdict' "$work/$1.json"
}
reason() {
	jq -r --arg rule "$2" '.results[] | select(.rule == $rule) | .reason' "$work/$1.json"
}
verdicts() {
	jq -r '.results[] | "\(.rule) \(.verdict)"' "$work/$1.json" | sort
}
# line_of NAME: of a source: its name, then size and digest, or error and reason.
line_of() {
	in_host "${as_vouch[@]}" vouch sources --helpers /run/vouch "$1" 2>>"$work/sources.log" || true
}
# source_is WHAT NAME ERROR REASON: the source ends in this error; REASON is for grep -E.
source_is() {
	local line
	line=$(line_of "$2")
	if [[ $(cut -f 2 <<<"$line") == "$3" ]] && grep -qE -- "$4" <<<"$line"; then
		ok "$1: $2 is $3 ($(cut -f 3 <<<"$line" | cut -c 1-120))"
	else
		not_ok "$1: $(tr '\t' ' ' <<<"$line" | cut -c 1-300)"
	fi
}
has_bytes() {
	[[ $(line_of "$1" | cut -f 2) =~ ^[0-9]+$ ]]
}

# unit UNIT [LINE...]: with these lines added to its [Service]; without lines as it was installed. It starts anew when asked.
unit() {
	local folder=/proc/$host_leader/root/run/systemd/system/$1.service.d
	rm -f "$folder/story.conf"
	if (($# > 1)); then
		mkdir -p "$folder"
		printf '%s\n' '[Service]' "${@:2}" >"$folder/story.conf"
	fi
	in_host systemctl daemon-reload
	in_host systemctl --quiet stop "$1.service" 2>/dev/null
}

# blind WHAT REASON RULE...: a look while sight is taken away. The rules end in unknown or error with the REASON, and none
# passes that did not before.
blind() {
	local what=$1 reason=$2 one
	look blind
	for one in "${@:3}"; do
		if [[ $(verdict blind "$one") =~ ^(unknown|error)$ ]] && reason blind "$one" | grep -qE -- "$reason"; then
			ok "$what: $one is $(verdict blind "$one") ($(reason blind "$one" | cut -c 1-120))"
		else
			not_ok "$what: $one is $(verdict blind "$one"): $(reason blind "$one")"
		fi
	done
	equal "$what: nothing passes that did not" "" \
		"$(comm -13 <(verdicts before) <(verdicts blind) | sed -n 's/ pass$//p' | xargs)"
}
# seen WHAT: all is as before.
seen() {
	look again
	equal "$1: all verdicts are as before" "" "$(comm -3 <(verdicts before) <(verdicts again) | xargs)"
}

# --- with sight, each is found
look before
for finding in sshd modprobe keys journal mounts filter; do
	equal "story.$finding is found" fail "$(verdict before "story.$finding")"
	[[ $(verdict before "story.$finding") == fail ]] || echo "# $(reason before "story.$finding")"
done
for name in cmd:cvtsudoers processes: netns: sockets:listen nft:ruleset mounts: journal:boots netfile:1/tcp; do
	check "$name is seen" has_bytes "$name"
	has_bytes "$name" || echo "# $(line_of "$name")"
done

# --- the helper for files has lost its capability: what everybody may read is still there, and only that
unit vouch-broker-fs CapabilityBoundingSet= AmbientCapabilities=
blind "without its capability" "EACCES|denied" story.sshd story.modprobe story.keys story.journal
source_is "without its capability" cmd:cvtsudoers denied "/etc/sudoers.*EACCES"
source_is "without its capability" shadow: denied EACCES
source_is "without its capability" journal:boots denied EACCES
unit vouch-broker-fs
seen "with its capability again"

# --- one file of a folder is hidden from it, and one folder, as systemd's own sandbox does it: they look empty then
unit vouch-broker-fs InaccessiblePaths=/etc/modprobe.d/story.conf InaccessiblePaths=/etc/ssl/private
blind "a file and a folder that the unit hides" "EPERM|hides" story.modprobe story.keys
unit vouch-broker-fs
seen "when nothing is hidden"

# --- a line struck from the list of what may be asked for
cp "$root/etc/vouch/paths" "$work/paths"
grep -vE '^[a-z]+:/?\*$|modprobe|ssl/private' "$work/paths" >"$root/etc/vouch/paths"
blind "what the administrator struck from the list" "not in /etc/vouch/paths" story.modprobe story.keys
cat "$work/paths" >"$root/etc/vouch/paths"
seen "with the list as it was"

# --- sudoers that sudo refuses, though cvtsudoers would show it
in_host chmod 666 /etc/sudoers.d/story
source_is "a file that everybody may write" cmd:cvtsudoers unreadable "sudo refuses /etc/sudoers.d/story, mode 0666"
in_host chmod 440 /etc/sudoers.d/story
in_host chown vouch /etc/sudoers.d
source_is "a folder that another user owns" cmd:cvtsudoers unreadable "sudo refuses /etc/sudoers.d, mode"
in_host chown root /etc/sudoers.d
check "sudo takes them again, and they are shown" has_bytes cmd:cvtsudoers

# --- a network of its own: no filter, no listeners, and that means nothing
unit vouch-broker-net PrivateNetwork=yes
blind "in a private network" "namespace|network" story.filter
source_is "in a private network" sockets:listen unproved "network namespace"
source_is "in a private network" nft:ruleset unproved "network namespace"
unit vouch-broker-net CapabilityBoundingSet= AmbientCapabilities=
blind "the helper for the network without its capability" "not permitted|EPERM" story.filter
unit vouch-broker-net
seen "in the host's network, with its capability"

# --- processes that may not be asked, and a /proc that hides them
unit vouch-broker-ptrace CapabilityBoundingSet= AmbientCapabilities=
source_is "who may not trace" processes: denied EACCES
source_is "who may not trace" netns: denied EACCES
in_host mount -o remount,hidepid=2 /proc
source_is "with hidepid=2" processes: denied hidepid
source_is "with hidepid=2" netns: denied hidepid
source_is "with hidepid=2" "netfile:1/tcp" denied hidepid
blind "with hidepid=2" "/proc" story.mounts
equal "with hidepid=2: the network is still known to be the host's, by the socket that systemd made" fail "$(verdict blind story.filter)"
unit vouch-broker-ptrace
check "who may trace sees behind hidepid=2" has_bytes processes:
in_host mount -o remount,hidepid=0 /proc
seen "without hidepid"

# --- nobody answers
in_host systemctl stop vouch-broker-fs.{socket,service}
blind "without the helper for files" "/run/vouch/broker-fs.sock" story.sshd story.modprobe story.keys story.journal story.mounts
in_host systemctl start vouch-broker-fs.socket
seen "with the helper for files"

# --- the kernel keeps its audit from containers: that is no empty list of rules
source_is "in a container" audit:rules unproved container
source_is "in a container" audit:status unproved container
host_off
