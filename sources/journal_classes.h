/* The classes of entries that journal:events counts. */
#pragma once

#include <systemd/sd-journal.h>

#include "core/check.h"
#include "sources/kind.h"

/* Entries of one class that are looked at: where they are summed or listed, where a text is searched for, and where it
 * matters that there are any. */
#define JOURNAL_CLASS_MOST 1000
#define JOURNAL_TEXTS_MOST 500
#define JOURNAL_ANY_MOST 100

/* Over the window since..until: {name: {...}} into classes, and into marks those that are wanted one by one, not in
 * order; *more_marks is set where there are others. */
MUST_CHECK bool journal_classes_read(const struct ask *ask, sd_journal *journal, uint64_t since, json_t *classes,
				     json_t *marks, bool *more_marks, struct err *err);
