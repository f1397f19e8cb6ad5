#!/bin/bash
# What a host runs is a stack: the configuration's policies, then policy.d. A rule is disabled with a reason, another replaced, a
# policy left out that is for other hosts, a fail waived for the value that it has and until a day. The collector shows all of it as
# what it is, and ends the waiver by its own clock, while the host says nothing.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"

root=$work/root
mkdir -p "$root"/etc "$work/policy.d/50-web"
tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
echo web1 >"$root/etc/hostname"
printf 'ID=debian\nVERSION_ID=12\n' >"$root/etc/os-release"
echo on >"$root/etc/kept"
chmod 0666 "$root/etc/kept"

policy_head() {
	echo "policy: {id: $1, version: 1.0.0, framework: \"iso27001:2022\", title: Policy $1, owner: tests, review_by: 2036-01-01}"
}
# rule ID CONTROL PATH EXPECT [MORE]
rule() {
	echo "- {id: $1, title: Rule $1, controls: [$2], key: true, severity: high, kind: effect, every: 1h, valid: 60d, check: file," \
		"with: {path: $3}, expect: $4, why: Why., fix: Fix.${5:+, $5}}"
}
day() {
	date -u -d "$1" +%F
}
{
	policy_head base
	echo "rules:"
	rule file.kept A.8.9 /etc/kept '{mode: {at_most: $most}}' 'params: {most: {type: mode, default: "0600", doc: the most}}'
	rule file.gone A.8.15 /etc/gone '{exists: true}'
	rule file.other A.8.16 /etc/other '{exists: true}'
} >"$work/base.yaml"
{
	policy_head organisation
	echo 'set: {file.kept: {most: "0640"}}'
	echo 'disable: {file.gone: "these hosts keep no such file"}'
	echo "rules:"
	rule file.other A.8.20 /etc/other '{exists: false}' 'replace: true'
} >"$work/policy.d/10-organisation.yaml"
{
	policy_head web
	echo "hosts: {groups: [web], environments: [prod]}"
} >"$work/policy.d/50-web/policy.yaml"
rule web.hostname A.8.9 /etc/hostname '{exists: true}' >"$work/policy.d/50-web/rules.yaml"
{
	policy_head mail
	echo "hosts: {groups: [mail]}"
	echo 'disable: {file.kept: "mail hosts have another"}'
} >"$work/policy.d/60-mail.yaml"
echo "no policy" >"$work/policy.d/10-organisation.yaml.dpkg-old"
printf 'policies: [%s/base.yaml]\npolicy_folder: %s/policy.d\nenvironment: prod\ngroups: [web]\n' "$work" "$work" >"$work/vouchd.yaml"
here=(--config "$work/vouchd.yaml" --root "$root")

# --- what the host runs
verdicts() {
	vouch run "${here[@]}" --json | jq -r '[.results[] | "\(.rule) \(.verdict)\(if .waiver then " waived" else "" end)"] | join(", ")'
}
equal "policies are stacked, disabled, replaced and left out" \
	"file.gone notchecked, file.kept fail, file.other pass, web.hostname pass" "$(verdicts || true)"
vouch lint --effective "${here[@]}" >"$work/effective"
check "what is left out says why" grep -A1 mail "$work/effective"
check "which is the group" grep -q "it is in none of the groups mail" "$work/effective"
check "what is set says where" grep -q "set in $work/policy.d/10-organisation.yaml:2" "$work/effective"
check "what is replaced says what" grep -q "replaces  $work/base.yaml:5" "$work/effective"
check "what is disabled says by whom and why" grep -q "disabled by organisation: these hosts keep no such file" "$work/effective"
equal "programs are told the same" "0640 true $work/policy.d/10-organisation.yaml:2" "$(vouch lint --effective --json "${here[@]}" file.kept |
	jq -r '.rules[].params.most | "\(.value) \(.set) \(.at)"')"
check "nothing is asked of the helpers for a disabled rule" grep -q '^file:/etc/kept$\|:/etc/kept$' <(vouch paths --config "$work/vouchd.yaml")
equal "whose places are not named" 0 "$(vouch paths --config "$work/vouchd.yaml" | grep -c /etc/gone || true)"

refused "a configuration does not go with policies that are named" "does not go together" \
	vouch run --root "$root" --config "$work/vouchd.yaml" --policy "$work/base.yaml"
equal "policies that are named are for every host" "file.gone file.kept file.other web.hostname" "$(
	vouch run --root "$root" --policy "$work/base.yaml" --policy "$work/policy.d/50-web" --json >"$work/named.json" || true
	jq -r '[.results[].rule] | join(" ")' "$work/named.json")"
check "a folder alone is judged by the baseline" grep -q linux-baseline <(vouch run --root "$root" --json)

