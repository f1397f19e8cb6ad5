/* Requests to the sealer: what is admitted is the next statement of this host, whatever bytes came. */
#include "agent/sealer_keeper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	const struct terms terms = {.host_id = "2df3d1b9-0817-4175-b6d7-defef2e5bc19",
				    .enrolled = "AAAA",
				    .epoch = "BBBB",
				    .is_epoch_new = true};
	struct terms changing = terms;
	changing.next = "CCCC";
	changing.is_epoch_new = false;
	bool is_early = false;
	struct position first = {0}, second = {.sequence = 1, .digest = hash_of("", 0)};
	const struct position *const positions[] = {&first, &second};
	char hex[HASH_HEX];
	struct err err;
	for (size_t i = 0; i < ARRAY_LEN(positions); i++) {
		CLEANUP(statement_free_p) struct statement *statement = NULL;
		if (!position_admits(positions[i], &terms, data, size, &statement, &is_early, &err))
			continue;
		if (statement->sequence != positions[i]->sequence + 1 ||
		    strcmp(statement->host_id, terms.host_id) != 0 ||
		    strcmp(statement->previous, i ? hash_hex(&second.digest, hex) : "") != 0 ||
		    (i == 0) != !strcmp(statement->type, "enrolment") ||
		    is_early != (i == 1 && strcmp(statement->epoch_key ? statement->epoch_key : "", "BBBB") != 0))
			abort();
	}
	CLEANUP(statement_free_p) struct statement *statement = NULL;
	if (position_admits(&second, &changing, data, size, &statement, &is_early, &err) &&
	    (is_early == !strcmp(statement->type, "epoch") ||
	     (!is_early && (strcmp(statement->epoch_key, "CCCC") != 0 || strcmp(statement->reason, "rotation") != 0))))
		abort();
	return 0;
}
