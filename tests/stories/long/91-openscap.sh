#!/bin/bash
# Beside OpenSCAP with the SCAP Security Guide's content for Debian 12: the same host, as it is installed and after it was
# spoilt on purpose, judged by both. Where the Guide says fail, the baseline does not say pass, unless the map says why.
. "$(dirname "${BASH_SOURCE[0]}")/../../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../../lib/host.sh"
host_packages+=,openscap-scanner,libpam-pwquality,rsyslog,logrotate,chrony,linux-image-cloud-amd64

root=$work/root
map=$(dirname "${BASH_SOURCE[0]}")/openscap.map
content=$story_top/build/ssg-debian12-ds.xml

# Debian 13's package is the one that knows Debian 12.
guide_get() {
	[[ -s $content ]] && return
	mmdebstrap --quiet --variant=extract --include=ssg-debian trixie "$work/guide"
	cp "$work/guide/usr/share/xml/scap/ssg/content/ssg-debian12-ds.xml" "$content"
}
check "the Guide's content is there" guide_get

host_make "$root"
host_install "$root" >"$work/install.log"
cp "$content" "$root/root/ds.xml"
check "it boots" host_boot "$root"

# theirs NAME: "id result" of each rule that the map has. oscap's own exit code 2 means that rules failed.
theirs() {
	local rules=() id
	while read -r id _; do
		rules+=(--rule "xccdf_org.ssgproject.content_rule_$id")
	done < <(grep -v '^#' "$map")
	in_host oscap xccdf eval --profile '(all)' "${rules[@]}" --results /root/results.xml /root/ds.xml >"$work/$1.log" 2>&1 || (($? == 2))
	python3 - "$root/root/results.xml" >"$work/$1.theirs" <<'EOS'
import sys, xml.etree.ElementTree as tree
space = "{http://checklists.nist.gov/xccdf/1.2}"
for result in tree.parse(sys.argv[1]).iter(space + "rule-result"):
    print(result.get("idref").split("content_rule_")[1], result.find(space + "result").text)
EOS
}
# ours NAME: "rule verdict reason".
ours() {
	in_host vouch run --json >"$work/$1.json" 2>"$work/$1.err" || (($? != 2))
	jq -r '.results[] | "\(.rule) \(.verdict) \(.reason | gsub("\n"; " "))"' "$work/$1.json" >"$work/$1.ours"
}

# compared NAME: a row for each pair where one says fail and the other pass; false where theirs fails, ours passes and
# the map has no reason.
compared() {
	awk -v theirs="$work/$1.theirs" -v ours="$work/$1.ours" '
		BEGIN {
			while ((getline <theirs) > 0) their[$1] = $2
			while ((getline <ours) > 0) our[$1] = $2
		}
		/^#/ {next}
		{
			pairs++
			because = /because/ ? substr($0, index($0, "because")) : ""
			if (their[$1] == "fail" && our[$2] == "pass") {
				print "# they fail, we pass:", $1, $2, because
				bad += because == ""
			}
			judged += their[$1] == "fail" || their[$1] == "pass"
			agreed += (their[$1] == "fail" && our[$2] == "fail") || (their[$1] == "pass" && our[$2] == "pass")
		}
		END {
			print "# " pairs " pairs, " agreed " say the same; of the Guide " judged " judged"
			exit bad > 0
		}' "$map"
}

both() {
	check "OpenSCAP looks at the host $1" theirs "$1"
	check "vouch looks at the host $1" ours "$1"
	check "where the Guide fails the host $1, vouch does not pass it" compared "$1"
}

both "as-installed"

# --- spoilt on purpose: what each change has to cost
spoil() {
	chmod 666 "$root/etc/shadow"
	echo 'second:x:0:0::/root:/bin/bash' >>"$root/etc/passwd"
	echo 'second:$1$saltsalt$2vnaRpHa6Jxjz5n83ok8Z0:19000:0:99999:7:::' >>"$root/etc/shadow"
	echo 'open:x:1500:1500::/home/open:/bin/bash' >>"$root/etc/passwd"
	echo 'open::19000:0:99999:7:::' >>"$root/etc/shadow"
	printf 'PermitRootLogin yes\nPermitEmptyPasswords yes\n' >"$root/etc/ssh/sshd_config.d/00-open.conf"
	echo 'open ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/open"
	echo 'Defaults !authenticate' >"$root/etc/sudoers.d/all"
	chmod 440 "$root/etc/sudoers.d"/{open,all}
	echo 'minlen = 6' >>"$root/etc/security/pwquality.conf"
	echo 'APT::Get::AllowUnauthenticated "true";' >"$root/etc/apt/apt.conf.d/99open"
	echo 'deb [trusted=yes] http://packages.example.org/debian stable main' >>"$root/etc/apt/sources.list"
	mkdir -p "$root/opt/open" "$root/etc/systemd/coredump.conf.d"
	chmod 777 "$root/opt/open"
	touch "$root/usr/local/bin/tool"
	chmod 777 "$root/usr/local/bin/tool"
	in_host sysctl -qw net.ipv4.conf.all.accept_redirects=1 net.ipv4.conf.default.accept_source_route=1 \
		net.ipv4.tcp_syncookies=0 net.ipv4.conf.all.send_redirects=1
	in_host systemctl disable --now logrotate.timer
	in_host systemctl stop chrony
	printf '[Journal]\nStorage=volatile\n' >"$root/etc/systemd/journald.conf"
	in_host systemctl restart systemd-journald
	chmod 777 "$root/var/log"
}
check "the host is spoilt" spoil
both "spoilt"

while read -r rule; do
	equal "$rule fails" fail "$(awk -v rule="$rule" '$1 == rule {print $2}' "$work/spoilt.ours")"
done <<'EOS'
priv.uid0.accounts
auth.empty_or_default
auth.pw.hash_actual
auth.pw.minlen_effective
acc.shadow.perms
acc.world_writable
priv.sudo.nopasswd
auth.ssh.effective
priv.root.direct_login
sw.repo.signature
sw.repo.approved
net.sysctl
log.rotation
log.files.protection
log.journal.persistent
clk.daemon.single
EOS
host_off
