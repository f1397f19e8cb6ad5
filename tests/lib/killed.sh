# Sourced by the stories that kill, after story.sh and world.sh: programs are killed with signal 9 at system calls with which
# they write, sync, rename, unlink or send, from outside, by strace. What has to hold afterwards is whole().
# shellcheck shell=bash

# strace counts each call for itself, so each is gone through for itself. That a program makes no others of the kind is
# looked at by lists_all().
kill_calls=(write pwrite64 writev fallocate fsync fdatasync ftruncate rename link unlink unlinkat rmdir sendto sendmsg)
other_calls=pwritev,pwritev2,msync,sync_file_range,truncate,renameat,renameat2,linkat,symlink,symlinkat
other_calls+=,sendmmsg,sendfile,splice,copy_file_range,io_uring_enter
kill_every=${kill_every-1} # of these calls, each that many-th
kill_first=${kill_first-1} # from which on
kill_most=${kill_most-500} # and how many of each

# was_killed NAME: what start() started is dead, by the signal. What lives is killed, and that is false.
was_killed() {
	local status=0 lives=no
	! is_running "$1" || lives=yes
	stop "$1" KILL || status=$?
	((status == 137)) || not_ok "$(cat "$work/now"): $1 ended by itself, with $status: $(tail -n 1 "$work/$1.log")"
	[[ $lives == no && $status == 137 ]]
}

# strace_kill CALL N COMMAND...: becomes the command, which is killed when it makes that call for the N-th time.
strace_kill() {
	exec strace -D -qq -o /dev/null -e trace="$1" -e inject="$1:signal=KILL:when=$2" "${@:3}"
}
# died_at CALL N COMMAND...: true when it was killed there; false when it never came so far.
died_at() {
	local status=0
	(strace_kill "$@") >>"$work/died.log" 2>&1 || status=$?
	((status == 137))
} 2>/dev/null

# lists_all NAME COMMAND...: what the program calls in one run, so that nothing is left out of kill_calls.
lists_all() {
	local name=$1 others
	strace -D -qq -o "$work/calls" -e trace="$other_calls" "${@:2}" >>"$work/died.log" 2>&1 || true
	others=$(grep -oE '^[a-z0-9_]+\(' "$work/calls" | sort | uniq -c | xargs)
	equal "$name writes, syncs, renames, unlinks and sends with no other calls than those that long/93-killed.sh goes through" "" "$others"
}

# every_point NAME TRY: for each call, as long as TRY CALL N (true: it was killed there, and goes on since) comes so far.
every_point() {
	local name=$1 try=$2 call n at count=0 listed=
	for call in "${kill_calls[@]}"; do
		for ((n = kill_first, at = 0; at < kill_most; n += kill_every, at++)); do
			echo "$name $call $n" >"$work/now"
			"$try" "$call" "$n" || break
			seen
		done
		((at == 0)) || listed+=", $at at $call"
		count=$((count + at))
	done
	echo "$count" >>"$work/kills"
	if ((count > 0)); then ok "$name: killed $count times:${listed#,}"; else not_ok "$name: never killed"; fi
}

# --- what has to be there in the end
# seen: what log, queue and sealer of $subject say just now is kept, and has to hold for ever.
seen() {
	local queue=$work/$subject/spool/queue position=$work/keep-$subject/position
	cp "$collector/log/checkpoint" "$work/seen/checkpoint-$((++seen_count))"
	[[ ! -d $queue ]] || (cd "$queue" && ls) >>"$work/seen/queue-$subject"
	[[ ! -s $position ]] || jq -r '"\(.sequence) \(.digest)"' "$position" >>"$work/seen/sealed-$subject"
}
new_world() {
	seen_count=0
	mkdir -p "$work/seen"
	collector_new
	collector_start
	small_policy
}
# enrol_own NAME [OPTION...]: with a folder of its own to look at.
enrol_own() {
	root_of "$1"
	enrol "$1" --root "$work/$1-root" "${@:2}"
}
root_of() {
	mkdir -p "$work/$1-root/etc"
	cp /etc/os-release "$work/$1-root/etc/"
	tr -d - </proc/sys/kernel/random/uuid >"$work/$1-root/etc/machine-id"
	echo "$1" >"$work/$1-root/etc/hostname"
}
# vouchd_of NAME [OPTION...]: the command of one round.
vouchd_of() {
	command=(vouchd --state "$work/$1" --config "$work/small-config.yaml" --once --root "$work/$1-root" "${@:2}")
}
round_of() {
	local command
	vouchd_of "$@"
	"${command[@]}" >>"$work/vouchd.log" 2>&1
}

