#!/bin/bash
# Backups on a booted host: the plugin restic as its unit runs it, over a repository that root alone may read, with what
# docs/OPERATING.md says to write; a job whose unit takes a partial copy for success; and the record of the restore.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/host.sh"

root=$work/root
host_make "$root"
host_install "$root" >"$work/install.log"
cp -L /usr/bin/restic "$root/usr/bin/restic"

# operating LANGUAGE: the blocks of that language in the section on backups.
operating() {
	awk -v language="$1" '/^## /{inside = /^## Backups/} /^```/{block = inside && $0 == "```" language; next} inside && block' \
		"$story_top/docs/OPERATING.md"
}
mkdir -p -m 755 "$root/srv/data" "$root/etc/restic" "$root/etc/vouch/plugins"
echo "the canary sings" >"$root/srv/data/.canary"
head -c 100000 /dev/urandom >"$root/srv/data/private" && chmod 600 "$root/srv/data/private"
echo "correct horse" >"$root/etc/restic/password" && chmod 600 "$root/etc/restic/password"
operating yaml | sed -n '/^repository/,/^canary/p' |
	sed "s/[0-9a-f]\{64\}/$(sha256sum <"$root/srv/data/.canary" | cut -d ' ' -f 1)/" >"$root/etc/vouch/plugins/restic.yaml"
dropin=$root/etc/systemd/system/vouch-plugin@restic.service.d
mkdir -p "$dropin"
operating ini >"$dropin/backup.conf"
{
	echo 'policy: {id: ours, version: 1.0.0, framework: "iso27001:2022", title: Ours}'
	operating yaml | sed -n '/^set:/,$p'
} >"$root/etc/vouch/ours.yaml"
# The job, as many write it.
cat >"$root/etc/systemd/system/restic-backup.service" <<'UNIT'
[Service]
Type=oneshot
SuccessExitStatus=3
Environment=RESTIC_PASSWORD_FILE=/etc/restic/password RESTIC_CACHE_DIR=/var/cache/restic
ExecStart=/bin/sh -c 'restic --quiet --repo /srv/backup backup /etc /srv/data; exit $(cat /run/pretend || echo 0)'
UNIT
printf '[Timer]\nOnCalendar=daily\n' >"$root/etc/systemd/system/restic-backup.timer"
check "it boots" host_boot "$root"
in_host systemctl enable --now --quiet vouch-plugin@restic.socket
in_host systemctl start restic-backup.timer

rules=(--only bak.rpo.per_path --only bak.coverage --only bak.restore.sample --only bak.encrypted --only bak.job.result)
look() {
	as_unit vouchd vouch run --helpers /run/vouch --policy /usr/share/vouch/policies/linux-baseline \
		--policy /etc/vouch/ours.yaml "${rules[@]}" --json >"$work/round" || true
}
verdicts() {
	jq -r '.results[] | "\(.rule | sub("bak."; "")) \(.verdict)"' "$work/round" | sort | xargs
}
look
equal "before there is a repository nothing is known, nor of a job that has not run" \
	"coverage unknown encrypted unknown job.result unknown restore.sample unknown rpo.per_path unknown" "$(verdicts)"

in_host restic --quiet --repo /srv/backup --password-file /etc/restic/password init >/dev/null
in_host chmod 700 /srv/backup
in_host systemctl start restic-backup.service
look
equal "after the job's first run all is as it should be" \
	"coverage pass encrypted pass job.result pass restore.sample pass rpo.per_path pass" "$(verdicts)"
equal "what only root may read was compared with the live file" "digest live" \
	"$(jq -r '[.results[] | select(.rule == "bak.restore.sample") | .observed[].against] | sort | join(" ")' "$work/round")"
action=$(jq -r '.results[] | select(.rule == "bak.restore.sample") | .observed[0].action' "$work/round")
in_host journalctl --sync
equal "the restore is in the journal with the number that the evidence has" 1 \
	"$(in_host journalctl --quiet --output=cat VOUCH_ACTION=restore "VOUCH_ACTION_ID=$action" | wc -l)"

in_host bash -c 'echo 3 >/run/pretend'
in_host systemctl start restic-backup.service
look
equal "a partial copy that the unit takes for success" "success fail" \
	"$(in_host systemctl show -P Result restic-backup.service) $(jq -r '.results[] | select(.rule == "bak.job.result") | .verdict' "$work/round")"
host_off
