/* Policies for tests, written into a folder of their own and loaded as a stack. */
#pragma once

#include "core/policy.h"
#include "core/waiver.h"
#include "tests/fake_checks.h"
#include "tests/unit/scratch.h"

static struct catalogue *catalogue;

#define POLICY(id) "policy: {id: " id ", version: 1.0.0, framework: \"iso27001:2022\", title: T}\n"
#define REST "  title: T\n  controls: [A.8.15]\n  severity: high\n  kind: effect\n  every: 1h\n  why: W\n  fix: F\n"
#define PARAMS "  params: {min: {type: duration, default: 90d, doc: how long}}\n"
#define LOOK(value) "  check: sysctl\n  with: {key: k}\n  expect: {running: \"" value "\"}\n"
#define RULE(id) "- id: " id "\n" REST LOOK("0")
#define BASE POLICY("base") "rules:\n- id: log.keep\n" REST PARAMS LOOK("0") RULE("web.off")

/* The texts, NULL behind the last, as files 0.yaml, 1.yaml, ... */
static inline bool kit_load(const struct policy_host *host, const char *const texts[], struct policy_stack **ret_stack,
			    struct err *err) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	char *paths[POLICY_READ_MOST + 2];
	size_t count = 0;
	for (; texts[count]; count++) {
		CLEANUP(free_ptr) char *name = xasprintf("%zu.yaml", count);
		scratch_put(folder, name, texts[count]);
		paths[count] = file_join(folder, name);
	}
	bool is_loaded =
		policy_stack_load_for(host, (const char *const *)paths, count, catalogue, fake_checks, ret_stack, err);
	for (size_t i = 0; i < count; i++)
		free(paths[i]);
	return is_loaded;
}

/* `top` on top of BASE. */
static inline __attribute__((unused)) struct policy_stack *kit_on_base(const struct policy_host *host,
								       const char *top) {
	struct policy_stack *stack = NULL;
	struct err err = {0};
	if (!kit_load(host, (const char *const[]){BASE, top, NULL}, &stack, &err))
		fail_msg("%s:%u:%u: %s\n%s", err.where, err.line, err.column, err.why, top);
	return stack;
}

static inline __attribute__((unused)) void kit_refused(const struct policy_host *host, const char *top, unsigned line,
						       unsigned column, const char *why) {
	struct policy_stack *stack = NULL;
	struct err err = {0};
	if (kit_load(host, (const char *const[]){BASE, top, NULL}, &stack, &err))
		fail_msg("loaded: %s", top);
	assert_non_null(strstr(err.where, "/1.yaml"));
	if (err.line != line || err.column != column || !strstr(err.why, why))
		fail_msg("%u:%u: %s\n%s", err.line, err.column, err.why, top);
}

static inline int kit_load_catalogue(void **state) {
	struct err err;
	return catalogue_load(SOURCE_DIR "/policies", &catalogue, &err) ? 0 : -1;
}

static inline int kit_free_catalogue(void **state) {
	catalogue_free(catalogue);
	return 0;
}
