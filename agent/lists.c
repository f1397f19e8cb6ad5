#include "agent/lists.h"

#include <stdlib.h>
#include <sys/inotify.h>

#include "core/file.h"
#include "core/mem.h"

struct lists {
	sd_event_source *source;
	char *folder;
	void (*changed)(void *context, const char *path);
	void *context;
};

static int noticed(sd_event_source *source, const struct inotify_event *what, void *context) {
	struct lists *lists = context;
	const char *name = what->len > 0 ? what->name : "";
	bool is_blind = what->mask & (IN_Q_OVERFLOW | IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF);
	if (!is_blind && strcmp(name, "paths") != 0 && strcmp(name, "approvals") != 0)
		return 0;
	CLEANUP(free_ptr) char *path = *name ? file_join(lists->folder, name) : xstrdup(lists->folder);
	lists->changed(lists->context, path);
	return 0;
}

bool lists_watch(sd_event *event, const char *folder, void (*changed)(void *, const char *), void *context,
		 struct lists **ret_lists, struct err *err) {
	CLEANUP(lists_free_p) struct lists *lists = xcalloc(1, sizeof *lists);
	*lists = (struct lists){.folder = xstrdup(folder), .changed = changed, .context = context};
	int error = sd_event_add_inotify(event, &lists->source, folder,
					 IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE |
						 IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR,
					 noticed, lists);
	if (error < 0)
		return err_errno(err, -error, ERR_IO, folder, "watch");
	*ret_lists = lists;
	lists = NULL;
	return true;
}

void lists_free(struct lists *lists) {
	if (!lists)
		return;
	sd_event_source_disable_unref(lists->source);
	free(lists->folder);
	free(lists);
}
