/* Looking at the packages of package_kit.h: what a verification must find, and must not. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "package_kit.h"
#include "verify/audit.h"

/* --- looking at one ----------------------------------------------------------------------------------------------- */

struct looked {
	char *folder;
	struct package *package;
	struct trusted trusted;
	struct audit audit;
};

static inline void looked_done(struct looked *verdict) {
	audit_done(&verdict->audit);
	package_free(verdict->package);
	trusted_done(&verdict->trusted);
	scratch_free(&verdict->folder);
}

/* trust: NULL for the whole; taken. */
static inline struct looked look(struct kit *kit, json_t *trust) {
	struct looked verdict = {.folder = scratch_new()};
	struct err err;
	CLEANUP(free_ptr) char *text = kit_text(trust ? trust : kit_trust(kit));
	kit_save(kit, verdict.folder);
	kit_must(trusted_read(text, strlen(text), "trust", &verdict.trusted, &err), &err);
	kit_must(package_open(verdict.folder, &verdict.package, &err), &err);
	kit_must(audit_run(&verdict.audit, verdict.package, &verdict.trusted, KIT_BEGIN + 86400, &err), &err);
	return verdict;
}

static inline void print_found(const struct audit *audit) {
	for (size_t i = 0; i < audit->found.count; i++)
		print_error("%s %s: %s: %s\n", audit->found.items[i].kind == FOUND_OPEN ? "open" : "CONTRADICTION",
			    found_step_name(audit->found.items[i].step), audit->found.items[i].where,
			    audit->found.items[i].why);
}

static inline bool has_found(const struct audit *audit, enum found_kind kind, enum found_step step, const char *why) {
	for (size_t i = 0; i < audit->found.count; i++) {
		const struct found_item *item = &audit->found.items[i];
		CLEANUP(free_ptr) char *whole = xasprintf("%s: %s", item->where, item->why);
		if (item->kind == kind && item->step == step && strstr(whole, why))
			return true;
	}
	return false;
}

/* The package, as it is by now, contradicts in this step with these words; the kit is freed. */
static inline void assert_refused_by(struct kit *kit, json_t *trust, enum found_step step, const char *why) {
	CLEANUP(looked_done) struct looked verdict = look(kit, trust);
	kit_free(kit);
	if (has_found(&verdict.audit, FOUND_CONTRADICTION, step, why))
		return;
	print_found(&verdict.audit);
	fail_msg("no contradiction of %s says: %s", found_step_name(step), why);
}
static inline void assert_refused(struct kit *kit, enum found_step step, const char *why) {
	assert_refused_by(kit, NULL, step, why);
}

/* Nothing contradicts, and exactly this many things are open. */
static inline void assert_proved(const struct audit *audit, size_t open) {
	if (found_total(&audit->found, FOUND_CONTRADICTION) == 0 && found_total(&audit->found, FOUND_OPEN) == open)
		return;
	print_found(audit);
	fail_msg("not proved, or %zu things are open where it should be %zu", found_total(&audit->found, FOUND_OPEN),
		 open);
}

static inline int64_t seconds(const struct audit *audit, const char *rule, enum timeline_state state) {
	const struct host *host = hosts_find(&audit->hosts, KIT_HOST);
	int64_t sum = 0;
	assert_non_null(host);
	for (size_t i = 0; i < host->rule_count; i++)
		if (!strcmp(host->rules[i]->id, rule)) {
			for (size_t k = 0; k < TIMELINE_STATES; k++)
				sum += host->rules[i]->timeline.seconds[k];
			assert_int_equal(sum, audit->manifest.to - audit->manifest.from);
			return host->rules[i]->timeline.seconds[state];
		}
	fail_msg("no rule %s", rule);
	return 0;
}

static inline void assert_open(struct kit *kit, json_t *trust, enum found_step step, const char *why) {
	CLEANUP(looked_done) struct looked verdict = look(kit, trust);
	kit_free(kit);
	if (found_total(&verdict.audit.found, FOUND_CONTRADICTION) > 0 ||
	    !has_found(&verdict.audit, FOUND_OPEN, step, why)) {
		print_found(&verdict.audit);
		fail_msg("a contradiction, or nothing open says: %s", why);
	}
}

/* --- a day of a host ---------------------------------------------------------------------------------------------- */

#define AT(round) (KIT_BEGIN + (round)*KIT_EVERY)
#define LAST 12
static const char *const kit_all_pass[KIT_RULES] = {"pass", "pass", "pass"};

/* A full round before the period and one in it; a.one fails from round 4 to 8; anchors behind rounds 2, 6 and 12. */
static inline void live_round(struct kit *kit, int round) {
	const char *const fails[KIT_RULES] = {"fail", NULL, NULL}, *const heals[KIT_RULES] = {"pass", NULL, NULL};
	if (round > 0)
		kit_name_checkpoint(kit);
	kit_round(kit, &kit->host,
		  round == 4   ? fails
		  : round == 8 ? heals
		  : round == 0 ? kit_all_pass
			       : NULL,
		  7, round == 0 || round == 6, AT(round) - 450);
	if (round == 2 || round == 6 || round == LAST)
		kit_anchor(kit, AT(round));
}

static inline void live(struct kit *kit, int from, int to) {
	for (int round = from; round <= to; round++)
		live_round(kit, round);
}

/* An honest world, exported. */
static inline struct kit *day(const char *control) {
	struct kit *kit = kit_new(control);
	live(kit, 0, LAST);
	kit->to = AT(LAST);
	kit_export(kit);
	return kit;
}
