# bash completion for vouch-collector(8)

_vouch_collector() {
	local current=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]} words
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		words="init token reader approver fingerprint log-key run anchor erase revoke import fsck rebuild --help --version"
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
		return
	fi
	case $verb in
	token) words="add list remove --ttl --uses --group --cidr --help" ;;
	reader) words="add list remove --help" ;;
	approver) words="add list remove --help" ;;
	init) words="--origin --name --help" ;;
	run) words="--data --help" ;;
	anchor) words="--once --help" ;;
	erase) words="--host --before --statement --rule --retention --reason --by --help" ;;
	import) words="--answers --help" ;;
	revoke) words="--host --from --reason --by --help" ;;
	*) words="--help" ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
	[[ $current == -* ]] || {
		local folders
		mapfile -t folders < <(compgen -d -- "$current")
		COMPREPLY+=("${folders[@]}")
	}
}
complete -o filenames -F _vouch_collector vouch-collector
