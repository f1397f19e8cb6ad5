#!/bin/bash
# What the host's own listeners speak, over the network, against real servers: OpenSSL's with good and bad certificates
# and an old version, sshd with a broken cipher, mail that asks for passwords in the clear. In a network of its own, where
# nothing else listens. Each rule is asked before anybody approved it, then for one bad thing at a time.
if [[ -z ${STORY_56_INSIDE-} ]]; then
	STORY_56_INSIDE=yes exec unshare --mount --net --pid --fork --mount-proc bash "$0"
fi
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
ip link set lo up
export OPENSSL_CONF=/dev/null

rules=(cry.tls.listeners cry.tls.min_version cry.tls.suites cry.tls.cert.validity cry.tls.cert.strength cry.tls.cert.served_vs_disk
	cry.ssh.kexinit cry.cleartext.services)

# look [POLICY]...: all of these rules; verdict RULE, reason RULE: of that look.
look() {
	local more=() word
	for word in "$@"; do more+=(--policy "$word"); done
	for word in "${rules[@]}"; do more+=(--only "$word"); done
	vouch run --data "$installed/share/vouch" --policy "$policies/linux-baseline" "${more[@]}" --json \
		>"$work/look.json" 2>"$work/look.log" || (($? != 2))
}
verdict() {
	jq -r --arg rule "$1" '.results[] | select(.rule == $rule) | .verdict' "$work/look.json"
}
reason() {
	jq -r --arg rule "$1" '.results[] | select(.rule == $rule) | .reason' "$work/look.json"
}
# is RULE VERDICT WHAT [REASON]: what the last look said.
is() {
	equal "$1: $2: $3" "$2" "$(verdict "$1")"
	if [[ -n ${4-} ]] && ! grep -qE -- "$4" <<<"$(reason "$1")"; then not_ok "$1: not because of /$4/: $(reason "$1")"; fi
}

# --- a CA that this system trusts, and certificates
cd "$work"
ca() { # NAME SUBJECT [ISSUER]
	openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "$2" 2>/dev/null
	printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n' >ca.ext
	if [[ -n ${3-} ]]; then
		openssl x509 -req -in "$1.csr" -CA "$3.pem" -CAkey "$3.key" -CAcreateserial -days 90 -extfile ca.ext -out "$1.pem" 2>/dev/null
	else
		openssl x509 -req -in "$1.csr" -signkey "$1.key" -days 90 -extfile ca.ext -out "$1.pem" 2>/dev/null
	fi
}
# certificate NAME KEY ISSUER DAYS DNS [OPTION]...
certificate() {
	local name=$1 key=$2 issuer=$3 days=$4 dns=$5
	shift 5
	openssl req -newkey "$key" -nodes -keyout "$name.key" -out "$name.csr" -subj "/CN=$name" 2>/dev/null
	openssl x509 -req -in "$name.csr" -CA "$issuer.pem" -CAkey "$issuer.key" -CAcreateserial -days "$days" \
		-extfile <(echo "subjectAltName=DNS:$dns") "$@" -out "$name.pem" 2>/dev/null
}
ca root "/CN=Story root"
ca middle "/CN=Story middle" root
certificate good rsa:2048 middle 60 www.example.org
certificate soon rsa:2048 middle 3 www.example.org
certificate expired rsa:2048 middle -1 www.example.org
certificate name rsa:2048 middle 60 other.example.org
certificate sha1 rsa:2048 middle 60 www.example.org -sha1
certificate small rsa:1024 middle 60 www.example.org
openssl req -x509 -newkey rsa:2048 -nodes -keyout self.key -out self.pem -subj /CN=self -days 60 \
	-addext subjectAltName=DNS:www.example.org 2>/dev/null
