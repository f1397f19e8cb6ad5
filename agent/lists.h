/* lists: being told when a text of root's changes that says what may be looked at: the allow list (broker/paths.h) and
 * the approvals (core/approvals.h). Whoever reads them reads them anew each time; this is so that the evidence
 * follows at once. */
#pragma once

#include <systemd/sd-event.h>

#include "core/err.h"

struct lists;
/* folder: that of the configuration. changed(context) comes from the event loop, for each change and once where it can
 * no longer be told. */
MUST_CHECK bool lists_watch(sd_event *event, const char *folder, void (*changed)(void *context, const char *path),
			    void *context, struct lists **ret_lists, struct err *err);
void lists_free(struct lists *lists);
DEFINE_CLEANUP(struct lists, lists_free)
