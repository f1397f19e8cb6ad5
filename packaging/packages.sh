# Sourced by quickstart and tests/run: installs the Debian packages that their lists name.
# shellcheck shell=bash

# packages_missing LIST...: the packages that this machine lacks, one a line.
packages_missing() {
	local package program
	while read -r package program; do
		[[ -z $package || $package == \#* ]] && continue
		if [[ -n $program ]]; then
			PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null && continue
		elif [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]]; then
			continue
		fi
		echo "$package"
	done < <(cat "$@")
}

# Without daemons: what is wanted of openssh-server is the program, not a listener on this machine.
apt_install='
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get -q update || echo "trying with the lists that are there"
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap "rm -f $policy" EXIT
	printf "#!/bin/sh\\nexit 101\\n" >$policy
	chmod 755 $policy
fi
apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"
'

# packages_install LOG LIST...: installs what is missing, all of apt's words into LOG. Asks nothing.
packages_install() {
	local log=$1 as_root=() missing
	shift
	mapfile -t missing < <(packages_missing "$@")
	((${#missing[@]})) || return 0
	if ((EUID != 0)); then
		sudo -n true 2>/dev/null || {
			echo "missing packages; as root: apt-get install --no-install-recommends ${missing[*]}" >&2
			return 1
		}
		as_root=(sudo -n)
	fi
	"${as_root[@]}" sh -c "$apt_install" sh "${missing[@]}" >>"$log" 2>&1 </dev/null || true
	mapfile -t missing < <(packages_missing "$@")
	((${#missing[@]} == 0)) || {
		echo "apt-get could not install ${missing[*]}; the end of $log:" >&2
		tail -n 5 "$log" >&2
		return 1
	}
}
