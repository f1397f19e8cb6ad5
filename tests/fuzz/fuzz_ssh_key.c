/* A public key of SSH, from any bytes: what is read has a type that the line begins with. */
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/ssh_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct ssh_key key;
	struct err err;
	if (!ssh_key_read((const char *)data, size, "fuzz", &key, &err))
		return 0;
	if (!key.type[0] || key.bits > 8 * SSH_KEY_LONGEST || !memmem(data, size, key.type, strlen(key.type)))
		abort();
	return 0;
}