mount -t tmpfs none /etc/ssl/certs
cp root.pem "/etc/ssl/certs/$(openssl x509 -hash -noout -in root.pem).0"
cat >names.yaml <<-'EOF'
	policy: {id: names, version: 1.0.0, framework: "iso27001:2022", title: Names, owner: tests, review_by: 2036-01-01}
	set:
	  cry.tls.cert.validity: {targets: ["127.0.0.1:4430/www.example.org"]}
	  cry.tls.min_version: {targets: ["127.0.0.1:4430/www.example.org"]}
EOF

# end NAME: if it runs.
end() {
	[[ -z ${story_processes[$1]-} ]] || { stop "$1" KILL || true; } 2>/dev/null
}
# tls CERTIFICATE [OPTION]...: a server on 4430 that shows it with the middle one.
tls() {
	local name=$1
	shift
	end tls
	start tls openssl s_server -accept 127.0.0.1:4430 -quiet -cert "$name.pem" -key "$name.key" \
		-CAfile root.pem -cert_chain middle.pem -cipher 'DEFAULT:@SECLEVEL=0' -min_protocol TLSv1.2 "$@"
	within 60 accepts 4430
}

# --- nothing listens, nothing is approved
look
for rule in "${rules[@]}"; do is "$rule" notapplicable "nothing listens"; done
tls good
look
for rule in "${rules[@]}"; do is "$rule" notchecked "nobody approved it" "no approval"; done
approvals=$(reason cry.tls.min_version | grep -oE '/[^ ]*/approvals' | head -n 1)
mkdir -p "${approvals%/*}"
mount -t tmpfs -o mode=755 none "${approvals%/*}"
for kind in greeting tls suites ssh; do
	printf -- '- {probe: "%s:127.0.0.1:*", by: story, until: 2036-01-01, why: its own}\n' "$kind"
done >"$approvals"

# --- one server, one bad thing at a time
look names.yaml
is cry.tls.listeners pass "a TLS server"
is cry.tls.min_version pass "1.2 and newer"
is cry.tls.cert.validity pass "valid, trusted, the right name"
is cry.tls.cert.strength pass "RSA 2048 and SHA-256"
is cry.ssh.kexinit notapplicable "no SSH server"
is cry.cleartext.services notapplicable "loopback alone"
look
is cry.tls.cert.validity unknown "nobody said under which name" name_matches
bad() { # CERTIFICATE WHAT RULE REASON
	tls "$1"
	look names.yaml
	is "$3" fail "$2" "$4"
}
bad expired "expired" cry.tls.cert.validity "chain|left"
bad soon "three days left" cry.tls.cert.validity left
bad name "another name" cry.tls.cert.validity name_matches
bad self "self-signed" cry.tls.cert.validity "chain"
bad sha1 "signed with SHA-1" cry.tls.cert.strength signature
bad small "RSA of 1024 bits" cry.tls.cert.strength key_bits
tls good -min_protocol TLSv1
look names.yaml
is cry.tls.min_version fail "TLS 1.0 is offered" "TLSv1.0"
end tls
start tls openssl s_server -accept 127.0.0.1:4430 -quiet -cert good.pem -key good.key
within 60 accepts 4430
look names.yaml
is cry.tls.cert.validity fail "the middle certificate is not sent" chain

# --- renewed on the disk, and not reloaded
mkdir disk
cp good.pem disk/www.crt
cat >disk.yaml <<-EOF
	policy: {id: disk, version: 1.0.0, framework: "iso27001:2022", title: Disk, owner: tests, review_by: 2036-01-01}
	set:
	  cry.tls.cert.served_vs_disk: {folders: ["$work/disk"]}
EOF
tls good
look disk.yaml
is cry.tls.cert.served_vs_disk pass "what is served lies on the disk"
renewed() { # its validity begins at another second
	certificate renewed rsa:2048 middle 60 www.example.org
	[[ $(openssl x509 -startdate -noout -in renewed.pem) != $(openssl x509 -startdate -noout -in good.pem) ]]
}
check "it is renewed" within 60 renewed
cp renewed.pem disk/www.crt
cp good.pem disk/old-cert.pem
look disk.yaml
is cry.tls.cert.served_vs_disk fail "the old one is served still" newest
tls renewed
look disk.yaml
is cry.tls.cert.served_vs_disk pass "reloaded"
look
is cry.tls.cert.served_vs_disk unknown "no file for it" newest

