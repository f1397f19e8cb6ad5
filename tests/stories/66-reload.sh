#!/bin/bash
# What an administrator does to a vouchd that runs: settings and policies are changed and read anew, also in the middle of a look
# and with a mistake in them, and no round is lost; vouch apply; the text file that Prometheus' node_exporter takes; a host
# that slept.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"

collector_new
collector_start
enrol web
config=$work/vouchd.yaml
policy=$work/policy.d/50-ours.yaml
textfile=$work/vouchd/vouch.prom
mkdir "$work/policy.d" "$work/vouchd" "$work/collected"
cat >"$config" <<-EOF
	policies: [$work/small.yaml]
	policy_folder: $work/policy.d
	environment: test
	textfile: $textfile
EOF
small_policy
touch "$work/file"
chmod 600 "$work/file"
# ours MODE [FOLDERS]: a rule of our own about a file, and one that takes its time where there are folders to walk.
ours() {
	cat >"$policy" <<-POLICY
		policy: {id: ours, version: 1.0.0, framework: "iso27001:2022", title: Ours}
		rules:
		  - {id: ours.file, title: A file, controls: [A.8.9, A.8.15], severity: high, kind: effect, every: 1h, check: file,
		     with: {path: $work/file}, expect: {mode: {at_most: "$1"}}, why: w, fix: f}
		  - {id: ours.walk, title: A walk, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: world_writable,
		     with: {folders: [${2-$work/policy.d}]}, expect: {none: {path: {exists: true}}}, why: w, fix: f}
	POLICY
}

# What vouchd tells the service manager, a line each.
cat >"$work/notified.py" <<-'EOF'
	import socket, sys
	s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
	s.bind(sys.argv[1])
	while True:
	    print(s.recv(4096).decode().replace("\n", " "), flush=True)
EOF
start notified python3 "$work/notified.py" "$work/notify"
check "who listens for vouchd's words is there" within 60 test -S "$work/notify"
head -c 8 /dev/zero >"$work/clock"
start vouchd env NOTIFY_SOCKET="$work/notify" FAST_CLOCK="$work/clock" \
	LD_PRELOAD="$story_top/build/release/fast_clock.so" vouchd --state "$work/web" --config "$config"

# said TIMES PATTERN: vouchd has said that so many times.
said() {
	[[ $(grep -cE -- "$2" "$work/vouchd.log" || true) -ge $1 ]]
}
hup() {
	kill -HUP "${story_processes[vouchd]}"
}
check "a first round is sealed by the one rule" within 60 said 1 "sealed, .*1 of 1 rules"

# --- another policy
ours 0640
hup
check "two more rules are read on SIGHUP" within 60 said 1 "read anew: 3 rules"
check "and looked at at once" within 60 said 1 "sealed, change of configuration: 3 of 3 rules looked at"
check "the service manager heard when it began" within 60 grep -qE '^RELOADING=1 MONOTONIC_USEC=[0-9]+ ' "$work/notified.log"
check "and when it was done" within 60 grep -qE '^READY=1 STATUS=Looking at this host' "$work/notified.log"

# --- in the middle of a look, and again
ours 0400 "/usr, /usr/share, /usr/lib"
hup
check "a look that takes its time begins" within 60 said 2 "read anew: 3 rules"
hup
hup
check "it is finished and sealed" within 60 said 2 "sealed, change of configuration: 3 of 3 rules looked at"
check "then all is read anew" within 60 said 3 "read anew: 3 rules"
check "and looked at again" within 60 said 3 "sealed, change of configuration: 3 of 3 rules looked at"
equal "each reading has its round, in turn" "read sealed read sealed read sealed" \
	"$(grep -oE 'read anew|sealed, change of configuration' "$work/vouchd.log" | sed 's/[ ,].*//' | xargs)"
check "what changed its verdict has a line of its own" said 1 '^vouchd: ours.file is fail \(was pass\): '

