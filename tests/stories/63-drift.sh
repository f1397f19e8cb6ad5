#!/bin/bash
# What changed says what it was, since when and by whom: in the statement, in the host's own history and status, at the
# collector; while vouchd runs, while it does not, and when it was killed in between. Who it was comes from records that
# a kernel made; where nobody can be named the reason is said.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"

etc=$work/etc
mkdir "$etc"
echo "level high" >"$etc/app.conf"
chmod 600 "$etc/app.conf"
cat >"$work/drift.yaml" <<EOF
policy: {id: drift, version: 1.0.0, framework: "iso27001:2022", title: Two rules, owner: tests, review_by: 2036-01-01}
rules:
  - {id: app.mode, title: Only its owner reads it, controls: [A.8.9], key: true, severity: high, kind: effect, every: 1h,
     check: file, with: {path: $etc/app.conf}, expect: {mode: {at_most: "0600"}}, why: w, fix: f}
  - {id: app.level, title: Its level is high, controls: [A.8.15], severity: low, kind: design, every: 1h,
     check: file, with: {path: $etc/app.conf, pattern: "level high"}, expect: {matches: 1}, why: w, fix: f}
EOF
echo "policies: [$work/drift.yaml]" >"$work/config.yaml"
state=$work/host

collector_new
collector_start
enrol host
history() {
	vouch history --state "$state" --json "$@"
}
changes() {
	history | wc -l
}
# changed_to N: so many are in the history, and what is written behind it is written: a round ends with its status.
changed_to() {
	(($(changes) >= $1)) && [[ $(jq .sequence "$state/spool/status.json") == "$(jq .sequence "$state/spool/chain.json")" ]]
}
status_code() {
	local code=0
	vouch status --state "$state" >"$work/status.log" 2>&1 || code=$?
	echo "$code"
}
run_vouchd() {
	start vouchd vouchd --state "$state" --config "$work/config.yaml"
}
has_status() {
	[[ -e $state/spool/status.json ]]
}

equal "before the first round nothing can be told" 2 "$(status_code)"
check "and it says why" grep -q "no round here yet" "$work/status.log"
run_vouchd
check "a first round is made" within 60 has_status
equal "all is well" 0 "$(status_code)"
check "and vouchd runs" grep -q "vouchd runs" "$work/status.log"
equal "a first look is no change" 0 "$(changes)"

# --- while it runs
chmod 644 "$etc/app.conf"
check "a mode that changed is in the history, of both rules that see it" within 60 changed_to 2
equal "with what it was and is" "app.mode pass fail 0600 0644 change" \
	"$(history app.mode | jq -r '[.rule, .was.verdict, .is.verdict, .gone[0].mode, .new[0].mode, .trigger] | join(" ")')"
equal "and who it was, or why nobody can be named" true \
	"$(history app.mode | jq '(.unattributed // "" | length > 0) or (.by | length > 0)')"
equal "the status fails" 1 "$(status_code)"
check "the worst comes first, with since when" grep -q "^fail .*app.mode (A.8.9), since" "$work/status.log"
stop vouchd || true

# --- while it does not
echo "level low" >"$etc/app.conf"
run_vouchd
check "what changed meanwhile is noticed at the start" within 60 changed_to 3
equal "and said so" "app.level at start" "$(history app.level | tail -1 | jq -r '[.rule, .noticed] | join(" ")')"
story_kill=${story_processes[vouchd]}
rm "$etc/app.conf"
check "a file that went is a change of both" within 60 changed_to 5
kill -KILL "$story_kill"
wait "$story_kill" || true # what it holds is free then
echo "level high" >"$etc/app.conf"
chmod 600 "$etc/app.conf"
run_vouchd
check "so is one that came back, though vouchd was killed" within 60 changed_to 7
equal "nothing is there twice" "$(history | jq -c '[.rule, .was, .is, .at]' | sort | uniq | wc -l)" "$(changes)"
stop vouchd || true
equal "all is well again" 0 "$(status_code)"
check "a stopped vouchd is said" grep -q "vouchd does not run" "$work/status.log"
jq -c '.finishedAt = "2026-01-01T00:00:00Z"' "$state/spool/status.json" >"$work/old.json"
cp "$work/old.json" "$state/spool/status.json"
equal "silence is no good news" 1 "$(status_code)"
check "and is the first thing said" grep -q "^STALE: no round for" <(head -1 "$work/status.log")
equal "for programs too" "true false" \
	"$({ vouch status --state "$state" --json || true; } | jq -r '"\(.now.stale) \(.now.vouchdRuns)"')"
vouch history --state "$state" >"$work/timeline.log"
equal "the timeline has seven entries" 7 "$(grep -c '^20' "$work/timeline.log")"
check "with what differs of a row" grep -q '^    ~ .*mode "[0-7]*" -> "[0-7]*"' "$work/timeline.log"
check "with how long it had been so" grep -qE "before, for ([0-9]+ seconds?|no time) \(since 20" "$work/timeline.log"
equal "a rule alone" 3 "$(vouch history app.mode --state "$state" --json | wc -l)"
equal "a time alone" 0 "$(vouch history --since 2035-01-01 --state "$state" --json | wc -l)"
refused "a time that is none is refused" "no length of time" vouch history --since soon --state "$state"
# Cut in the middle of a line, as a crash can leave it.
truncate -s -7 "$state/spool/history.jsonl"
check "a torn line is said" grep -q "1 line of the history cannot be understood" \
	<(vouch history --state "$state" 2>&1 >/dev/null)

