#!/bin/bash
# --root DIR looks at a folder instead of the host: what is said about it comes from the folder alone, also where the
# live host says otherwise, and no file of the live host is opened for a look.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"

root=$work/root
mkdir -p "$root/etc/ssh" "$root/etc/sysctl.d" "$root/proc/sys/kernel" "$root/var/lib/dpkg" "$root/.vouch"
cat >"$root/etc/os-release" <<'EOF'
PRETTY_NAME="Contradiction 99"
ID=contradiction
VERSION_ID="99"
EOF
printf 'root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\n' >"$root/etc/passwd"
printf 'root:*:19000:0:99999:7:::\ntoor::19000:0:99999:7:::\n' >"$root/etc/shadow"
printf 'root:x:0:\n' >"$root/etc/group"
echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
echo "contradiction" >"$root/etc/hostname"

look() {
	local status=0
	"$@" || status=$?
	((status == 0 || status == 1 || status == 3))
}
strace -f -y -s 4096 -o "$work/strace" -e trace=%file,connect,execve \
	vouch run --root "$root" --json >"$work/folder.json" 2>"$work/folder.log" || true
count=$(jq '.results | length' "$work/folder.json")
if ((count > 20)); then ok "a round over a folder yields $count results"; else not_ok "a round over a folder yields ${count:-no} results"; fi
look vouch run --json >"$work/live.json" 2>"$work/live.log"

equal "the system is the folder's" "contradiction 99" "$(jq -r .host.os "$work/folder.json")"
check "the host's id is not the live one's" \
	test "$(jq -r .host.id "$work/folder.json")" != "$(jq -r .host.id "$work/live.json")"
equal "the second account with uid 0, which only the folder has, is seen" fail \
	"$(jq -r '.results[] | select(.rule == "priv.uid0.accounts") | .verdict' "$work/folder.json")"

# No source that was read says what only the live host can say: same name, same digest, and not in the folder.
jq -r '.results[].sources[] | select(.sha256) | .name' "$work/folder.json" | sort -u >"$work/read"
strangers=$(while read -r name; do
	path=${name#*:}
	case $name in
	file:* | dir:* | stat:* | link:*) [[ -e $root$path || -L $root$path ]] || echo "$name" ;;
	esac
done <"$work/read" | xargs)
equal "every file that was read lies in the folder" "" "$strangers"

# What the process opened outside of the folder: libraries, its own data, and nothing to look at. A path that the kernel
# resolves below the folder's descriptor stays inside, whatever it says.
grep -vE "ENOENT|resumed>|openat2\([0-9]+<$root[^>]*>, .*RESOLVE_IN_ROOT" "$work/strace" | grep -oE '"/[^"]*"' | tr -d '"' | sort -u |
	grep -vE "^($root|$work|$installed|/usr/share/vouch)(/|\$)" |
	grep -vE '^(/usr)?/lib(64)?(/|$)|^/etc/(ld\.so|ssl/openssl\.cnf|localtime)|^/usr/(share|lib)/(zoneinfo|locale|ssl)|^/dev/(null|urandom|tty)$|^/proc/self(/|$)|^/proc/sys/(vm/overcommit_memory|kernel/cap_last_cap)$|^/sys/(fs/selinux|kernel/mm/transparent_hugepage)' \
		>"$work/outside" || true
equal "no file of the live host is opened" "" "$(xargs <"$work/outside")"
equal "no program is started" 1 "$(grep -c 'execve(.*= 0' "$work/strace")"
equal "no bus is spoken to" 0 "$(grep -c 'connect(' "$work/strace" || true)"
