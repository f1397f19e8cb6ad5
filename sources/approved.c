/* The kinds of active probes, as whoever asks knows them. Behind a helper's socket vouch-prober looks, and asks its
 * approvals itself; without one the look is made here, in a hand of the asking process, by the same rule: no line in
 * the approvals file, no probe. A program that is not linked with the probes (vouchd, which has no network) makes none.
 */
#include <string.h>

#include "sources/action.h"
#include "sources/approvals.h"
#include "sources/probe.h"

extern const struct kind *const probes_all[] __attribute__((weak));

static const struct kind *probe_of(const struct ask *ask) {
	size_t prefix = (size_t)(ask->rest - ask->name);
	for (size_t i = 0; probes_all && probes_all[i]; i++)
		if (strlen(probes_all[i]->prefix) == prefix && !strncmp(probes_all[i]->prefix, ask->name, prefix))
			return probes_all[i];
	return NULL;
}

static bool look(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	CLEANUP(buf_done) struct buf who = {0};
	const struct kind *probe = probe_of(ask);
	if (!approvals_ask(APPROVALS_FILE, ask->name, &who, err))
		return false;
	if (!probe)
		return err_set(err, ERR_UNPROVED, ask->name,
			       "this program makes no probes, and there is no vouch-prober");
	CLEANUP(free_ptr) char *by = xasprintf("approved by %s", buf_str(&who));
	bool is_seen = probe->look(ask, ret_answer, err);
	action_record(&(struct action){.program = "vouch", .what = ask->name, .by = by}, is_seen ? NULL : err);
	return is_seen;
}

#define KIND(variable, text)                                                                                           \
	const struct kind variable = {.prefix = text,                                                                  \
				      .deadline_ms = PROBE_DEADLINE_MS,                                                \
				      .helper = HELPER_PROBER,                                                         \
				      .is_slow = true,                                                                 \
				      .is_awaited = true,                                                              \
				      .look = look}
KIND(kind_tls, "tls:");
KIND(kind_dns, "dns:");
KIND(kind_http, "http:");
KIND(kind_ssh, "ssh:");
KIND(kind_ntp, "ntp:");
KIND(kind_greeting, "greeting:");
KIND(kind_suites, "suites:");
