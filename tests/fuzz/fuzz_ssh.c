/* What an SSH server says first, from any bytes: what is whole has a canonical form, what is not says why, and a part
 * of what is whole is cut, never something else. */
#include <stdlib.h>

#include "sources/ssh.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	CLEANUP(json_decref_p) json_t *value = NULL, *cut = NULL;
	CLEANUP(buf_done) struct buf bytes = {0};
	const char *why = NULL;
	struct err err;
	enum ssh_said said = ssh_read(data, size, &value, &why);
	if (said == SSH_NOT_SSH && !why)
		abort();
	if (said != SSH_WHOLE)
		return 0;
	if (!json_canonical(value, &bytes, &err) || json_object_size(value) != 9)
		abort();
	if (ssh_read(data, size / 2, &cut, &why) == SSH_NOT_SSH)
		abort();
	return 0;
}
