/* What the latest result of a rule was before it changed (docs/FORMAT.md 2.4): a round carries that once, and it is
 * shown as long as the result's leaf stays what it is. */
#pragma once

#include "collector/store.h"

/* A result that says so was carried by this statement. */
MUST_CHECK bool store_change_put(struct store *store, const struct store_result *result, const char *changed,
				 struct err *err);
/* A result that does not is about to be put: what is known stays where its leaf is the one before. */
MUST_CHECK bool store_change_stays(struct store *store, const struct store_result *result, struct err *err);
/* It was erased from what this statement carried. rule: NULL: of all rules. */
MUST_CHECK bool store_change_forget(struct store *store, const char *statement, const char *rule, struct err *err);
