# Sourced by the stories after story.sh: time-stamp authorities of openssl's.
# shellcheck shell=bash

# tsa_new NAME DAYS: an authority in $work/NAME: root.pem, and a signer whose certificate ends in so many days.
tsa_new() {
	local folder=$work/$1
	mkdir -p "$folder"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 7300 -subj "/O=Tests/CN=Root of $1" \
		-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
		-keyout "$folder/root.key" -out "$folder/root.pem" 2>/dev/null
	echo 01 >"$folder/serial"
	cat >"$folder/tsa.cnf" <<-'END'
		[tsa]
		default_tsa = this
		[this]
		serial = serial
		signer_cert = signer.pem
		signer_key = signer.key
		certs = root.pem
		signer_digest = sha256
		default_policy = 1.2.3.4.1
		digests = sha256
		accuracy = secs:1
		clock_precision_digits = 0
		ess_cert_id_alg = sha256
	END
	tsa_signer "$1" "$2"
}

# tsa_signer NAME DAYS: another signer in its place.
tsa_signer() {
	local folder=$work/$1
	printf '%s\n' extendedKeyUsage=critical,timeStamping keyUsage=critical,digitalSignature >"$folder/signer.ext"
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj "/O=Tests/CN=$1 for $2 days" \
		-keyout "$folder/signer.key" -out "$folder/signer.csr" 2>/dev/null
	openssl x509 -req -in "$folder/signer.csr" -CA "$folder/root.pem" -CAkey "$folder/root.key" -days "$2" \
		-set_serial "$RANDOM$RANDOM" -extfile "$folder/signer.ext" -out "$folder/signer.pem" 2>/dev/null
}

# tsa_start NAME PORT
tsa_start() {
	start "$1" node "$story_top/tests/lib/tsa.mjs" "$2" "$work/$1"
	within 60 accepts "$2"
}

# tsa_stamp NAME FILE: its response over FILE, to standard output. The one that runs counts in a file of its own: two at once
# would find it empty.
tsa_stamp() {
	openssl ts -query -data "$2" -sha256 -cert -out "$work/query" 2>/dev/null
	(
		cd "$work/$1"
		sed 's/^serial = serial$/serial = serial-by-hand/' tsa.cnf >by-hand.cnf
		[[ -e serial-by-hand ]] || echo 80000001 >serial-by-hand
		openssl ts -reply -config by-hand.cnf -queryfile "$work/query" -out "$work/reply"
	) 2>/dev/null
	cat "$work/reply"
}
