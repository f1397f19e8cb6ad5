# Sourced by run-year: what it takes to check, rebuild, export and verify the year that a collector holds.
# shellcheck shell=bash

# measured NAME COMMAND...: NAME.wall_ms, NAME.cpu_us, NAME.peak_kib, NAME.exit; what it says goes to NAME.txt.
measured() {
	local name=$1
	shift
	(fast "$release/measure" bash -c '"$@" >"$0" 2>&1' "$work/$name.txt" "$@") | sed "s/^/$name./"
}

bytes() { # NAME PATH...
	echo "$1 $(du -cb "${@:2}" | tail -n 1 | cut -f 1)"
}

# Every request had one statement, since the host ships each round at once; statement_wire_write_short() and
# gzip_write() make the same bytes again of what the package has.
wire() {
	"$release/wire" --package "$work/all" | awk '
		{n[$1]++; sent += $6}
		$1 == "round" && $3 == "full" {full++; full_sent += $6}
		$1 == "round" && $3 == "changes" && $4 > 0 {changed++}
		$1 == "round" && $3 == "changes" && $4 == 0 {quiet++; quiet_sent += $6; if ($6 > most) most = $6}
		END {
			for (type in n)
				print "statements." type, n[type]
			print "rounds.full", full
			print "rounds.changed", changed + 0
			print "rounds.quiet", quiet
			print "wire_bytes", sent
			print "wire_bytes.full", full_sent
			print "wire_bytes.quiet", quiet_sent
			printf "wire_bytes.quiet_mean %.0f\nwire_bytes.quiet_most %d\n", quiet_sent / quiet, most
		}'
}

packages() {
	(fast vouch export --trust -o "$work/trust.json")
	local name only=()
	for name in all control; do
		measured "export_$name" vouch export --package "$work/$name" --from "$from" --by bench "${only[@]}"
		only=(--control A.8.15)
		bytes "package_$name.bytes" "$work/$name"
		echo "package_$name.bundles $(find "$work/$name" -name '*.sigstore.json' | wc -l)"
		measured "verify_$name" vouch verify "$work/$name" --trust "$work/trust.json"
	done
	measured export_zip vouch export --package "$work/all.zip" --from "$from" --by bench
	bytes package_zip.bytes "$work/all.zip"
}

at_the_collector() {
	bytes log_bytes "$collector/log"
	echo "log_bytes.partial $(find "$collector/log" -path '*.p/*' -printf '%s\n' | awk '{n += $1} END {print n + 0}')"
	bytes store_bytes.evidence "$collector"/store.db*
	bytes store_bytes.index "$collector"/index.db*
	bytes anchors_bytes "$collector/anchors"
	echo "anchors $(find "$collector/anchors" -name checkpoint | wc -l)"
	measured fsck vouch-collector fsck "$collector"
	measured rebuild vouch-collector rebuild "$collector"
	bytes store_bytes.index_rebuilt "$collector"/index.db*
}

year_end() {
	echo "entries $(log_size)"
	bytes receipts_bytes "$state/receipts"
	packages
	wire
	end collector
	at_the_collector
}
