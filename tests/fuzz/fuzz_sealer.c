/* Requests to the sealer: what is admitted is the next statement of this host, whatever bytes came. */
#include "agent/sealer_keeper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const char host[] = "2df3d1b9-0817-4175-b6d7-defef2e5bc19", key[] = "AAAA";
	struct position first = {0}, second = {.sequence = 1, .digest = hash_of("", 0)};
	const struct position *const positions[] = {&first, &second};
	char hex[HASH_HEX];
	struct err err;
	for (size_t i = 0; i < ARRAY_LEN(positions); i++) {
		CLEANUP(statement_free_p) struct statement *statement = NULL;
		if (!position_admits(positions[i], host, key, data, size, &statement, &err))
			continue;
		if (statement->sequence != positions[i]->sequence + 1 || strcmp(statement->host_id, host) != 0 ||
		    strcmp(statement->previous, i ? hash_hex(&second.digest, hex) : "") != 0 ||
		    (i == 0) != !strcmp(statement->type, "enrolment"))
			abort();
	}
	return 0;
}