# --- a mistake
ours 0640
echo "    extra: [" >>"$policy"
hup
check "a policy that is wrong is refused with its line" within 60 said 1 "not read anew.*50-ours.yaml:[0-9]+:[0-9]+"
check "the service manager has it in the status" within 60 grep -qE '^READY=1 STATUS=.*50-ours.yaml:[0-9]+' "$work/notified.log"
check "the text file says so" within 60 grep -qx 'vouch_agent_reload_failed 1' "$textfile"
chmod 640 "$work/file"
check "vouchd goes on by the rules that it had" within 60 said 1 "sealed, change of stat:$work/file: 1 of 3 rules"
ours 0640
sed -i 's/^environment:/enviroment:/' "$config"
hup
check "so are settings, with the key that was meant" within 60 said 1 'vouchd.yaml:3:1: there is no key "enviroment": environment\?'
sed -i 's/^enviroment: test/environment: prod/' "$config"
hup
check "what is mended is read" within 60 said 4 "read anew: 3 rules"
check "and judged by" within 60 said 1 '^vouchd: ours.file is pass \(was fail\)'
check "the text file says that too" within 60 grep -qx 'vouch_agent_reload_failed 0' "$textfile"

# --- who may write what counts
chmod 646 "$policy"
hup
check "a policy that everybody may write is not taken" within 60 \
	said 1 '50-ours.yaml: not taken: others than root may write it: mode 0646'
refused "nor does vouch apply take it" '50-ours.yaml: not taken' \
	vouch apply --config "$config" --paths "$work/paths" --no-reload
chmod 644 "$policy"
hup
check "closed to others, it is taken" within 60 said 5 "read anew: 3 rules"
check "and all is looked at by it" within 60 said 5 "sealed, change of configuration: 3 of 3 rules looked at"

# --- the text file
check "promtool has nothing to say about it" bash -c 'promtool check metrics <"$1"' check "$textfile"
check "nor about the alerting rules" promtool check rules "$story_top/packaging/prometheus/vouch-agent.rules.yaml"
equal "everybody may read it" 644 "$(stat -c %a "$textfile")"
ln -s "$textfile" "$work/collected/vouch.prom"
exporter=$(free_ports)
start node_exporter prometheus-node-exporter --web.listen-address="127.0.0.1:$exporter" --collector.disable-defaults \
	--collector.textfile --collector.textfile.directory="$work/collected"
scraped() {
	curl -sS --fail --max-time 10 "http://127.0.0.1:$exporter/metrics" >"$work/scraped" && grep -q '^vouch_agent_info' "$work/scraped"
}
has_sequence() {
	scraped && grep -qE "^vouch_agent_chain_sequence $(jq .sequence "$work/web/spool/chain.json")\$" "$work/scraped"
}
check "node_exporter takes it through a link" within 60 scraped
equal "without an error" "node_textfile_scrape_error 0" "$(grep '^node_textfile_scrape_error' "$work/scraped")"
check "with the number of the last statement" within 60 has_sequence
named=$(grep -oE 'vouch_agent_[a-z_]+' "$story_top/packaging/prometheus/vouch-agent.rules.yaml" | sort -u)
equal "every metric of an alerting rule is one" "" \
	"$(for name in $named; do grep -q "^# TYPE $name " "$textfile" || echo "$name"; done)"

# --- a host that slept
before=$(grep -c 'a round is sealed' "$work/vouchd.log")
python3 -c 'import struct, sys; open(sys.argv[1], "r+b").write(struct.pack("<q", 7200 * 10**9))' "$work/clock"
check "a sleep of two hours is said" within 60 said 1 'this host slept for 7200\.0 s'
check "and what is due is looked at" within 60 said 1 "sealed, schedule: 3 of 3 rules looked at"
equal "in one round" $((before + 1)) "$(grep -c 'a round is sealed' "$work/vouchd.log")"

# --- vouch apply, where vouchd is no service
echo "    extra: [" >>"$policy"
refused "a wrong policy is refused" "50-ours.yaml:[0-9]+" vouch apply --config "$config" --paths "$work/paths"
check "and no list is made of it" test ! -e "$work/paths"
ours 0640
check "the list of what the helpers may look at is made" vouch apply --no-reload --config "$config" --paths "$work/paths"
check "with the file of our rule" grep -qx "stat:$work/file" "$work/paths"

# --- nothing is lost
check "vouchd ends" stop vouchd
last=$(jq .sequence "$work/web/spool/chain.json")
equal "the spool has every statement, in the order of their numbers" "$(seq 1 "$last" | xargs)" \
	"$(find "$work/web/spool/queue" -name '*.json' -printf '%f\n' | sed -E 's/^0*([0-9]+)-.*/\1/' | sort -n | xargs)"
printf '\0\0\0\0\0\0\0\0' >"$work/clock"
check "the collector takes them all" ship web
equal "and has the line whole" "$(seq 1 "$last" | xargs)" "$(all_statements | jq -r .sequence | sort -n | xargs)"
