#!/bin/bash
# Three Debian releases, each a folder made by mmdebstrap, looked at with --root: by root, then by an ordinary user. No rule
# errs; each rule that cannot say gives a reason of the table below, which is what a folder does not hold; and what a reader
# of the folder knows by hand is what comes out.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"

. "$(dirname "${BASH_SOURCE[0]}")/../lib/folders.sh"

if ((EUID != 0)); then
	not_ok "this story needs root, to make the folders"
	exit 1
fi

# may_not_say REASON RULE...: these may be unknown or notchecked with a reason that matches (grep -E).
declare -A may_not_say=()
may_not_say() {
	local reason=$1 rule
	for rule in "${@:2}"; do
		may_not_say[$rule]+="${may_not_say[$rule]+|}$reason"
	done
}
missing='not in this folder$'

# Nothing runs: no kernel,
may_not_say 'no /(proc|sys) here to see' arch.kernel.selfprot cfg.boot.secure cfg.cmdline cfg.kmod.policy cfg.sysctl.persistent \
	cfg.sysctl.running cry.fips.consistent cry.rest.luks_params ep.fde.swap mask.coredump mon.kernel.taint net.sysctl util.bpf \
	util.ptrace vul.cpu vul.kernel.running web.bypass.ipv6 web.bypass.vpn_proxy
may_not_say "unproved: mounts: $missing" cap.fs.space cfg.mount.options cry.rest.volumes ep.fde.root_chain
may_not_say "unproved: adjtimex: $missing" clk.kernel.state
may_not_say "unproved: audit:(status|rules): $missing" log.audit.immutable log.audit.lost_delta log.audit.rules_loaded log.audit.state
may_not_say "unproved: nft:ruleset: $missing" net.exposure.dnat net.fw.hook_effective
# no service manager,
may_not_say "unproved: units?:[a-z0-9.-]+: $missing" aud.agent.confined cfg.cmtool.last_run cfg.sshd.running_vs_file cfg.unit.effective \
	cfg.unit.failed cfg.unit.needreload clk.daemon.single clk.sources.approved clk.sources.count log.audit.early log.audit.fullaction \
	log.classes.seen log.continuity log.forward.configured log.forward.queue log.forward.tls log.journal.drops \
	log.journal.persistent log.journal.retention_actual log.record.fields log.rotation mal.engine.version_fresh \
	mon.agent.watchdog mon.sensor.connected vul.updates.auto_works
# no process that listens or has an old file open, no container.
may_not_say "unproved: sockets:listen: $missing" cfg.listeners.allowlist cry.cleartext.services cry.ssh.kexinit \
	cry.tls.cert.served_vs_disk cry.tls.cert.strength cry.tls.cert.validity cry.tls.listeners cry.tls.min_version cry.tls.suites
may_not_say "unproved: processes: $missing" vul.libs.stale
may_not_say "unproved: containers: $missing" cfg.container.runtime
# No program of the folder is started, and no other's is believed about it.
may_not_say "unproved: cmd:cvtsudoers: $missing" priv.set.effective priv.sudo.nopasswd
# Nothing is sent to the network, or to the log, in the name of a host that does not run.
may_not_say "unproved: (canary|dns|http|tls):.*: $missing" log.forward.canary web.allow.control web.bypass.doh web.bypass.dot
# What the organisation alone knows.
may_not_say 'this parameter is not set' bak.coverage bak.encrypted bak.job.result bak.restore.sample bak.rpo.per_path env.label.consistent web.allow.reach web.block.dns_test web.block.http_test web.block.ip_literal \
	web.bypass.direct web.bypass.dns53 web.path.resolver
# What is not there: lists of packages, which mmdebstrap takes away.
may_not_say 'no list of any repository is here' vul.feed.fresh

# The folder, that others may enter, without what images are often without: documentation and translations.
make_release() {
	local tar
	tar=$(folder_tar "$story_top/build" "release-$1" "$1" "$release_packages")
	mkdir "$folders/$1"
	tar -C "$folders/$1" --exclude=./usr/share/{doc,locale,man,zoneinfo} -xf "$tar"
}

# look NAME FOLDER [COMMAND...]: a round over the folder, by the command if there is one, into NAME.json.
look() {
	local status=0
	"${@:3}" "$place/bin/vouch" run --data "$place/share/vouch" --policy "$place/share/vouch/policies/linux-baseline" --root "$2" \
		--json >"$1.json" 2>"$1.log" || status=$?
	((status == 0 || status == 1 || status == 3))
}

counts() {
	jq -r '[.results[].verdict] | group_by(.) | map("\(.[0]) \(length)") | join(", ")' "$1"
}

# with_verdict PATTERN FILE: the rules, a line each.
with_verdict() {
	jq -r --arg verdict "^$1\$" '.results[] | select(.verdict | test($verdict)) | .rule' "$2" | sort
}

# unexplained FILE: the rules that cannot say and give no reason of the table; both on a line.
unexplained() {
	local rule reason
	jq -r '.results[] | select(.verdict == "unknown" or .verdict == "notchecked") | "\(.rule)\t\(.reason)"' "$1" |
		while IFS=$'\t' read -r rule reason; do
			[[ -n ${may_not_say[$rule]-} ]] && grep -qE -- "${may_not_say[$rule]}" <<<"$reason" || echo "$rule: $reason"
		done
}

