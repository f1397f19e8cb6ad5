#include "core/pam_walk.h"

enum impression { UNDECIDED, POSITIVE, NEGATIVE, IMPRESSIONS };

/* Where the walk stands: before a module, with what libpam knows then. status_ok: the status is PAM_SUCCESS. */
struct state {
	size_t at;
	enum impression impression;
	bool status_ok;
	unsigned marks;
	const struct pam_module *last;
};

struct search {
	const struct pam_stack *stack;
	const struct pam_question *question;
	bool *seen;
	const struct pam_module *found_at;
};

static size_t index_of(const struct state *state) {
	return ((state->at * IMPRESSIONS + state->impression) * 2 + state->status_ok) * PAM_MARKS + state->marks;
}

static bool is_deeper(const struct pam_stack *stack, size_t at, unsigned level) {
	return at < stack->count && stack->modules[at].level > level;
}

/* Behind `jump` modules of this level, a substack being one; *ret_is_good: there were that many. */
static size_t behind_jump(const struct pam_stack *stack, size_t at, int jump, bool *ret_is_good) {
	unsigned level = stack->modules[at].level;
	size_t here = at;
	while (here + 1 < stack->count && stack->modules[here + 1].level >= level && jump > 0) {
		do
			here++;
		while (is_deeper(stack, here + 1, level));
		jump--;
	}
	*ret_is_good = jump == 0;
	return here + 1;
}

/* Behind the (sub)stack in which the decision was made. */
static size_t behind_decision(const struct pam_stack *stack, size_t at) {
	unsigned level = stack->modules[at].level;
	do
		at++;
	while (at < stack->count && stack->modules[at].level >= level);
	return at;
}

/* ok and done: the first that counts sets the status, and what is not a success stays. */
static void take_good(struct state *state, int value) {
	if (state->impression == NEGATIVE || (state->impression == POSITIVE && !state->status_ok))
		return;
	state->impression = POSITIVE;
	state->status_ok = value == PAM_IS_SUCCESS;
}

static void take_bad(struct state *state) {
	state->impression = NEGATIVE;
	state->status_ok = false;
}

/* What comes after `module` returned `value`. */
static struct state after(const struct search *search, struct state state, int value) {
	const struct pam_module *module = &search->stack->modules[state.at];
	int action = module->actions[value];
	size_t at = state.at;
	bool is_good = true;
	state.at = at + 1;
	if (action != PAM_DOES_IGNORE && action <= 0)
		state.last = module;
	if (action == PAM_DOES_OK || action == PAM_DOES_DONE)
		take_good(&state, value);
	else if (action == PAM_DOES_BAD || action == PAM_DOES_DIE)
		take_bad(&state);
	else if (action > 0)
		state.at = behind_jump(search->stack, at, action, &is_good);
	if (!is_good)
		take_bad(&state);
	if (action == PAM_DOES_DIE || (action == PAM_DOES_DONE && state.impression == POSITIVE))
		state.at = behind_decision(search->stack, at);
	return state;
}

static bool walk(struct search *search, struct state state);

static bool walk_reset(struct search *search, struct state state) {
	bool is_top = search->stack->modules[state.at].level == 0;
	state.at++;
	state.impression = UNDECIDED;
	state.status_ok = false;
	if (walk(search, state))
		return true;
	state.impression = POSITIVE;
	state.status_ok = true;
	return !is_top && walk(search, state);
}

static bool walk_outcome(struct search *search, struct state state, const struct pam_outcome *outcome) {
	const struct pam_module *module = &search->stack->modules[state.at];
	state.marks = ((state.marks & ~outcome->clears) | outcome->marks) % PAM_MARKS;
	for (int value = 0; value < PAM_IS_INCOMPLETE; value++) {
		if (!(outcome->returns & PAM_BIT(value)))
			continue;
		if (module->actions[value] == PAM_DOES_RESET ? walk_reset(search, state)
							     : walk(search, after(search, state, value)))
			return true;
	}
	return false;
}

static bool walk_end(struct search *search, const struct state *state) {
	bool grants = state->impression == POSITIVE && state->status_ok;
	if (!search->question->is_found(grants, state->marks, search->question->context))
		return false;
	search->found_at = state->last;
	return true;
}

static bool walk(struct search *search, struct state state) {
	struct pam_outcome outcomes[PAM_OUTCOMES_MOST];
	const struct pam_question *question = search->question;
	if (state.at >= search->stack->count)
		return walk_end(search, &state);
	size_t index = index_of(&state);
	if (search->seen[index])
		return false;
	search->seen[index] = true;
	const struct pam_module *module = &search->stack->modules[state.at];
	if (module->is_substack) {
		state.at++;
		return walk(search, state);
	}
	if (module->must_fail) {
		outcomes[0] = (struct pam_outcome){.returns = PAM_BIT(PAM_IS_PERM_DENIED)};
		return walk_outcome(search, state, &outcomes[0]);
	}
	size_t count = question->outcomes(module, state.marks, question->context, outcomes);
	for (size_t i = 0; i < count; i++)
		if (walk_outcome(search, state, &outcomes[i]))
			return true;
	return false;
}

bool pam_can_end(const struct pam_stack *stack, const struct pam_question *question,
		 const struct pam_module **ret_last) {
	CLEANUP(free_ptr) bool *seen = xcalloc((stack->count + 1) * IMPRESSIONS * 2 * PAM_MARKS, sizeof *seen);
	struct search search = {.stack = stack, .question = question, .seen = seen};
	bool is_found = walk(&search, (struct state){0});
	*ret_last = search.found_at;
	return is_found;
}
