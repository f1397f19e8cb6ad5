#!/bin/bash
# Backups with restic and borg, as Debian has them. Each way in which a job that runs is no backup is made for real: what
# a list of snapshots would still call good has to be seen as what it is.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/plugins.sh"

for tool in restic borg jq setpriv; do
	command -v "$tool" >/dev/null || { echo "needs $tool"; exit 1; }
done
if ((EUID != 0)); then
	not_ok "this story needs root, to give a plugin a user of its own"
	exit 1
fi

chmod 755 "$work"
umask 022
host=$(uname -n)
data=$work/srv/data
credentials=$work/credentials
mkdir -p "$data/db" "$work/srv/empty" "$credentials" "$work/bin"
echo "the canary sings" >"$work/srv/canary"
for file in a b db/c; do head -c 20000 /dev/urandom >"$data/$file"; done
ln -s data "$work/srv/link"
echo "correct horse" >"$credentials/password"
export CREDENTIALS_DIRECTORY=$credentials
export RESTIC_PASSWORD_FILE=$credentials/password RESTIC_CACHE_DIR=$work/cache

# The plugins where a system has them: nobody but root may write on the way there.
for package in vouch vouch-agent; do
	dpkg-deb -x "${VOUCH_DEBS-$story_top/build/deb}/$package"_*.deb "$work/system"
done
mkdir "$work"/{upper,overlay}
cp -r "$work/system/usr/lib/vouch" "$work/upper/vouch"
plugin_passwd >"$work/passwd"
in_lib() {
	unshare --mount bash -c 'mount --make-rprivate / && mount -t overlay overlay -o "lowerdir=/usr/lib,upperdir=$0/upper,workdir=$0/overlay" \
		/usr/lib && mount --bind "$0/passwd" /etc/passwd && exec "$@"' "$work" "$@"
}

# plugin NAME REPOSITORY: what the plugin is told of it.
plugin() {
	cat >"$credentials/$1.yaml" <<-YAML
		repository: $2
		password_file: password
		sample: 1
		timeout: 4m
		canary: {path: $work/srv/canary, sha256: $(sha256sum "$work/srv/canary" | cut -d ' ' -f 1)}
		${3-}
	YAML
	chmod -R a+rX "$2" 2>/dev/null || true
}
# look PLUGIN RULES PATH...: a round over these rules; verdicts are in $work/round.
look() {
	local name=$1 rules=$2 rule only=()
	shift 2
	{
		echo 'policy: {id: ours, version: 1.0.0, framework: "iso27001:2022", title: Ours}'
		echo 'set:'
		for rule in $rules; do
			only+=(--only "bak.$rule")
			echo "  bak.$rule: {plugin: $name, paths: [$(printf '"%s", ' "$@")]}"
		done
	} >"$work/ours.yaml"
	VOUCH_PLUGIN_TIMEOUT=300 in_lib "$work/system/usr/bin/vouch" run --data "$installed/share/vouch" --policy "$policies/linux-baseline" --policy "$work/ours.yaml" "${only[@]}" --json >"$work/round" 2>>"$work/run.log" || true
}
# verdict RULE: and the reason.
verdict() {
	jq -r --arg rule "bak.$1" '.results[] | select(.rule == $rule) | "\(.verdict): \(.reason)"' "$work/round"
}
# seen WHAT RULE VERDICT [PART OF THE REASON]
seen() {
	local is
	is=$(verdict "$2")
	if [[ $is == "$3: "*"${4-}"* ]]; then ok "$1: $2 is $3"; else not_ok "$1: $2 is $is"; fi
}
copies="rpo.per_path coverage encrypted"

# --- restic

restic() { command restic --quiet --repo "$repository" "$@"; }
repository=$work/restic
restic init >/dev/null
cp -a "$repository" "$work/restic-none"
restic backup --host "$host" "$work/srv"

plugin restic "$repository"
look restic "$copies restore.sample" "$data"
seen "a good copy" rpo.per_path pass
seen "a good copy" coverage pass
seen "a good copy" encrypted pass
seen "a good copy" restore.sample pass
equal "canary and live files were compared" "digest live" \
	"$(jq -r '[.results[] | select(.rule == "bak.restore.sample") | .observed[].against] | sort | join(" ")' "$work/round")"
equal "reading back left nothing behind" "" "$(find /tmp "$work" -user "$plugin_uid" 2>/dev/null || true)"

look restic "$copies" "$work/srv/empty" "$work/srv/link"
seen "an empty folder and a link" rpo.per_path fail
seen "an empty folder and a link" coverage fail

cp -a "$repository" "$work/restic-damaged"
repository=$work/restic-damaged
# Metadata lies in packs of its own; every byte of the others is turned.
for pack in $(find "$repository/data" -type f -size +10k); do
	tr '\000-\377' '\001-\377\000' <"$pack" >"$work/pack"
	chmod u+w "$pack" && cat "$work/pack" >"$pack"
