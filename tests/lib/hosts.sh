# Sourced by stories after world.sh: hosts that look at a folder of their own, each with its own boots, some with a sealer.
# shellcheck shell=bash

# boot NAME: the folder that it looks at is of another boot now.
boot() {
	mkdir -p "$work/root-$1/proc/sys/kernel/random"
	cat /proc/sys/kernel/random/uuid >"$work/root-$1/proc/sys/kernel/random/boot_id"
}
id_of() {
	jq -r .hostId "$work/$1/enrolment/enrolment.json"
}
# new_host NAME [OPTION...]: enrolled, with a folder of its own to look at.
new_host() {
	mkdir -p "$work/root-$1/etc"
	cp /etc/os-release "$work/root-$1/etc/"
	tr -d - </proc/sys/kernel/random/uuid >"$work/root-$1/etc/machine-id"
	echo "$1" >"$work/root-$1/etc/hostname"
	boot "$1"
	enrol "$1" --root "$work/root-$1" "${@:2}"
}
# sealer_start NAME [OPTION...]: with the state folder and the memory of that name.
sealer_start() {
	mkdir -p "$work/run-$1"
	rm -f "$work/run-$1/sealer.sock"
	start "sealer-$1" systemd-socket-activate --seqpacket --listen="$work/run-$1/sealer.sock" \
		vouch-sealer --client root --state "$work/$1" --keep "$work/keep-$1" "${@:2}"
	within 60 listens_at "$work/run-$1/sealer.sock"
}
# round NAME [ROOT'S NAME]: sealed by its sealer where it has one, and kept.
round() {
	local helpers=()
	[[ ! -S $work/run-$1/sealer.sock ]] || helpers=(--helpers "$work/run-$1")
	vouchd --state "$work/$1" --config "$work/small-config.yaml" --once --root "$work/root-${2-$1}" "${helpers[@]}" \
		>>"$work/vouchd-$1.log" 2>&1
}
# said NAME: round and delivery.
said() {
	round "$1" && ship "$1"
}
found() {
	api "/api/v1/findings?host=$(id_of "$1")" | jq -r '[.findings[].kind] | join(" ")'
}
found_text() {
	api "/api/v1/findings?host=$(id_of "$1")" | jq -r '.findings[].text'
}
# line_of NAME: number, type and digest of each statement, the newest first.
line_of() {
	all_statements | jq -r --arg host "$(id_of "$1")" 'select(.host == $host) | "\(.sequence) \(.type) \(.digest)"'
}
last_of() {
	line_of "$1" | sed -n 1p
}
# state_of NAME: what the host's current results count as, at the collector.
state_of() {
	api "/api/v1/results?host=$(id_of "$1")" | jq -r '[.results[].state] | join(" ")'
}
not() {
	! "$@"
}
refused_of() {
	cat "$work/$1"/spool/refused/*.reason
}
# finds WHAT NAME TEXT: the newest findings about that host say so, and which kinds there are.
finds() {
	local said
	said=$(found_text "$2" | grep -E -- "$3" | sed -n 1p) || true
	if [[ -n $said ]]; then
		ok "$1: $(found "$2"): ${said:0:110}"
	else
		not_ok "$1: wanted /$3/, found: $(found "$2"): $(found_text "$2" | paste -sd '|')"
	fi
}
