/* Reading files back from their newest copies. */
#pragma once

#include "plugins/session.h"

/* For each path of the session, which has been found: the rows of kind restore. New reference. */
MUST_CHECK bool restore_rows(struct session *session, json_t **ret_rows, struct err *err);
