#include "core/pam_password.h"

#include "core/text.h"

/* TOKEN: a new password of that length is there for the next module. */
enum mark { TOKEN = 1, STORED = 2 };

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

static uint32_t answers_of(const struct pam_module *module) {
	if (!strcmp(module->name, "pam_permit"))
		return PAM_BIT(PAM_IS_SUCCESS);
	return !strcmp(module->name, "pam_deny") ? PAM_BIT(PAM_IS_AUTHTOK_ERR) : PAM_ALL;
}

#define ALL_BUT_SUCCESS (PAM_ALL & ~PAM_BIT(PAM_IS_SUCCESS))

static size_t store_outcomes(bool can, struct pam_outcome outcomes[PAM_OUTCOMES_MOST]) {
	size_t count = 0;
	if (can)
		outcomes[count++] = (struct pam_outcome){.returns = PAM_BIT(PAM_IS_SUCCESS), .marks = STORED | TOKEN};
	outcomes[count++] = (struct pam_outcome){.returns = ALL_BUT_SUCCESS};
	return count;
}

/* A password that is too short is refused and taken away; only pam_passwdqc leaves one that another asked for. */
static size_t check_outcomes(const struct pam_module *module, bool is_short, bool asks, unsigned marks,
			     struct pam_outcome outcomes[PAM_OUTCOMES_MOST]) {
	bool takes_away = asks || strcmp(module->name, "pam_passwdqc") != 0;
	bool can_pass = !is_short && (asks || (marks & TOKEN));
	size_t count = 0;
	if (can_pass)
		outcomes[count++] = (struct pam_outcome){.returns = PAM_BIT(PAM_IS_SUCCESS), .marks = TOKEN};
	outcomes[count++] = (struct pam_outcome){.returns = PAM_REFUSALS, .clears = takes_away ? TOKEN : 0};
	if (module->may_be_missing)
		outcomes[count++] = (struct pam_outcome){.returns = PAM_BIT(PAM_IS_IGNORE)};
	return count;
}

static size_t outcomes_of(const struct pam_module *module, unsigned marks, void *context,
			  struct pam_outcome outcomes[PAM_OUTCOMES_MOST]) {
	const struct asked *asked = context;
	bool is_short = asked->length < asked->shortest[module - asked->stack->modules];
	bool asks = asks_for_password(module);
	if (pam_password_stores(module))
		return store_outcomes(!is_short && (asks || (marks & TOKEN)), outcomes);
	if (pam_password_checks(module))
		return check_outcomes(module, is_short, asks, marks, outcomes);
	outcomes[0] = (struct pam_outcome){.returns = answers_of(module)};
	outcomes[1] = (struct pam_outcome){.returns = PAM_BIT(PAM_IS_SUCCESS), .marks = TOKEN};
	return asks ? 2 : 1;
}

/* What is stored stays so, whatever the stack comes to. */
static bool is_stored(bool grants, unsigned marks, void *context) {
	(void)grants, (void)context;
	return marks & STORED;
}

static bool can_store(const struct pam_stack *stack, const int *shortest, int length) {
	struct asked asked = {stack, shortest, length};
	struct pam_question question = {outcomes_of, is_stored, &asked};
	const struct pam_module *last;
	return pam_can_end(stack, &question, &last);
}

static size_t first_outcomes(const struct pam_module *module, unsigned marks, void *context,
			     struct pam_outcome outcomes[PAM_OUTCOMES_MOST]) {
	(void)marks, (void)context;
	outcomes[0] = (struct pam_outcome){.returns = answers_of(module)};
	return 1;
}

static bool is_granted(bool grants, unsigned marks, void *context) {
	(void)marks, (void)context;
	return grants;
}

/* The first time has to end well, or there is no second. */
static bool can_begin(const struct pam_stack *stack) {
	struct pam_question question = {first_outcomes, is_granted, NULL};
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
	bool begins = can_begin(stack);
	for (size_t i = 0; begins && i <= stack->count; i++)
		if ((least < 0 || shortest[i] < least) && can_store(stack, shortest, shortest[i]))
			least = shortest[i];
	*ret_can = least >= 0;
	*ret_shortest = least;
	return true;
}
