/* The allow list over any text, name and target, parted by NUL bytes: what it lets through has no detour and matches a
 * line, and an empty list lets nothing through. */
#include <stdint.h>

#include "broker/paths.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct err err = {0};
	int error = 0;
	CLEANUP(paths_free_p) struct paths *paths = NULL;
	const uint8_t *end = memchr(data, '\0', size);
	size_t len = end ? (size_t)(end - data) : size;
	CLEANUP(free_ptr) char *name = end ? xstrndup((const char *)end + 1, size - len - 1) : xstrdup("");
	size_t target_at = len + 1 + strlen(name) + 1;
	CLEANUP(free_ptr)
	char *target = target_at < size ? xstrndup((const char *)data + target_at, size - target_at) : xstrdup("/");
	if (!paths_parse("list", (const char *)data, len, &paths, &err))
		return err.code ? 0 : (abort(), 0);
	if (paths_permit(paths, name, &error, &err) && (strstr(name, "/../") || strstr(name, "//") || len == 0))
		abort();
	if (paths_may_lead(paths, name, target) && target[0] != '/' && len == 0)
		abort();
	return 0;
}
