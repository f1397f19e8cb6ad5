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

# packages_install LOG LIST...: installs what is missing, all of apt's words into LOG. Asks nothing.
packages_install() {
	local log=$1 as_root=() missing
	shift
	mapfile -t missing < <(packages_missing "$@")
	((${#missing[@]})) || return 0
	if ((EUID != 0)); then
		if ! sudo -n true 2>/dev/null; then
			echo "missing packages; as root: apt-get install --no-install-recommends ${missing[*]}" >&2
			return 1
		fi
		as_root=(sudo -n)
	fi
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q update >>"$log" 2>&1 </dev/null ||
		echo "apt-get update failed; trying with the lists that are there" >>"$log"
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
		install --no-install-recommends "${missing[@]}" >>"$log" 2>&1 </dev/null
	mapfile -t missing < <(packages_missing "$@")
	((${#missing[@]} == 0)) || {
		echo "apt-get could not install ${missing[*]}: see $log" >&2
		return 1
	}
}
