#include "collector/verbs.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

/* What root makes in a folder of another user's would be in that user's way. */
static bool become_owner(const char *folder, struct err *err) {
	struct stat status;
	if (geteuid() != 0 || stat(folder, &status) != 0 || status.st_uid == 0)
		return true;
	if (setgroups(0, NULL) != 0 || setgid(status.st_gid) != 0 || setuid(status.st_uid) != 0)
		return err_errno(err, errno, ERR_DENIED, folder, "become the user whose folder it is");
	return true;
}

bool collector_options(const struct verb_call *call, const struct option *options,
		       bool (*take)(int option, const char *value, void *context, struct err *err), void *context,
		       size_t count, const char **ret_operands, struct err *err) {
	int option;
	optind = 1;
	opterr = 0;
	while ((option = getopt_long(call->argc, call->argv, "", options, NULL)) != -1) {
		if (option == '?')
			return err_set(err, ERR_USAGE, call->argv[optind - 1],
				       "no such option, or its value is missing");
		if (!take(option, optarg, context, err))
			return false;
	}
	if ((size_t)(call->argc - optind) != count)
		return err_set(err, ERR_USAGE, "", "it takes %zu operand%s, not %d", count, count == 1 ? "" : "s",
			       call->argc - optind);
	for (size_t i = 0; i < count; i++)
		ret_operands[i] = call->argv[optind + (int)i];
	return become_owner(ret_operands[0], err);
}
