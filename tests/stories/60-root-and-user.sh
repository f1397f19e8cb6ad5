#!/bin/bash
# The same rules, looked at by root and by an ordinary user. Where every source is world-readable both see the same rows.
# Where they differ, the user's result names the source and its errno; nothing that root does not pass turns to pass.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"

if ((EUID != 0)); then
	not_ok "this story needs root, to become an ordinary user"
	exit 1
fi

# A copy that an ordinary user may read, wherever the build lies.
place=$(TMPDIR=/tmp mktemp -d)
trap 'rm -rf "$place"; story_end' EXIT
chmod 755 "$place"
cp -r "$installed/bin" "$installed/share" "$place/"
chmod -R a+rX "$place"
policy=$place/share/vouch/policies/linux-baseline

look() { # COMMAND... -- OPTION...
	local command=()
	while [[ $1 != -- ]]; do
		command+=("$1")
		shift
	done
	"${command[@]}" "$place/bin/vouch" run --data "$place/share/vouch" --policy "$policy" --json "${@:2}"
}
user=(setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all)
# look_both [OPTION...]: as root, then as the user; each look's exit status.
look_both() {
	root_status=0 user_status=0
	look env -- "$@" >"$work/root.json" 2>"$work/root.log" || root_status=$?
	look "${user[@]}" -- "$@" >"$work/user.json" 2>"$work/user.log" || user_status=$?
}
# compared: joined by rule; rows without the fields that change by themselves, which results name.
compared() {
	jq -n --slurpfile root "$work/root.json" --slurpfile user "$work/user.json" '
		def rows: . as $r | .observed | map(with_entries(select(.key as $k | ($r.volatile // []) | index($k) | not)));
		def denied: [.sources[] | select(.error)];
		($root[0].results | map({key: .rule, value: .}) | from_entries) as $r
		| [$user[0].results[] | . as $u | $r[.rule] as $o | {
			rule, root: $o.verdict, user: $u.verdict, reason: $u.reason,
			equal: (($o | rows) == ($u | rows) and $o.verdict == $u.verdict),
			newly: ([$u | denied[] | .name] - [$o | denied[] | .name]),
			errors: [$u | denied[] | select(.error == "denied" or .error == "unproved") | "\(.name): \(.error): \(.why)"]
		}]'
}
cd /
look_both
check "root's run ends with 0, 1 or 3" test "$root_status" -ne 2
check "the user's run ends with 0, 1 or 3" test "$user_status" -ne 2
rules=$(jq '.results | length' "$work/root.json")
equal "both look at the same $rules rules" "$rules" "$(jq '.results | length' "$work/user.json")"
compared >"$work/compared.json"

# Both look at a machine that goes on between the looks: what differs in a way that it must not is looked at again.
mapfile -t again < <(jq -r '.[] | select((.user == "pass" and .root != "pass") or
	((.equal | not) and ((.errors | length) == 0 or (.errors | any(test("E[A-Z]{3,}|unproved")) | not) or .user == "notapplicable"))) | .rule' \
	"$work/compared.json")
if ((${#again[@]} > 0)); then
	echo "# looked at again: ${again[*]}"
	look_both $(printf -- '--only %s ' "${again[@]}")
	jq --slurpfile again <(compared) '($again[0] | map({key: .rule, value: .}) | from_entries) as $new | map($new[.rule] // .)' \
		"$work/compared.json" >"$work/both.json"
	mv "$work/both.json" "$work/compared.json"
fi

equal "none turns to pass" "" \
	"$(jq -r '.[] | select(.user == "pass" and .root != "pass") | .rule' "$work/compared.json" | xargs)"
equal "equal rows wherever the user could read every source that root could" "" \
	"$(jq -r '.[] | select((.newly | length) == 0 and (.errors | length) == 0 and (.equal | not)) | .rule' "$work/compared.json" | xargs)"
equal "each difference names the source and its errno" "" \
	"$(jq -r '.[] | select((.equal | not) and ((.errors | length) == 0 or (.errors | any(test("E[A-Z]{3,}|unproved")) | not))) | .rule' \
		"$work/compared.json" | xargs)"
equal "a difference is unknown, never pass or notapplicable" "" \
	"$(jq -r '.[] | select((.equal | not) and (.user == "pass" or .user == "notapplicable") and .root != .user) | .rule' "$work/compared.json" | xargs)"
differ=$(jq '[.[] | select(.equal | not)] | length' "$work/compared.json")
if ((differ > 0)); then ok "$differ of $rules rules differ"; else not_ok "an ordinary user sees all that root sees: nothing was compared"; fi
jq -r '.[] | select(.equal | not) | "# \(.rule): root \(.root), user \(.user): \(.errors[0] // "?")"' "$work/compared.json"
