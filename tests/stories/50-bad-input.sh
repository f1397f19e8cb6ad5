#!/bin/bash
# What people and peers get wrong: a policy that says something else than it means, a configuration key that does not
# exist, a collector that refuses, a disk that is full. Each is named exactly, and nothing is half done.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"

small_policy

# policy_refused WHAT PLACE WHY SED-PROGRAM: the small policy, changed, is refused with file:line:column and a reason.
policy_refused() {
	sed -E "$4" "$work/small.yaml" >"$work/bad.yaml"
	refused "lint: $1" "bad\.yaml:$2: .*$3" vouch lint "$work/bad.yaml"
	local status=0
	vouch run --policy "$work/bad.yaml" --json >"$work/run.out" 2>"$work/run.err" || status=$?
	equal "run: $1 is exit 2 and nothing is run" "2 0" "$status $(stat -c %s "$work/run.out")"
}
check "the small policy itself is right" vouch lint "$work/small.yaml"
policy_refused "an unknown field" "9:5" "evry" 's/every:/evry:/'
policy_refused "a wrong type" "6:10" "key" 's/key: true/key: sometimes/'
policy_refused "an unknown control" "5:16" "A\.8\.99" 's/A\.8\.9/A.8.99/'
policy_refused "a bare 8.10, which YAML reads as 8.1" "5:16" "A\.8\.10" 's/A\.8\.9/8.10/'
policy_refused "an unknown check" "10:12" "fiel" 's/check: file/check: fiel/'
policy_refused "an unknown parameter of a check" "11:12" "pth" 's/path:/pth:/'
policy_refused "a bare no where a string is due" "4:12" "write \"no\"" 's/title: The.*/title: no/'
policy_refused "a duplicate rule" "15:5" "small.os" '$a\  - {id: small.os, title: t, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: file, with: {path: /}, expect: {exists: true}, why: w, fix: f}'
policy_refused "YAML that is none" "[0-9]+:[0-9]+" "." 's/rules:/rules: [/'
refused "a policy that is not there" "absent\.yaml.*ENOENT" vouch lint "$work/absent.yaml"

# Configuration.
collector_new
collector_start
enrol host
echo "polices: [$work/small.yaml]" >"$work/config.yaml"
refused "vouchd refuses a configuration key that does not exist, by name" "config\.yaml:1:1: .*polices" \
	vouchd --state "$work/host" --config "$work/config.yaml" --once
equal "and seals nothing" 1 "$(spooled host)"

# A collector that refuses for good: a statement whose signature does not hold is moved aside with the reason.
small_rounds host 2
mapfile -t queue < <(find "$work/host/spool/queue" -name '*.json' | sort)
cp "${queue[2]}" "$work/whole"
changed "$work/whole" '.signatures[0].sig' 8 >"${queue[2]}"
start ship vouch-ship --state "$work/host"
aside=$work/host/spool/refused/$(basename "${queue[2]}")
if within 30 test -s "$aside.reason"; then
	ok "what was refused for good is moved aside: $(tr '\n' ' ' <"$aside.reason")"
else
	not_ok "what was refused for good is not in spool/refused"
fi
stop ship || true
equal "it is kept whole" "$(jq -r .payload "$work/whole")" "$(jq -r .payload "$aside")"
check "and it is reported" grep -qi "refused" "$work/ship.log"
# What comes after it is signed, and taken; that something is missing before it is found.
equal "nothing of it is in the log, and what follows is" "1 2 4" "$(all_statements | jq -s -r '[.[].sequence] | sort | join(" ")')"
equal "the refusal and the gap are found" "refused gap" "$(api /api/v1/findings | jq -r '[.findings[].kind] | join(" ")')"

# A collector that is not there: everything stays in the spool.
stop collector || true
small_rounds host 1
start ship vouch-ship --state "$work/host"
sleep 2
check "without a collector vouch-ship goes on trying" is_running ship
stop ship || true
equal "and keeps what it has" 1 "$(spooled host)"

# A full disk, small enough to fill: the state folder on a tmpfs of its own.
full_disk() {
	mkdir -p "$work/disk"
	mount -t tmpfs -o size=2m tmpfs "$work/disk"
	cp -a "$work/host" "$work/disk/host"
	rm -rf "$work/disk/host/spool/refused" && mkdir -m 700 "$work/disk/host/spool/refused"
	local sequence entries
	sequence=$(jq .sequence "$work/disk/host/spool/chain.json")
	entries=$(find "$work/disk/host/spool/queue" -name '*.json' | wc -l)
	dd if=/dev/zero of="$work/disk/filler" bs=4k 2>/dev/null || true
	if vouchd --state "$work/disk/host" --config "$work/small-config.yaml" --once >"$work/full.out" 2>&1; then
		echo "not ok - vouchd says that all is well on a full disk"
	else
		echo "ok - vouchd fails on a full disk: $(tail -n 1 "$work/full.out")"
	fi
	if grep -q 'the spool is full: this round is not kept' "$work/full.out"; then
		echo "ok - and names the reason"
	else
		echo "not ok - it does not name the reason: $(tail -n 2 "$work/full.out")"
	fi
	[[ $((sequence + 1)) == "$(jq .sequence "$work/disk/host/spool/chain.json")" ]] &&
		[[ $((entries + 1)) == "$(find "$work/disk/host/spool/queue" -name '*.json' | wc -l)" ]] &&
		jq -e .full "$work/disk/host/spool/chain.json" >/dev/null &&
		echo "ok - the chain says so, and nothing else is new" || echo "not ok - the round is half there"
	rm "$work/disk/filler"
	if vouchd --state "$work/disk/host" --config "$work/small-config.yaml" --once >"$work/full.out" 2>&1 &&
		[[ $((sequence + 2)) == "$(jq .sequence "$work/disk/host/spool/chain.json")" ]]; then
		echo "ok - with room again the next round takes the next number"
	else
		echo "not ok - with room again: $(tail -n 2 "$work/full.out")"
	fi
}
export work
export -f full_disk
namespace=(unshare --mount)
((EUID == 0)) || namespace=(unshare --mount --user --map-root-user)
"${namespace[@]}" bash -c full_disk >"$work/full-disk" 2>&1 || not_ok "a tmpfs of its own: $(tail -n 1 "$work/full-disk")"
cat "$work/full-disk"
grep -q '^not ok' "$work/full-disk" && story_failed=yes
true
