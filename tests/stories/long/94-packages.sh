#!/bin/bash
# What is shipped: Debian packages that come out the same wherever and whenever they are built, with which lintian finds
# nothing wrong; and rpms with the same files, which are installed in a system that is a folder, and removed.
. "$(dirname "${BASH_SOURCE[0]}")/../../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../../lib/host.sh"

equal "one version in CMake, the changelog and the spec" 1 "$(cd "$story_top" && {
	sed -nE 's/^project\(vouch VERSION ([0-9.]+) .*/\1/p' CMakeLists.txt
	sed -nE '1s/^vouch \(([0-9.]+)\).*/\1/p' packaging/debian/changelog
	sed -nE 's/^Version: *//p' packaging/rpm/vouch.spec
} | sort -u | wc -l)"

check "two builds are the same, bit for bit" "$story_top/packaging/build-deb" --check-reproducible "$work/debs"
check "lintian has no error and no warning" lintian -EvIL +pedantic --fail-on error,warning "$work"/debs/*.changes

# --- rpm
check "the rpms are built" "$story_top/packaging/build-rpm" "$work/rpms"
equal "four of them" "vouch vouch-agent vouch-collector vouch-policies" \
	"$(rpm -qp --qf '%{NAME}\n' "$work"/rpms/*.{x86_64,aarch64,noarch}.rpm 2>/dev/null | sort | xargs)"
files() {
	rpm -qpl "$work"/rpms/*.{x86_64,aarch64,noarch}.rpm 2>/dev/null | grep -v -e '/doc/' -e '/licenses' -e /plugins.d$ -e '/vouch$' -e .build-id |
		sed -e 's/\.gz$//' | sort -u
}
# What Debian's have, by the names that rpm gives them.
for deb in "$work"/debs/vouch{,-agent,-collector,-policies}_*.deb; do
	dpkg-deb --fsys-tarfile "$deb" | tar -t | grep -v -e '/$' -e /doc/ -e /lintian/ -e '/vouch$'
done | sed -e 's/^\.//' -e 's/\.gz$//' -e 's|^/lib/|/usr/lib/|' | sort -u >"$work/deb-files"
files | grep -vx /etc/vouch/paths >"$work/rpm-files"
equal "they have the same files" "" "$(comm -3 <(grep -E '\.|/s?bin/|libexec' "$work/deb-files") \
	<(grep -E '\.|/s?bin/|libexec' "$work/rpm-files") | xargs)"
# Not ours: signatures, packager and group are of who distributes; /usr/lib is where systemd looks; vouchd.yaml(5) is no "manyaml".
rpmlint "$work"/rpms/*.rpm >"$work/rpmlint.out" 2>&1 || true
equal "rpmlint has no error" "" "$(grep ': E: ' "$work/rpmlint.out" | grep -vE \
	'no-signature|no-packager-tag|no-group-tag|hardcoded-library-path|bad-manual-page-folder' | head -n 5 || true)"

# --- in a system that is a folder
root=$work/root
host_make "$root"
rpms=()
for name in vouch vouch-agent vouch-collector vouch-policies; do
	rpms+=("$(ls "$work/rpms/$name"-[0-9]*.rpm | grep -v src)")
done
check "they are installed" rpm --root "$root" --nodeps --install "${rpms[@]}"
cp "$work/check.out" "$work/install.log"
check "the agent says the next command" grep -q '^next: vouch enrol ' "$work/install.log"
check "the collector says the next command" grep -q '^next: vouch-collector init ' "$work/install.log"
check "its users are there" grep -q '^vouch-sealer:' "$root/etc/passwd"
check "the list of what may be looked at is there" cmp "$root/etc/vouch/paths" "$root/usr/share/vouch/paths"
equal "nothing is enabled" "" "$(find "$root/etc/systemd" -name 'vouch*')"
echo "# ours" >>"$root/etc/vouch/paths"
check "again" rpm --root "$root" --nodeps --install --replacepkgs "${rpms[@]}"
equal "a list that was changed is kept" "# ours" "$(tail -n 1 "$root/etc/vouch/paths")"
check "they are removed" rpm --root "$root" --erase vouch vouch-agent vouch-collector vouch-policies
equal "nothing is left in /usr" "" "$(find "$root/usr" -name '*vouch*')"
check "the state stays" test -d "$root/var/lib/vouch"
