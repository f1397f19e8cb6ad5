#include "core/etc.h"

bool etc_maybe(const struct sources *fetched, const char *name, const struct source **ret_source, struct err *err) {
	const struct source *source = NULL, *etc = NULL;
	if (!source_maybe(fetched, name, &source, err) || (!source && !source_maybe(fetched, ETC_SOURCE, &etc, err)))
		return false;
	if (!source && !etc)
		return err_set(err, ERR_UNPROVED, name, "there is no /etc here to miss it from");
	*ret_source = source;
	return true;
}
