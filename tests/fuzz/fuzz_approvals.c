/* An approvals file from bytes: what is refused has a reason; nothing that was approved leads to a host that no line
 * names. */
#include "core/text.h"
#include "sources/approvals.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const char *const strangers[] = {
		"tls:stranger.example:443",         "ntp:stranger.example",
		"dns:a/A@stranger.example",         "http:http://stranger.example/?via=h:1",
		"http:https://a@stranger.example/", "ssh:[::1]:22"};
	struct err err = {0};
	CLEANUP(approvals_free_p) struct approvals *approvals = NULL;
	const struct approval *approval = NULL;
	if (!approvals_read((const char *)data, size, "approvals", &approvals, &err)) {
		if (!err.code || !err.why[0])
			abort();
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(strangers); i++)
		if (approvals_find(approvals, strangers[i], 0, "approvals", &approval, &err) &&
		    (i == 4 || !strstr(approval->probe, i == 5 ? "::1" : "stranger")))
			abort();
		else if (!approval && err.code != ERR_UNAPPROVED)
			abort();
	return 0;
}