# --- a waiver, from what is observed
waive() {
	vouch waive "$1" "${here[@]}" --reason "A tool writes it" --risk "Anybody may write it" --measure "It is read by nobody" \
		--requester "Jane Doe" --approver "${2-John Roe}" --expires "$(day '+20 days')" --ticket SEC-7 --id W-1
}
refused "what passes is not waived" "only a fail is waived" waive web.hostname
refused "nor what is disabled" "disabled by organisation" waive file.gone
refused "nor by who asks for it" "another person" waive file.kept "jane  DOE"
waive file.kept >"$work/draft"
{
	policy_head host
	echo "waivers:"
	cat "$work/draft"
} >"$work/policy.d/90-host.yaml"
check "the draft is a policy's" vouch lint "$work/base.yaml" "$work/policy.d/90-host.yaml"
equal "the fail is waived" "file.gone notchecked, file.kept fail waived, file.other pass, web.hostname pass" "$(verdicts)"
check "which is no failure" vouch run "${here[@]}"
check "and says so" grep -q "fail (waived)" <(vouch run "${here[@]}")
equal "a waiver that ends soon is spoken of" "the waiver W-1 of file.kept ends in 19 days" \
	"$(vouch lint --effective --json "${here[@]}" | jq -r '.notes[0]' | sed 's/^[^ ]* //; s/ (.*//')"

# --- at the collector
collector_new
collector_start
enrol web1 --root "$root"
say_it() {
	vouchd --state "$work/web1" "${here[@]}" --once >>"$work/vouchd.log" 2>&1 && ship web1
}
# state RULE: the rule's state now; control CONTROL: the states that the control has.
state() {
	api /api/v1/results | jq -r --arg rule "$1" '.results[] | select(.rule == $rule) | .state'
}
control() {
	api /api/v1/controls | jq -r --arg id "$1" '.controls[] | select(.id == $id) | .hosts | to_entries[] | select(.value == 1 and .key != "total") | .key'
}
check "a round is said" say_it
equal "the collector has it waived" waived "$(state file.kept)"
equal "with who, until when and why" "W-1 John Roe Jane Doe SEC-7 host $(day '+20 days')T00:00:00Z" "$(api /api/v1/results |
	jq -r '.results[] | select(.rule == "file.kept") | .waiver | "\(.id) \(.approver) \(.requester) \(.ticket) \(.policy) \(.expiresAt)"')"
equal "what is disabled is not checked" "notchecked disabled by organisation: these hosts keep no such file" "$(api /api/v1/results |
	jq -r '.results[] | select(.rule == "file.gone") | "\(.verdict) \(.reason)"')"
api "/hosts/$(api /api/v1/hosts | jq -r '.hosts[0].id')" >"$work/page.html"
check "the host's page says what its policies do to those below them" \
	eval 'grep -qF "; it replaces file.other" "$work/page.html" && grep -qF "; it disables file.gone" "$work/page.html"'
check "its control is not operating" test "$(control A.8.15)" = notevaluated

# Another value is not what was waived.
chmod 0606 "$root/etc/kept"
check "another round is said" say_it
equal "another value is a fail" fail "$(state file.kept)"
chmod 0666 "$root/etc/kept"
check "and back again" say_it
equal "waived" waived "$(state file.kept)"

# The clock goes on, and the host says nothing.
stop collector || true
printf '0000%s' "$(printf '%012x' $((21 * 86400 * 1000000000)))" | tail -c 16 | fold -w 2 | tac | tr -d '\n' | xxd -r -p >"$work/clock"
start collector env "FAST_CLOCK=$work/clock" "LD_PRELOAD=$story_top/build/release/fast_clock.so" vouch-collector run "$collector"
within 60 api / || not_ok "the collector did not answer"
equal "behind its end the waiver waives nothing" fail "$(state file.kept)"
equal "and the control fails" failing "$(control A.8.9)"
stop collector || true
collector_start

# --- an auditor, offline
vouch export --trust -o "$work/trust.json"
vouch export --package "$work/package" --from "$(day '-1 day')T00:00:00Z" --to "$(day '+1 day')T00:00:00Z" >"$work/export.log" 2>&1
check "the evidence is judged again from the policies, whatever they replace" vouch verify "$work/package" \
	--trust "$work/trust.json"
check "and says what policies do to those below them" eval 'vouch verify "$work/package" --trust "$work/trust.json" >"$work/verified" &&
	grep -qxE "      replaces file.other" "$work/verified" && grep -qxE "      disables file.gone" "$work/verified"'
equal "to programs too" "file.other file.gone" "$(vouch verify "$work/package" --trust "$work/trust.json" --json |
	jq -r '[.hosts[].judgedBy[0].policies[] | .changes | select(.) | .replaces[]?, .disables[]?] | join(" ")')"
vouch export --package "$work/part" --from "$(day '-1 day')T00:00:00Z" --to "$(day '+1 day')T00:00:00Z" --control A.8.20 \
	>>"$work/export.log" 2>&1
equal "a rule is disclosed under the controls of what replaced it" "file.other" "$(grep -rhoa '"rule":"file[a-z.]*"' "$work/part" | cut -d '"' -f 4 | sort -u)"
check "and is judged so" vouch verify "$work/part" --trust "$work/trust.json"
