/* attribute_why: why nobody is named for a change, in one sentence. */
#pragma once

#include "agent/attribute.h"
#include "agent/targets.h"

/* What it is told from, beside what names the file. */
#define ATTRIBUTE_LOG "tail:/var/log/audit/audit.log"
#define ATTRIBUTE_STATUS "audit:status"
#define ATTRIBUTE_RULES "audit:rules"
#define ATTRIBUTE_JOURNAL "journal:unit:"

/* found names nobody. Sets ask->may_come where a record may still come, and where what might tell was not read in time.
 * New text, with names as others wrote them. */
char *attribute_why(struct attribute_ask *ask, const struct targets *targets, const struct sources *fetched,
		    const struct who_found *found);
/* What the journal says that the service manager did with a unit in this time: the last of it. New text; NULL: nothing.
 */
char *attribute_journal(const struct attribute_ask *ask, const struct targets *targets, const struct sources *fetched);
