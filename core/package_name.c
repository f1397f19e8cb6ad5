#include "core/package.h"

static bool is_known(char c) {
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
	       c == '-';
}

bool package_is_name(const char *name) {
	size_t folders = 0;
	bool is_start = true;
	const char *at = name;
	for (; *at; at++) {
		if (is_start ? !is_known(*at) || *at == '.' : !is_known(*at) && *at != '/')
			return false;
		is_start = *at == '/';
		folders += is_start;
	}
	return !is_start && folders <= PACKAGE_DEEPEST && at - name <= PACKAGE_NAME_LONGEST;
}
