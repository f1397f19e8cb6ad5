# bash completion for vouch(1)

_vouch_rules() {
	vouch explain 2>/dev/null | cut -d ' ' -f 1
}

_vouch() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]}
	local connection="--collector --ca --token-file"
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W "run status history lint explain checks controls sources capture paths apply waive enrol reset doctor attest approve export verify posture witness --help --version" -- "$current")
		return
	fi
	case $previous in
	--policy | --ca | --token-file | --request | --certificate | --log-key | --transport-key | --config | --trust | --body | --file | --output | -o | --below | --check | --keygen | --passphrase-file)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	--key)
		[[ $verb == enrol ]] && mapfile -t COMPREPLY < <(compgen -W "file tpm2 pkcs11:" -- "$current") && return
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	--package)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	--root | --state | --data | --helpers | --approvers)
		mapfile -t COMPREPLY < <(compgen -d -- "$current")
		return
		;;
	--control)
		mapfile -t COMPREPLY < <(compgen -W "$(vouch controls --all 2>/dev/null | cut -d ' ' -f 1)" -- "$current")
		return
		;;
	--only)
		mapfile -t COMPREPLY < <(compgen -W "$(_vouch_rules) $(vouch controls --all 2>/dev/null | cut -d ' ' -f 1)" -- "$current")
		return
		;;
	esac
	[[ $verb == capture && $current != -* ]] && mapfile -t COMPREPLY < <(compgen -d -- "$current") && return
	local words
	case $verb in
	run) words="--policy --config --only --root --helpers --json --data --help" ;;
	status) words="--json --state --help" ;;
	history) words="--since --json --state --help $(_vouch_rules)" ;;
	lint) words="--effective --json --policy --config --root --data --help" ;;
	waive) words="--reason --risk --measure --requester --approver --expires --from --ticket --id --policy --config --root --helpers --data --help $(_vouch_rules)" ;;
	explain) words="--markdown --policy --config --data --help $(_vouch_rules)" ;;
	checks) words="--markdown --help $(vouch checks 2>/dev/null | cut -d ' ' -f 1)" ;;
	controls) words="--all --map-2013 --policy --config --data --help $(vouch controls --all 2>/dev/null | cut -d ' ' -f 1)" ;;
	sources) words="--policy --config --helpers --root --bytes --json --data --help" ;;
	capture) words="--policy --config --only --helpers --data --help" ;;
	paths) words="--policy --config --data --help" ;;
	apply) words="--force --no-reload --config --data --paths --help" ;;
	enrol) words="--token --token-file --ca-fingerprint --request --certificate --ca --log-key --transport-key --renew --from-credentials --key --state --helpers --root --attester --name --force --help" ;;
	reset) words="--image --force --state --keep --help" ;;
	doctor) words="--json --offline --state --config --helpers --keep --data --help" ;;
	attest) words="--control --note --valid --file --include --media-type --author --state --send --help" ;;
	approve) words="--key --passphrase-file --approver --note --expires --below --output --data --check --approvers --keygen --kind --help" ;;
	export) words="--package --from --to --host --control --by --sigstore --body --trust --output $connection --help" ;;
	verify) words="--trust --body --strict --json --help" ;;
	posture) words="$connection --help" ;;
	witness) words="keygen --listen --state --key --log --name --help" ;;
	*) return ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
	if [[ $verb == lint || $verb == verify || $verb == approve ]]; then
		local files
		mapfile -t files < <(compgen -f -- "$current")
		COMPREPLY+=("${files[@]}")
	fi
}
complete -o filenames -F _vouch vouch