leftovers() {
	find "$work"/*/.tmp-enrolment "$work"/*/spool "$work"/*/receipts "$work"/*/enrolment "$work"/keep-* "$collector" "$work"/witness -name '.tmp-*' 2>/dev/null || true
}
# One host's line at the collector: whole, with everything that was ever in its queue or signed by its sealer.
is_line_whole() {
	local name=$1 host last left
	host=$(jq -r .hostId "$work/$name/enrolment/enrolment.json")
	jq -r "select(.host == \"$host\") | \"\(.sequence) \(.digest)\"" "$work/stored" | sort -n >"$work/line"
	last=$(jq .sequence "$work/$name/spool/chain.json")
	[[ $(cut -d ' ' -f 1 "$work/line") == "$(seq "$last")" ]] ||
		{ echo "$name: of $last the collector has $(cut -d ' ' -f 1 "$work/line" | xargs)" && return 1; }
	left=$(find "$work/$name"/spool/{queue,refused,incoming} -type f)
	[[ -z $left ]] || { echo "$name: left in the spool: $left" && return 1; }
	awk '{printf "%020d-%s.json\n", $1, substr($2, 1, 16)}' "$work/line" >"$work/line-names"
	sort -u "$work/seen/queue-$name" 2>/dev/null | comm -23 - "$work/line-names" >"$work/missing"
	[[ ! -e $work/seen/sealed-$name ]] ||
		sort -u "$work/seen/sealed-$name" | comm -23 - <(sort "$work/line") >>"$work/missing"
	[[ ! -s $work/missing ]] || { echo "$name: sealed, and not at the collector: $(xargs <"$work/missing")" && return 1; }
	while read -r _ digest; do
		[[ -s $work/$name/receipts/$digest.tlog-proof ]] || { echo "$name: no receipt for $digest" && return 1; }
	done <"$work/line"
}
are_lines_whole() {
	local home bad=0
	for home in "$work"/*/enrolment/enrolment.json; do
		is_line_whole "$(basename "${home%/enrolment/enrolment.json}")" || bad=1
	done
	return $bad
}
index_of() {
	sqlite3 "$1/index.db" "SELECT * FROM lines ORDER BY id; SELECT * FROM epochs ORDER BY line, sequence;
		SELECT * FROM statements ORDER BY idx; SELECT * FROM hosts ORDER BY id; SELECT * FROM results ORDER BY host, rule;
		SELECT host, rule, verdict, collected, expires, received, statement FROM history ORDER BY id;
		SELECT host, kind, at, text, statement FROM findings ORDER BY id"
}
# What was killed has started and ended again since: nothing is lost, twice, forked or left over.
whole() {
	local kept=$1
	all_statements >"$work/stored"
	check "$kept: each host's line is whole, with all that was sealed, and has its receipts" are_lines_whole
	equal "$kept: nothing is there twice" "$(jq -r .digest "$work/stored" | sort -u | wc -l)" "$(wc -l <"$work/stored")"
	equal "$kept: each has its own place in the log" "$(seq 0 $(($(log_size) - 1)) | xargs)" "$(jq -r .index "$work/stored" | sort -n | xargs)"
	stop collector || true
	equal "$kept: no line has a gap, a fork or a refusal" "" \
		"$(sqlite3 "$collector/index.db" "SELECT kind, text FROM findings WHERE kind <> 'reset'")"
	equal "$kept: each epoch has a key of its own" "" \
		"$(sqlite3 "$collector/index.db" "SELECT keyid FROM epochs GROUP BY keyid HAVING count(*) > 1")"
	check "$kept: all $seen_count checkpoints of the way are proved from the tiles" \
		node "$(dirname "${BASH_SOURCE[0]}")/roots.mjs" "$collector/log" "$work"/seen/checkpoint-*
	check "$kept: fsck finds nothing" vouch-collector fsck "$collector"
	cp -a "$collector" "$work/rebuilt"
	check "$kept: the index can be derived anew" vouch-collector rebuild "$work/rebuilt"
	equal "$kept: and is the same" "$(index_of "$collector")" "$(index_of "$work/rebuilt")"
	equal "$kept: no temporary file is left" "" "$(leftovers | sed "s|$work/||g" | xargs)"
}

# --- side by side
# world NAME FUNCTION...: in a process and a folder of its own; their cases come with worlds_end.
worlds=()
world() {
	local name=$1
	(
		trap - ERR
		set +eE # what fails says so, and whole() looks at what is left
		trap 'kill_all' EXIT
		work=$work/$name
		collector=$work/collector
		story_processes=()
		mkdir "$work"
		"${@:2}"
		[[ $story_failed == no ]] || for log in "$work"/*.log; do echo "--- $name ${log##*/}" && tail -n 12 "$log"; done
	) >"$work/$name.cases" 2>&1 &
	story_processes[world-$name]=$!
	worlds+=("$name")
}
kill_all() {
	local name
	trap - EXIT
	for name in "${!story_processes[@]}"; do
		kill -KILL "${story_processes[$name]}" 2>/dev/null
	done
	{ wait; } 2>/dev/null
}
worlds_stop() {
	local name
	for name in "${worlds[@]}"; do
		kill -TERM "${story_processes[world-$name]}" 2>/dev/null
	done
	{ wait; } 2>/dev/null
}
story_hooks+=(worlds_stop)
worlds_end() {
	local name total=0
	for name in "${worlds[@]}"; do
		wait "${story_processes[world-$name]}" || story_failed=yes
		unset "story_processes[world-$name]"
		grep -v ': line .* Killed ' "$work/$name.cases" || true
		! grep -q '^not ok' "$work/$name.cases" || story_failed=yes
		grep -q '^ok .*no temporary file is left' "$work/$name.cases" || grep -q '^not ok' "$work/$name.cases" ||
			not_ok "$name did not come to its end: $(cat "$work/$name/now")"
		total=$((total + $(paste -sd + "$work/$name/kills" 2>/dev/null || echo 0)))
	done
	worlds=()
	if ((total >= $1)); then ok "$total kills in ${SECONDS} s"; else not_ok "only $total kills"; fi
}