# --- at the collector
equal "the statements carry it" 7 "$(for line in "$state"/spool/queue/*.json; do
	jq -r .body "$line" | base64 -d | jq -c '.results[]?.changed | select(.)' 2>/dev/null || true
done | wc -l)"
ship host
id=$(api /api/v1/hosts | jq -r '.hosts[0].id')
equal "the collector refuses nothing" 0 "$(find "$state/spool/refused" -type f | wc -l)"
equal "a result there has what it was" "fail" \
	"$(api "/api/v1/results?host=$id" | jq -r '.results[] | select(.rule == "app.mode").changed.verdict // empty')"
api "/hosts/$id" >"$work/page.html"
check "the page says at first sight that the verdict changed" grep -q "Changed: it was fail since" "$work/page.html"
check "the page says what it was before" grep -q "Before: fail, since" "$work/page.html"
check "and who, or why nobody" grep -qE "Changed by" "$work/page.html"
check "and what is no longer observed" grep -q "No longer observed" "$work/page.html"
# A round that carries everything says nothing of what changed before it; what is known of that stays.
timeout 60 vouchd --state "$state" --config "$work/config.yaml" --once >>"$work/vouchd.log" 2>&1
ship host
equal "a later full round has not changed" "null" \
	"$(api "/api/v1/results?host=$id" | jq -c '.results[] | select(.rule == "app.mode").changed')"
check "and the page has still what it was before the last change" grep -q "Before: fail, since" <(api "/hosts/$id")
stop collector || true
check "an index that is derived anew is the same" vouch-collector fsck "$collector"
collector_start

# --- by whom: records of a real kernel, as if they were of now
root=$work/root
mkdir -p "$root/etc/app" "$root/var/log/audit"
printf 'ID=debian\nVERSION_ID=12\n' >"$root/etc/os-release"
echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
printf 'root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n' >"$root/etc/passwd"
echo "level high" >"$root/etc/app/v.conf"
sed "s#$etc/app.conf#/etc/app/v.conf#" "$work/drift.yaml" >"$work/root.yaml"
echo "policies: [$work/root.yaml]" >"$work/root-config.yaml"
enrol other --root "$root"
round() {
	vouchd --state "$work/other" --config "$work/root-config.yaml" --root "$root" --once >>"$work/vouchd.log" 2>&1
}
# records SECONDS FILE: the log of editors, with everything at that time, and the file that vim wrote to is this one.
records() {
	echo "type=DAEMON_START msg=audit(1700000000.000:1): op=start" >"$root/var/log/audit/audit.log"
	sed -E -e "s/audit\([0-9]+\.[0-9]+:/audit($1.500:/" \
		-e "s/inode=10985996 dev=fe:00/$(stat -c 'inode=%i' "$2") $(printf 'dev=%02x:%02x' $(stat -c '%Hd %Ld' "$2"))/" \
		"$story_top/tests/who/editors.log" >>"$root/var/log/audit/audit.log"
}
last_by() {
	vouch history app.level --state "$work/other" --json | tail -1 | jq -r "$1"
}
round
records $(($(date +%s) + 1)) "$root/etc/app/v.conf"
sleep 1.7 # behind the records
echo "level low" >"$root/etc/app/v.conf"
round
equal "vim wrote it, and alice sat there" "/usr/bin/vim.basic 4618 alice 0 audit" \
	"$(last_by '.by[0] | "\(.process) \(.pid) \(.user) \(.uid) \(.source)"')"
equal "and nobody else" 1 "$(last_by '.by | length')"
check "the timeline names them" grep -q "by /usr/bin/vim.basic\[4618\] of alice at" <(vouch history --state "$work/other")
echo "level high" >"$root/etc/app/v.conf"
round
equal "what vim did before is not told of the next change" "null" "$(last_by .by)"
records $(($(date +%s) + 1)) "$root/etc/passwd"
sleep 1.7
echo "level low" >"$root/etc/app/v.conf"
round
equal "a process that wrote to another file of that name is not named" "null" "$(last_by .by)"
check "but told of" grep -q "of another file" <(last_by .unattributed)
echo "level high" >"$root/etc/app/v.conf"
round
rm -r "$root/var/log/audit"
echo "level low" >"$root/etc/app/v.conf"
round
equal "without a log the reason is said" "no audit daemon keeps a log here" "$(last_by .unattributed)"
# dpkg leaves a configuration file alone that somebody has changed, and says the same in its log.
mkdir -p "$root/var/lib/dpkg/info"
printf '/.\n/etc/app/v.conf\n' >"$root/var/lib/dpkg/info/app.list"
dpkg_says() {
	echo "$(date '+%F %T') $*" >"$root/var/log/dpkg.log"
}
dpkg_says remove app:all 2 "<none>"
echo "level high" >"$root/etc/app/v.conf"
round
equal "dpkg is not named for what it leaves alone" \
	"null no audit daemon keeps a log here; dpkg did something to the package app, which has it, in this time" \
	"$(last_by '"\(.by) \(.unattributed)"')"
sleep 1 # its log has whole seconds
dpkg_says install app:all "<none>" 2
echo "level low" >"$root/etc/app/v.conf"
round
equal "but for what came with the package" "dpkg app" "$(last_by '.by[0] | "\(.process) \(.package)"')"
equal "no command line is in any statement" 0 "$(for line in "$work"/other/spool/queue/*.json; do
	jq -r .body "$line" | base64 -d
done | grep -c -e '-es' -e 'systemctl' || true)"
