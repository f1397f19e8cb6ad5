#include "collector/attested.h"

#include "collector/store_attestations.h"

struct counting {
	const struct catalogue *catalogue;
	struct attested *attested;
};

void attested_done(struct attested *attested) { free(attested->counts); }

static void count(void *context, const char *id, int64_t valid, int64_t expired) {
	const struct counting *counting = context;
	const struct control *control = catalogue_find(counting->catalogue, id);
	if (!control)
		return;
	counting->attested->counts[control - counting->catalogue->controls] = (struct attested_count){valid, expired};
	counting->attested->controls += valid > 0;
}

bool attested_count(const struct catalogue *catalogue, struct store *store, int64_t now, struct attested *ret_attested,
		    struct err *err) {
	CLEANUP(attested_done)
	struct attested attested = {.counts = xcalloc(catalogue->control_count, sizeof *attested.counts)};
	struct counting counting = {catalogue, &attested};
	if (!store_attestation_counts(store, now, count, &counting, err))
		return false;
	*ret_attested = attested;
	attested = (struct attested){0};
	return true;
}
