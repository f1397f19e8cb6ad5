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
	VOUCH_PLUGIN_TIMEOUT=2 in_etc "$work/system/usr/bin/vouch" run --data "$story_top" --policy "$work/policy.yaml" --json "$@"
}
before=$(sha256sum <"$work/upper/vouch/plugins.d/replaces")
look >"$work/results.json" 2>"$work/look.log" || true
plugin_results "$work/results.json"
equal "what replaces itself did not" "$before" "$(sha256sum <"$work/upper/vouch/plugins.d/replaces")"
equal "nothing is left running" "" "$(grep -slz '[9]8763' /proc/[0-9]*/cmdline || true)"
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
