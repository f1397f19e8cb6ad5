/* An answer of the DNS, from any bytes: what is taken for one has a canonical form, what is refused says why. */
#include <stdlib.h>

#include "sources/dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	CLEANUP(json_decref_p) json_t *value = NULL;
	CLEANUP(buf_done) struct buf query = {0}, bytes = {0};
	struct err err = {0};
	volatile bool is_answer;
	if (!dns_write(0x4142, "a.b", 1, &query))
		abort();
	is_answer = dns_is_answer(&query, data, size) && dns_is_cut(data, size);
	(void)is_answer;
	if (!dns_read(data, size, "dns:", &value, &err)) {
		if (!err_is_of_look(err.code) || !err.why[0])
			abort();
	} else if (!json_canonical(value, &bytes, &err)) {
		abort();
	}
	return 0;
}
