#include "core/pam_password.h"

#include "core/text.h"

enum mark { SHUT = 1, STORED = 2 };

/* What is asked: can a password of this length be stored? */
struct asked {
	const struct pam_stack *stack;
	const int *shortest; /* of each module */
	int length;
};

bool pam_password_checks(const struct pam_module *module) {
	static const char *const names[] = {"pam_pwquality", "pam_cracklib", "pam_passwdqc"};
	return text_is_one_of(module->name, names, ARRAY_LEN(names));
}

bool pam_password_stores(const struct pam_module *module) {
	static const char *const names[] = {"pam_unix", "pam_unix2", "pam_tcb"};
	return text_is_one_of(module->name, names, ARRAY_LEN(names));
}

static bool takes_what_is_there(const struct pam_module *module) {
	return pam_has_arg(module, "use_authtok") || pam_has_arg(module, "use_first_pass");
}

/* Modules that leave the new password alone. The rest may ask for one, if only those that nobody knows. */
static bool asks_for_password(const struct pam_module *module) {
	static const char *const silent[] = {"pam_deny",      "pam_echo",          "pam_env",      "pam_faildelay",
					     "pam_ecryptfs",  "pam_gnome_keyring", "pam_kwallet",  "pam_kwallet5",
					     "pam_localuser", "pam_mount",         "pam_nologin",  "pam_permit",
					     "pam_rootok",    "pam_succeed_if",    "pam_usertype", "pam_warn"};
	return !text_is_one_of(module->name, silent, ARRAY_LEN(silent)) && !takes_what_is_there(module);
}

static bool refusal_counts(const struct pam_module *module) {
	int action = module->actions[PAM_IS_AUTHTOK_ERR];
	return action == PAM_DOES_BAD || action == PAM_DOES_DIE;
}

static uint32_t answers_of(const struct pam_module *module) {
	if (!strcmp(module->name, "pam_permit"))
		return PAM_BIT(PAM_IS_SUCCESS);
	return !strcmp(module->name, "pam_deny") ? PAM_BIT(PAM_IS_AUTHTOK_ERR) : PAM_ALL;
}

static size_t outcomes_of(const struct pam_module *module, unsigned marks, void *context,
			  struct pam_outcome outcomes[PAM_OUTCOMES_MOST]) {
	const struct asked *asked = context;
	bool is_short = asked->length < asked->shortest[module - asked->stack->modules];
	bool asks = asks_for_password(module);
	if (pam_password_stores(module)) {
		bool stores = !is_short && (asks || !(marks & SHUT));
		outcomes[0] = (struct pam_outcome){.returns = PAM_BIT(PAM_IS_SUCCESS), .marks = stores ? STORED : 0};
		outcomes[1] =
			(struct pam_outcome){.returns = PAM_ALL & ~PAM_BIT(PAM_IS_SUCCESS), .clears = asks ? SHUT : 0};
		return 2;
	}
	/* pam_passwdqc leaves a password that another asked for where it is. */
	bool can_take_away = strcmp(module->name, "pam_passwdqc") != 0 || asks;
	bool shuts = pam_password_checks(module) && is_short && can_take_away && refusal_counts(module);
	outcomes[0] = (struct pam_outcome){
		.returns = answers_of(module), .marks = shuts ? SHUT : 0, .clears = asks && !shuts ? SHUT : 0};
	return 1;
}

static bool is_stored(bool grants, unsigned marks, void *context) {
	(void)context;
	return grants && (marks & STORED);
}

static bool can_store(const struct pam_stack *stack, const int *shortest, int length) {
	struct asked asked = {stack, shortest, length};
	struct pam_question question = {outcomes_of, is_stored, &asked};
	const struct pam_module *last;
	return pam_can_end(stack, &question, &last);
}

bool pam_password_shortest(const struct pam_stack *stack, const struct pwquality *base, bool is_root,
			   const struct sources *fetched, bool *ret_can, int *ret_shortest, struct err *err) {
	CLEANUP(free_ptr) int *shortest = xcalloc(stack->count + 1, sizeof *shortest);
	for (size_t i = 0; i < stack->count; i++)
		if (!pwquality_module(&stack->modules[i], base, is_root, fetched, &shortest[i], err))
			return false;
	/* Between two of these lengths nothing changes; the last one is 0, which is the shortest of all. */
	int least = -1;
	for (size_t i = 0; i <= stack->count; i++)
		if ((least < 0 || shortest[i] < least) && can_store(stack, shortest, shortest[i]))
			least = shortest[i];
	*ret_can = least >= 0;
	*ret_shortest = least;
	return true;
}