# Rules that say another thing to an ordinary user, or cannot say, though nothing was denied.
unexplained_to_user() {
	jq -rn --slurpfile root "$work/$1.json" --slurpfile user "$work/$1-user.json" '
		($root[0].results | map({key: .rule, value: .verdict}) | from_entries) as $by_root
		| $user[0].results[]
		| select(.verdict != $by_root[.rule])
		| select(.verdict != "unknown" or (.reason | test("denied|EACCES|EPERM") | not))
		| "\(.rule): \(.verdict): \(.reason)"'
}

verdict() {
	jq -r --arg rule "$2" '.results[] | select(.rule == $rule) | .verdict' "$1"
}

# known RELEASE VERDICT RULE...
known() {
	local rule
	for rule in "${@:3}"; do
		equal "$1: $rule" "$2" "$(verdict "$work/$1.json" "$rule")"
	done
}

# The folders lie in memory where there is room: 20000 files are written and read once.
place=$(TMPDIR=/tmp mktemp -d)
room=$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1)
if ((${room:-0} > 2000000)); then folders=$(TMPDIR=/dev/shm mktemp -d); else folders=$(TMPDIR=/tmp mktemp -d); fi
trap 'rm -rf "$place" "$folders"; story_end' EXIT
chmod 755 "$place" "$folders"
cp -rL "$installed/bin" "$installed/share" "$place/"
chmod -R a+rX "$place"
cd /

for release in "${releases[@]}"; do
	make_release "$release"
done
user=(setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all)
for release in "${releases[@]}"; do
	check "$release: root's round is one" look "$work/$release" "$folders/$release"
	check "$release: an ordinary user's too" look "$work/$release-user" "$folders/$release" "${user[@]}"
	echo "# $release: $(counts "$work/$release.json"); an ordinary user: $(counts "$work/$release-user.json")"
done
rules=$(jq '.results | length' "$work/bookworm.json")
if ((rules > 100)); then ok "the baseline has $rules rules"; else not_ok "only ${rules:-no} rules"; fi

for release in "${releases[@]}"; do
	equal "$release: all $rules rules are looked at" "$rules" "$(jq '.results | length' "$work/$release.json")"
	equal "$release: no rule errs" "" "$(with_verdict error "$work/$release.json")"
	equal "$release: nothing is unknown without a reason of the table" "" "$(unexplained "$work/$release.json")"
	equal "$release: an ordinary user's round has no error either" "" "$(with_verdict error "$work/$release-user.json")"
	equal "$release: an ordinary user is told of no pass that root is not told of" "" \
		"$(comm -13 <(with_verdict pass "$work/$release.json") <(with_verdict pass "$work/$release-user.json"))"
	equal "$release: where an ordinary user is not told what root is told, a look was denied" "" "$(unexplained_to_user "$release")"
done
equal "the table has no rule that can say" "" \
	"$(comm -23 <(printf '%s\n' "${!may_not_say[@]}" | sort) <(for release in "${releases[@]}"; do
		with_verdict '(unknown|notchecked)' "$work/$release.json"
	done | sort -u) | xargs)"

# What is known by hand. mmdebstrap locks root's password, makes no other account, and gives apt three sources of Debian's.
for release in "${releases[@]}"; do
	known "$release" pass acc.shadow.perms acc.world_writable auth.empty_or_default cfg.pkg.integrity clk.rtc_utc_tz cry.keys.perms \
		cry.ssh.hostkeys cry.system.policy cry.trust.store log.files.protection priv.dormant priv.keys.root priv.root.direct_login \
		priv.uid0.accounts sw.repo.approved sw.repo.signature vul.held vul.pkg.inventory web.bypass.hosts
	# Passwords are let in by Debian's sshd; pam_unix has nullok; pwquality's least length is 8.
	known "$release" fail auth.ssh.effective auth.pam.stack auth.pw.minlen_effective
	known "$release" notapplicable cfg.cloudinit cfg.image.provenance web.browser.policy
done
supported_until() {
	if [[ $(date -u +%F) > $2 ]]; then known "$1" fail ep.os.supported; else known "$1" pass ep.os.supported; fi
}
supported_until bullseye 2026-08-31
supported_until bookworm 2028-06-30
supported_until trixie 2030-06-30

field() {
	jq -r --arg rule "$2" "[.results[] | select(.rule == \$rule) | .observed[] | $3] | unique | join(\" \")" "$work/$1.json"
}
for release in "${releases[@]}"; do
	# shellcheck disable=SC2016 # dpkg's own
	equal "$release: the packages are those that dpkg lists" \
		"$(dpkg-query --admindir="$folders/$release/var/lib/dpkg" -W -f '${Package} ${Version}\n' | sort | sha256sum)" \
		"$(jq -r '.results[] | select(.rule == "vul.pkg.inventory") | .observed[] | "\(.name) \(.version)"' "$work/$release.json" |
			sort | sha256sum)"
	equal "$release: its files say what its sshd does" files "$(field "$release" auth.ssh.effective .known_by)"
	equal "$release: a login over SSH is verified by pam_unix" pam_unix \
		"$(field "$release" auth.pam.stack 'select(.service == "sshd") | .verifiers[]')"
done