done
plugin restic "$repository"
look restic "rpo.per_path restore.sample" "$data"
seen "a damaged pack, which no list shows" rpo.per_path pass
seen "a damaged pack" restore.sample fail result

repository=$work/restic
restic backup --host "$host" --exclude "$data" "$work/srv"
plugin restic "$repository"
look restic "$copies" "$data"
seen "left out since" coverage fail covered
seen "left out since, but copied a moment before" rpo.per_path pass

cp -a "$work/restic-none" "$work/restic-other"
repository=$work/restic-other
restic backup --host another "$work/srv"
restic backup --host "$host" --time "2020-02-02 02:02:02" "$work/srv"
plugin restic "$repository"
look restic "$copies" "$data"
seen "another host's new copy beside an old one" rpo.per_path fail age
seen "an old copy covers" coverage pass

# A folder that the job's user may not read: restic makes a snapshot, exits with 3, and lists it like any other.
repository=$work/restic-none
mkdir -m 700 "$work/srv/private"
echo secret >"$work/srv/private/key"
chown -R nobody "$repository"
mkdir -m 777 "$work/nobodys" # restic's own temporary files
status=0
setpriv --reuid=nobody --regid=nogroup --clear-groups env HOME="$work/nohome" TMPDIR="$work/nobodys" /usr/bin/restic --no-cache --quiet \
	--repo "$repository" backup --host "$host" "$work/srv" >>"$work/partial.log" 2>&1 || status=$?
equal "restic says that files could not be read" 3 "$status"
chown -R root "$repository"
plugin restic "$repository"
look restic "$copies" "$data" "$work/srv/private"
seen "a partial copy" coverage fail covered
equal "what the partial copy has counts, what it lacks does not" "true false" \
	"$(jq -r '[.results[] | select(.rule == "bak.coverage") | .observed[].covered] | join(" ")' "$work/round")"

echo "wrong" >"$credentials/password"
look restic rpo.per_path "$data"
seen "a wrong password" rpo.per_path unknown "wrong password"
echo "correct horse" >"$credentials/password"
plugin restic "$work/gone"
look restic rpo.per_path "$data"
seen "no repository" rpo.per_path unknown "no such file or directory"
rm "$credentials/restic.yaml"
look restic rpo.per_path "$data"
seen "no configuration" rpo.per_path unknown

# --- borg

export BORG_BASE_DIR=$work/borg-home BORG_PASSCOMMAND="cat $credentials/password" TZ=UTC
export BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes BORG_RELOCATED_REPO_ACCESS_IS_OK=yes
unset BORG_PASSPHRASE
repository=$work/borg
export CACHE_DIRECTORY=$work/borg-cache
mkdir -m 777 "$CACHE_DIRECTORY"
borg init --encryption repokey "$repository" 2>/dev/null
borg create --timestamp 2020-02-02T02:02:02 "$repository::old" "$data"
borg create --exclude "$data/db" "$repository::new" "$work/srv"
# As another user the plugin may read there, not lock.
plugin borg "$repository" "read_only: true"
look borg "$copies restore.sample" "$data"
seen "a good copy" rpo.per_path pass
seen "part is left out" coverage fail excluded_by
seen "a good copy" encrypted pass
seen "a good copy" restore.sample pass

borg delete "$repository::new" 2>/dev/null
borg create --comment "interrupted" "$repository::new.checkpoint" "$data"
segment=$(find "$repository/data" -type f -size +10k -print -quit)
plugin borg "$repository" "read_only: true"
look borg rpo.per_path "$data"
seen "an old copy and an interrupted one" rpo.per_path fail age

chmod -R u+w "$repository"
printf 'damaged' | dd of="$segment" bs=1 seek=5000 conv=notrunc status=none
cat >>"$credentials/borg.yaml" <<<"largest: 1000000"
look borg restore.sample "$data/a" "$data/b" "$data/db"
seen "a damaged segment" restore.sample fail result

borg init --encryption none "$work/borg-plain" 2>/dev/null
borg create "$work/borg-plain::one" "$data" 2>/dev/null
plugin borg "$work/borg-plain" "read_only: true"
look borg encrypted "$data"
seen "a repository without encryption" encrypted fail encrypted

# Whoever may lock waits for the job that writes; while it lasts nothing can be said.
touch "$work/hold"
borg with-lock "$work/borg-plain" bash -c 'while [[ -e $0 ]]; do sleep 0.1; done' "$work/hold" &
holder=$!
within 60 test -e "$work/hold" -a -e "$work/borg-plain/lock.exclusive"
chmod -R a+rwX "$work/borg-plain"
plugin borg "$work/borg-plain"
look borg rpo.per_path "$data"
seen "a job that writes" rpo.per_path unknown lock
rm "$work/hold"
wait "$holder"