# hosts: the names of all that are enrolled.
hosts() {
	local home
	for home in "$work"/*/enrolment/enrolment.json; do
		basename "${home%/enrolment/enrolment.json}"
	done
}
ship_all() {
	local name
	for name in $(hosts); do
		ship "$name" || not_ok "$name: not shipped"
	done
}
# again COMMAND...: what came after the kill has to work. A slow machine may let an epoch end within a round: three times.
again() {
	"$@" || { [[ $subject == sealed* ]] && { "$@" || "$@"; }; } || not_ok "$(cat "$work/now"): and behind it fails: $*"
}

# --- the agent that signs by itself
try_round() {
	local command
	subject=agent
	vouchd_of agent
	died_at "$@" "${command[@]}" || return 1
	((RANDOM % 2)) || again round_of agent # else the next kill hits what mends this one
}
# The first statements of a host that was enrolled and has said nothing yet.
try_first() {
	local command status=0
	subject=first$((++first_count))
	enrol_own "$subject" --helpers "$work/none" || not_ok "$subject: not enrolled"
	vouchd_of "$subject"
	died_at "$@" "${command[@]}" || status=1
	again round_of "$subject"
	return $status
}
first_count=0
try_enrol() {
	local status=0
	subject=enrolled$((++first_count))
	root_of "$subject"
	died_at "$@" vouch enrol "$url" --token "$(vouch-collector token add "$collector")" --ca-fingerprint "$fingerprint" \
		--state "$work/$subject" --root "$work/$subject-root" || status=1
	[[ -e $work/$subject/enrolment ]] || again enrol "$subject" --root "$work/$subject-root"
	again round_of "$subject"
	return $status
}
agents() {
	new_world
	enrol_own agent
	vouchd_of agent
	lists_all vouchd "${command[@]}"
	lists_all "vouch enrol" vouch enrol "$url" --token "$(vouch-collector token add "$collector")" \
		--ca-fingerprint "$fingerprint" --state "$work/other" --root "$(root_of other && echo "$work/other-root")"
	round_of other
	for ((lap = 0; lap < laps; lap++)); do every_point "vouchd, a full round" try_round; done
	every_point "vouchd, a host's first statements" try_first
	every_point "vouch enrol" try_enrol
	again round_of agent
	ship_all
	whole agents
}

# --- small rounds: of a vouchd that goes on, on this very host, where what changes is noticed
daemon() {
	start vouchd strace -D -qq "$@" vouchd --state "$work/live" --config "$work/live.yaml"
	within 60 eval '! is_running vouchd || (($(spooled live) > queued))'
}
try_small() {
	local queued
	subject=live
	queued=$(spooled live)
	daemon -o /dev/null -e trace="$1" -e inject="$1:signal=KILL:when=$((${first_round[$1]} + $2))"
	queued=$(spooled live)
	for ((turn = 0; turn < 3; turn++)); do # what changes before it is watched is not noticed
		echo "NAME=$RANDOM$RANDOM" >"$work/watched"
		! within 5 eval '! is_running vouchd || (($(spooled live) > queued))' || break
	done
	within 1 eval '! is_running vouchd' # what comes behind the move into the queue
	was_killed vouchd
}
small_rounds_stored() {
	sqlite3 "$collector/store.db" "SELECT CAST(envelope AS TEXT) FROM evidence" | jq -r '.payload | @base64d | fromjson |
		.predicate | select(.type == "round") | .full // false' | grep -c false
}
smalls() {
	declare -A first_round=()
	local queued=0 call
	new_world
	enrol live
	echo NAME=1 >"$work/watched"
	sed -e "s|with: .*|with: {path: $work/watched, pattern: \"NAME=.*\"}\n    show: true|" "$work/small.yaml" >"$work/live-policy.yaml"
	echo "policies: [$work/live-policy.yaml]" >"$work/live.yaml"
	daemon -o "$work/live.calls"
	sleep 1
	stop vouchd KILL
	for call in "${kill_calls[@]}"; do
		first_round[$call]=$(grep -c "^$call(" "$work/live.calls")
		((first_round[$call] < 2)) || first_round[$call]=$((first_round[$call] - 2)) # the first one had more to say
	done
	every_point "vouchd, small rounds" try_small
	queued=$(spooled live)
	daemon -o /dev/null -e trace=none
	stop vouchd
	ship_all
	check "and most rounds were small" test "$(small_rounds_stored)" -ge 1
	whole smalls
}

# --- the sealer, with a descriptor store as systemd has one, and an epoch of a few seconds
span=3
sealer_of() {
	local run=$work/run-$1
	mkdir -p "$run"
	cat >"$run/sealer.sh" <<-EOS
		sealer=(vouch-sealer --client root --state "$work/$1" --keep "$work/keep-$1" --epoch ${span}s)
		if read -r call n 2>/dev/null <"$run/next"; then
			rm "$run/next"
			exec strace -D -qq -o /dev/null -e trace="\$call" -e inject="\$call:signal=KILL:when=\$n" "\${sealer[@]}"
		fi
		exec "\${sealer[@]}"
	EOS
	: >"$run/sealer.sock.ends"
	start "sealer-$1" "$story_top/build/release/keep_descriptors" "$run/sealer.sock" bash "$run/sealer.sh"
	within 60 listens_at "$run/sealer.sock"
}
sealed_round() {
	round_of "$1" --helpers "$work/run-$1"
}
ends() {
	wc -l <"$work/run-$1/sealer.sock.ends"
}
kill_sealer() {
	local before pid
	before=$(ends "$1")
	pid=$(cat "$work/run-$1/sealer.sock.pid" 2>/dev/null) || return 0
	kill -KILL "$pid" 2>/dev/null
	within 5 eval '(($(ends "$1") > before))'
}
# The next signature is asked of a sealer whose epoch has had its time.
rotation_due() {
	local since
	since=$(jq .epochAt "$work/keep-$1/position")
	while (($(cut -d . -f 1 /proc/uptime) < since + span)); do sleep 0.1; done
}
# round_with_dying CALL N: true when the sealer died in a round of $subject.
round_with_dying() {
	local before
	echo "$1 $2" >"$work/run-$subject/next"
	before=$(ends "$subject")
	if sealed_round "$subject"; then
		sleep 0.1 # for what comes behind the answer
	else
		within 5 eval '(($(ends "$subject") > before))'
	fi
	(($(ends "$subject") > before))
}
try_sealer() {
	subject=sealed
	kill_sealer sealed
	rotation_due sealed
	round_with_dying "$@" || return 1
	again sealed_round sealed
}
try_rotation() {
	local command
	subject=sealed
	rotation_due sealed
	vouchd_of sealed --helpers "$work/run-sealed"
	died_at "$@" "${command[@]}" || return 1
	again sealed_round sealed
}
try_sealer_first() {
	local status=0
	subject=sealed$((++first_count))
	enrol_own "$subject" --helpers "$work/run-$subject" || not_ok "$subject: not enrolled"
	sealer_of "$subject"
	round_with_dying "$@" || status=1
	again sealed_round "$subject"
	stop "sealer-$subject"
	return $status
}
sealers() {
	new_world
	enrol_own sealed --helpers "$work/run-sealed"
	sealer_of sealed
	sealed_round sealed || not_ok "sealed: no round"
	for ((lap = 0; lap < laps; lap++)); do every_point "vouch-sealer, a rotation and a round" try_sealer; done
	every_point "vouch-sealer, a host's first statements" try_sealer_first
	kill_sealer sealed
	subject=sealed
	again sealed_round sealed
	ship_all
	equal "sealers: no crash lost an epoch" "enrolment rotation" \
		"$(sqlite3 "$collector/index.db" "SELECT DISTINCT reason FROM epochs ORDER BY reason" | xargs)"
	whole sealers
}
rotations() {
	new_world
	enrol_own sealed --helpers "$work/run-sealed"
	sealer_of sealed
	sealed_round sealed || not_ok "sealed: no round"
	every_point "vouchd, a rotation and a round beside the sealer" try_rotation
	subject=sealed
	again sealed_round sealed
	ship_all
	whole rotations
}

# --- what ships
try_ship() {
	subject=agent
	while (($(spooled agent) < to_ship)); do round_of agent; done
	died_at "$@" vouch-ship --state "$work/agent" --once || return 1
	((RANDOM % 2)) || again ship agent
}
# What cannot be sent is moved aside, and what is missing in the line is asked for, before it leaves the queue.
try_ship_aside() {
	local name status=0
	subject=agent
	printf -v name '%020d-0123456789abcdef.json' $((1000 + ++first_count))
	echo junk >"$work/agent/spool/queue/$name"
	died_at "$@" vouch-ship --state "$work/agent" --once || status=1
	ship agent
	[[ -s $work/agent/spool/refused/$name && -s $work/agent/spool/refused/$name.reason && $(spooled agent) == 0 ]] ||
		not_ok "$(cat "$work/now"): it was not moved aside: $(ls "$work"/agent/spool/{queue,refused} | xargs)"
	[[ $(jq .sequence "$work/agent/receipts/incomplete") == $((1000 + first_count)) ]] ||
		not_ok "$(cat "$work/now"): a full round was not asked for"
	rm -f "$work"/agent/spool/refused/*
	return $status
}
ships() {
	new_world
	enrol_own agent
	round_of agent
	lists_all vouch-ship vouch-ship --state "$work/agent" --once
	for ((lap = 0; lap < laps; lap++)); do
		to_ship=1
		every_point "vouch-ship, one statement" try_ship
		to_ship=4
		every_point "vouch-ship, four statements" try_ship
	done
	every_point "vouch-ship, one that is moved aside" try_ship_aside
	round_of agent
	ship_all
	whole ships
}

# --- the collector
is_up_or_dead() {
	accepts "$port" || ! is_running collector
}
# serve CALL N: with a collector that dies there two hosts ship, in turns the one or the other first. False when it lives.
serve() {
	local order=(agent other)
	((++turns % 2)) || order=(other agent)
	start collector strace -D -qq -o /dev/null -e trace="$1" -e inject="$1:signal=KILL:when=$2" vouch-collector run "$collector"
	within 60 is_up_or_dead
	for subject in "${order[@]}"; do
		! is_running collector || ship "$subject" 60
	done
	was_killed collector
}
turns=0
try_collector() {
	local name
	for name in agent other; do
		(($(spooled $name) > 0)) || round_of $name
	done
	serve "$@"
}
try_replay() {
	rm -f "$collector"/index.db*
	try_collector "$@"
}
try_rebuild() {
	subject=agent
	died_at "$@" vouch-collector rebuild "$collector"
}
collector_world() {
	new_world
	enrol_own agent
	enrol_own other
	round_of agent
	ship agent
	stop collector
}
collector_end() {
	collector_start
	round_of agent
	round_of other
	ship_all
	equal "$1: no entry of the log waits for its statement" 0 "$(sqlite3 "$collector/store.db" "SELECT count(*) FROM orphans")"
	whole "$1"
}
collectors() {
	collector_world
	for ((lap = 0; lap < laps; lap++)); do every_point "vouch-collector, start and two requests" try_collector; done
	if (($(grep -cE '[1-9][0-9]* known' "$work/collector.log") > 0)); then
		ok "it knew again what it had stored and not acknowledged"
	else
		not_ok "no kill fell between storing and acknowledging"
	fi
	start collector strace -D -qq -o "$work/collector.calls" -e trace="$other_calls" vouch-collector run "$collector"
	within 60 is_up_or_dead
	round_of agent
	ship agent
	stop collector
	equal "vouch-collector makes no other calls" "" "$(grep -oE '^[a-z0-9_]+\(' "$work/collector.calls" | sort | uniq -c | xargs)"
	collector_end collectors
}
replays() {
	collector_world
	every_point "vouch-collector, start with an index to derive anew" try_replay
	every_point "vouch-collector rebuild" try_rebuild
	collector_end replays
}

# A tile becomes full: from one copy of the folder at 254 entries again and again.
try_tile() {
	rm -rf "$collector" "$work/agent"
	cp -a "$work/kept/." "$work/"
	start collector strace -D -qq -o /dev/null -e trace="$1" -e inject="$1:signal=KILL:when=$2" vouch-collector run "$collector"
	within 60 is_up_or_dead
	subject=agent
	! is_running collector || ship agent 60
	was_killed collector || return 1
	collector_start
	again ship agent
	stop collector
	again vouch-collector fsck "$collector" >>"$work/fsck.log"
	[[ -z $(leftovers) && ! -e $collector/log/tile/0/000.p && ! -e $collector/log/tile/entries/000.p ]] ||
		not_ok "$(cat "$work/now"): left over: $(leftovers | xargs) $(find "$collector/log" -name '000.p' | xargs)"
}
tiles() {
	new_world
	enrol_own agent
	while (($(spooled agent) < 254)); do round_of agent; done
	ship agent
	for ((i = 0; i < 4; i++)); do round_of agent; done
	stop collector
	mkdir "$work/kept"
	cp -a "$collector" "$work/agent" "$work/kept/"
	every_point "vouch-collector, a tile becomes full" try_tile
	collector_start
	ship_all
	whole tiles
}

# --- witness and anchors
witness_start() {
	start witness "$@" vouch witness --listen "127.0.0.1:$((port + 4))" --state "$work/witness" --key "$work/w.key" \
		--log "$(cat "$collector/log.vkey")" --name w.example/vouch
	within 60 eval 'accepts $((port + 4)) || ! is_running witness'
}
grow() {
	round_of agent
	ship agent || not_ok "not shipped"
	subject=agent
}
anchored() {
	vouch-collector anchor "$collector" --once >>"$work/anchor.log" 2>&1
}
try_anchor() {
	grow
	died_at "$@" vouch-collector anchor "$collector" --once || return 1
	((RANDOM % 2)) || again anchored # else the log grows before it starts again
}
cosigned() {
	sed -n 2p "$work"/witness/[0-9a-f]* 2>/dev/null | head -n 1
}
try_witness() {
	local answered
	grow
	stop witness KILL
	witness_start strace -D -qq -o /dev/null -e trace="$1" -e inject="$1:signal=KILL:when=$2"
	! is_running witness || anchored
	if ! was_killed witness; then
		witness_start
		return 1
	fi
	witness_start
	answered=$(grep -lF -- "— w.example/vouch " "$collector"/anchors/*/checkpoint | sort | tail -n 1)
	(($(cosigned) >= $(sed -n 2p "$answered"))) || not_ok "$(cat "$work/now"): the witness forgot what it answered"
	again anchored
}
anchors() {
	new_world
	vouch witness keygen --key "$work/w.key" --name w.example/vouch >"$work/w.vkey"
	mkdir -m 700 "$work/witness"
	cat >"$collector/log.policy" <<-EOT
		log $(cat "$collector/log.vkey")
		witness one $(cat "$work/w.vkey") http://127.0.0.1:$((port + 4))
		quorum one
	EOT
	stop collector
	sed -i 's/^log_policy:.*/log_policy: log.policy/' "$collector/collector.yaml"
	collector_start
	enrol_own agent
	grow
	witness_start
	check "there is an anchor" anchored
	every_point "vouch-collector anchor" try_anchor
	every_point "vouch witness" try_witness
	grow
	check "and one in the end" anchored
	equal "one root was cosigned for each size" "" \
		"$(for note in "$collector"/anchors/*/checkpoint; do sed -n 2,3p "$note" | xargs; done | sort -u | cut -d ' ' -f 1 | uniq -d)"
	stop witness
	whole anchors
}