# --- cipher suites, whatever the server prefers
tls good -cipher ECDHE+AESGCM
look
is cry.tls.suites pass "forward secrecy and AES-GCM"
equal "each suite and group that it takes is found" \
	"$(openssl ciphers -s -tls1_2 -stdname ECDHE+AESGCM+aRSA | cut -d ' ' -f 1 | sort)" \
	"$(jq -r '.results[] | select(.rule == "cry.tls.suites") | .observed[] | select(.version == "TLSv1.2") | .name' "$work/look.json" | sort)"
tls good -cipher ECDHE+AESGCM:AES128-SHA -serverpref
look
is cry.tls.suites fail "CBC without forward secrecy, which it likes least" TLS_RSA_WITH_AES_128_CBC_SHA
tls good -cipher 'ADH:ECDHE+AESGCM:@SECLEVEL=0' -serverpref
look
is cry.tls.suites fail "suites without a certificate" DH_anon

# --- mail that goes over to TLS
end tls
cat good.pem middle.pem >mail.pem
mail() { # ADDRESS WHAT
	end mail
	start mail python3 "$story_top/tests/lib/mail_server.py" "$1" 2525 "$2" mail.pem good.key
	within 60 accepts 2525
}
mail 0.0.0.0 smtp
look
is cry.tls.min_version pass "SMTP with STARTTLS"
is cry.cleartext.services pass "AUTH behind STARTTLS alone"
is cry.tls.cert.strength pass "the certificate behind STARTTLS"
is cry.tls.suites pass "the suites behind STARTTLS"
mail 0.0.0.0 smtp-open
look
is cry.cleartext.services fail "AUTH before STARTTLS" passwords
mail 0.0.0.0 imap
look
is cry.cleartext.services pass "IMAP with LOGINDISABLED"
mail 0.0.0.0 imap-open
look
is cry.cleartext.services fail "IMAP without TLS" passwords
is cry.tls.min_version notapplicable "no TLS at all"
mail 0.0.0.0 pop3-open
look
is cry.cleartext.services fail "POP3 without TLS" passwords
mail 127.0.0.1 pop3-open
look
is cry.cleartext.services notapplicable "the same on loopback"
mail 0.0.0.0 silent
look
is cry.tls.listeners fail "what says nothing is not known" service
is cry.tls.min_version unknown "nor whether it speaks TLS" "not known"
is cry.cleartext.services unknown "nor whether it takes passwords" "not known"
end mail

# --- sshd
ssh-keygen -q -t ed25519 -N '' -f host.key
mkdir -p /run/sshd
sshd_with() {
	end sshd
	printf 'Port 2222\nListenAddress 127.0.0.1\nHostKey %s\nPidFile none\nUsePAM no\n%s\n' "$work/host.key" "$1" >sshd.conf
	start sshd /usr/sbin/sshd -D -e -f "$work/sshd.conf"
	within 60 accepts 2222
}
sshd_with ""
look
is cry.ssh.kexinit pass "what sshd offers by default"
is cry.tls.listeners pass "sshd is known"
is cry.tls.min_version notapplicable "and speaks no TLS"
sshd_with "Ciphers aes128-cbc,aes256-ctr"
look
is cry.ssh.kexinit fail "a CBC cipher" aes128-cbc
sshd_with "KexAlgorithms +diffie-hellman-group14-sha1"
look
is cry.ssh.kexinit fail "a key exchange with SHA-1" "kex is"
sed -i 's/ssh:/ssh:127.0.0.2 #/' "$approvals" && sed -i '/127.0.0.2/d' "$approvals"
look
is cry.ssh.kexinit notchecked "the approval is withdrawn" "no approval"
