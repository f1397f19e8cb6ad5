# Sourced by tests/run: runs named steps, one after another or side by side, prints a line for each, and counts.
# shellcheck shell=bash

declare -i passed=0 failed=0 running=0
failures=()
declare -A under_way=() # process id -> name of the step

trap 'stop_steps' EXIT
trap 'exit 130' INT TERM HUP

stop_steps() {
	local pid
	for pid in "${!under_way[@]}"; do
		kill -- "-$pid" 2>/dev/null || true
	done
}

log_of() {
	echo "$logs/${1//[^A-Za-z0-9]/-}.log"
}

now_ms() {
	echo $((${EPOCHREALTIME/./} / 1000))
}

# Runs one step in a subshell; its exit status and time go beside its log.
run_step() {
	local log begin status
	log=$(log_of "$1")
	begin=$(now_ms)
	set +e # not `|| status=$?`, which would switch it off inside the step as well
	(
		set -e
		trap - EXIT
		"${@:2}"
	) >"$log" 2>&1
	status=$?
	set -e
	echo "$status $(($(now_ms) - begin))" >"$log.status"
}

# report COUNTER NAME: prints the step's line. COUNTER reads log and exit status and says "passed failed".
report() {
	local counter=$1 name=$2 log status ms good bad word=ok
	log=$(log_of "$name")
	read -r status ms <"$log.status" || { status=255 ms=0; }
	read -r good bad < <("$counter" "$log" "$status")
	passed+=good
	failed+=bad
	if ((bad)); then
		word=FAILED
		failures+=("$name")
	fi
	printf '%6d.%d s  %-6s  %s' $((ms / 1000)) $((ms % 1000 / 100)) "$word" "$name"
	((good + bad > 1)) && printf ' (%d passed, %d failed)' "$good" "$bad"
	echo
	((bad)) && { what_failed "$log" | sed 's/^/            | /'; }
	return 0
}

# The cases that failed, wherever they stand in the log, and its end.
what_failed() {
	grep -aE -m 20 '^not ok - |^[0-9]+: \[  FAILED  \]|^[0-9]+: \[   LINE   \]' "$1" || true
	tail -n 25 "$1"
}

cases() {
	run_step "$1" "${@:3}"
	report "$2" "$1"
}

step() {
	cases "$1" one_case "${@:2}"
}

declare -A counter_of=()
background_cases() {
	local name=$1
	set -m
	run_step "$name" "${@:3}" &
	set +m
	under_way[$!]=$name
	counter_of[$name]=$2
	running+=1
}

background() {
	background_cases "$1" one_case "${@:2}"
}

# at_most N: waits until fewer than N background steps run.
at_most() {
	local pid
	while ((running >= $1)); do
		wait -n -p pid "${!under_way[@]}" || true
		report "${counter_of[${under_way[$pid]}]}" "${under_way[$pid]}"
		unset "under_way[$pid]"
		running+=-1
	done
}

gather() {
	at_most 1
}

one_case() {
	if (($2 == 0)); then echo "1 0"; else echo "0 1"; fi
}

# Counts cmocka's cases in what `ctest -V` printed. A program that failed without naming a case counts as one, and so
# does a skipped case: what a test needs has to be there.
ctest_cases() {
	awk -v status="$2" '
		/^[0-9]+: \[  PASSED  \] [0-9]+ test/ {split($1, n, ":"); good[n[1]] += $5; next}
		/^[0-9]+: \[  FAILED  \] .* test\(s\), listed/ {split($1, n, ":"); match($0, /[0-9]+ test\(s\)/); bad[n[1]] += substr($0, RSTART) + 0; next}
		/^[0-9]+: \[  SKIPPED \] .* test\(s\), listed/ {split($1, n, ":"); match($0, /[0-9]+ test\(s\)/); bad[n[1]] += substr($0, RSTART) + 0; next}
		/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: / {
			n0 = $0; sub(/.*Test +#/, "", n0); n0 += 0; programs++
			if ($0 ~ / Passed /) { if (!good[n0]) good[n0] = 1 }
			else if (!bad[n0]) bad[n0] = 1
		}
		END {
			for (i in good) g += good[i]
			for (i in bad) b += bad[i]
			if ((status != 0 || !programs) && !b) b = 1
			print g + 0, b + 0
		}' "$1"
}

# Counts a story's lines "ok - ..." and "not ok - ...".
story_cases() {
	local good bad
	good=$(grep -c '^ok - ' "$1" || true)
	bad=$(grep -c '^not ok - ' "$1" || true)
	(($2 != 0 || good == 0)) && ((bad == 0)) && bad=1
	echo "$good $bad"
}

summary() {
	local name
	echo
	if ((failed)); then
		echo "failed:"
		for name in "${failures[@]}"; do
			echo "  $name: $(log_of "$name")"
		done
	else
		echo "everything passed in $((SECONDS / 60)) min $((SECONDS % 60)) s"
	fi
	rm -rf "$build/tmp"
	echo "$passed passed, $failed failed"
	((failed == 0))
}
