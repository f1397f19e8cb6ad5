#!/bin/bash
# Plugins without helpers: vouch run runs them in a hand of its own, as root as another user. Two of Debian's monitoring
# plugins; and hostile ones, each of which costs its own rule an answer and nothing else, and leaves nothing running.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/plugins.sh"

if ((EUID != 0)); then
	not_ok "this story needs root, whose the plugins are"
	exit 1
fi
nagios=/usr/lib/nagios/plugins
dpkg-deb -x "${VOUCH_DEBS-$story_top/build/deb}"/vouch_*.deb "$work/system"
check "Debian's monitoring plugins are here" test -x $nagios/check_disk -a -x $nagios/check_load -a -x $nagios/check_procs

# An /etc of our own, for programs whose folders are those of an installed vouch.
mkdir "$work"/{upper,work}
elsewhere=$(mktemp /tmp/vouch-plugin-XXXXXX)
story_hooks+=(remove_elsewhere)
remove_elsewhere() { rm -f "$elsewhere"; }
printf '#!/bin/sh\necho OK\n' >"$elsewhere"
chmod 755 "$elsewhere"
plugin_folder "$work/upper/vouch/plugins.d" "$elsewhere"
plugin_passwd >"$work/upper/passwd"
chmod 755 "$work" "$work/upper" "$work/upper/vouch"
for name in disk load procs; do
	ln -s $nagios/check_$name "$work/upper/vouch/plugins.d/check_$name"
done
in_etc() {
	unshare --mount bash -c 'mount --make-rprivate / && mount -t overlay overlay -o "lowerdir=/etc,upperdir=$0/upper,workdir=$0/work" /etc &&
		exec "$@"' "$work" "$@"
}

# --- the examples of docs/POLICY.md, as they stand there, beside the table
plugin_policy >"$work/policy.yaml" < <(sed -n '/^```yaml$/,/^```$/p' "$story_top/docs/POLICY.md" |
	sed -n '/^  - id: ours.disk.room/,/^```$/p' | sed '/^```$/d')
look() {
	VOUCH_PLUGIN_TIMEOUT=4 in_etc "$work/system/usr/bin/vouch" run --data "$story_top" --policy "$work/policy.yaml" --json "$@"
}
before=$(sha256sum <"$work/upper/vouch/plugins.d/replaces")
look >"$work/results.json" 2>"$work/look.log" || true
plugin_results "$work/results.json"
equal "what replaces itself did not" "$before" "$(sha256sum <"$work/upper/vouch/plugins.d/replaces")"
equal "nothing is left running" "" "$(plugin_left "$plugin_sleep")"
equal "control characters do not get through" 'OK ?[2J?? here' \
	"$(jq -r '.results[] | select(.rule == "plug.controls").observed[0].text' "$work/results.json")"
for rule in ours.disk.room ours.load ours.processes; do
	check "$rule looked: $(jq -r ".results[] | select(.rule == \"$rule\") | .verdict" "$work/results.json")" \
		jq -e ".results[] | select(.rule == \"$rule\") | .verdict == \"pass\" or .verdict == \"fail\"" "$work/results.json"
done
check "check_disk says what it saw of /" jq -e '.results[] | select(.rule == "ours.disk.room").observed
	| .[0].text | startswith("DISK ")' "$work/results.json"
check "its numbers are numbers" jq -e '.results[] | select(.rule == "ours.disk.room").observed
	| .[1] | .row == "perf" and .label == "/" and .unit == "B" and .bytes == .number and .number > 0' "$work/results.json"
check "load has fractions" jq -e '.results[] | select(.rule == "ours.load").observed
	| .[1] | .label == "load1" and (.millionths | type) == "number"' "$work/results.json"
equal "each run is on record with a number of its own" "$(($(plugin_table | grep -vc ' absent') + 3))" \
	"$(grep -oE '^vouch: action [0-9a-f]{32}: plugin:' "$work/look.log" | sort -u | wc -l)"

# --- a plugin that takes its time keeps no other rule waiting
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"
dpkg-deb -x "${VOUCH_DEBS-$story_top/build/deb}"/vouch-agent_*.deb "$work/system"
mkdir -m 755 "$work/seen"
printf '#!/bin/sh\nwhile [ -e %s/seen/hold ]; do sleep 0.1; done\necho OK\n' "$work" >"$work/upper/vouch/plugins.d/waits"
chmod 755 "$work/upper/vouch/plugins.d/waits"
echo v1 | tee "$work/seen/a" >"$work/seen/b"
cat >"$work/waits.yaml" <<-EOF
	policy: {id: waits, version: 1.0.0, framework: "iso27001:2022", title: Two rules, owner: tests, review_by: 2036-01-01}
	rules:
	  - {id: w.slow, title: A file and a plugin, controls: [A.8.9], severity: low, kind: effect, every: 1h, show: true,
	     checks: {file: {check: file, with: {path: $work/seen/a, pattern: "v.*"}}, plugin: {check: plugin, with: {name: waits}}},
	     expect: {file.text: v1}, why: w, fix: f}
	  - {id: w.quick, title: A file, controls: [A.8.9], severity: low, kind: effect, every: 1h, show: true,
	     check: file, with: {path: $work/seen/b, pattern: "v.*"}, expect: {text: v1}, why: w, fix: f}
EOF
sed -i 's/^\t//' "$work/waits.yaml"
echo "policies: [$work/waits.yaml]" >"$work/waits-config.yaml"
collector_new
collector_start
enrol host
start vouchd env VOUCH_PLUGIN_TIMEOUT=300 unshare --mount bash -c 'mount --make-rprivate / && mount -t overlay overlay \
	-o "lowerdir=/etc,upperdir=$0/upper,workdir=$0/work" /etc && exec "$@"' "$work" \
	"$work/system/usr/sbin/vouchd" --state "$work/host" --config "$work/waits-config.yaml" --data "$story_top"
check "both rules are looked at first" within 60 grep -q '2 of 2 rules looked at' "$work/vouchd.log"
# In this story's vouchd, and in no other's.
plugin_runs() {
	pgrep -u "$plugin_uid" -f 'plugins.d/waits$'
}
touch "$work/seen/hold"
echo v2 >"$work/seen/a"
check "the plugin of the one runs" within 60 plugin_runs
echo v2 >"$work/seen/b"
check "the other is sealed meanwhile" within 60 grep -q 'w.quick is fail (was pass)' "$work/vouchd.log"
equal "and the first is not yet" "" "$(grep 'w.slow is' "$work/vouchd.log" || true)"
rm "$work/seen/hold"
check "but when its plugin has ended" within 60 grep -q 'change.*w.slow is fail (was pass)' "$work/vouchd.log"
stop vouchd || true
