#include "core/pam_auth.h"

#include "core/text.h"

enum mark { VERIFIED = 1, TRIED = 2, COUNTED = 4 };

static const char *const verifies[] = {"pam_aad",
				       "pam_authd",
				       "pam_centrifydc",
				       "pam_duo",
				       "pam_extrausers",
				       "pam_fprintd",
				       "pam_fscrypt",
				       "pam_himmelblau",
				       "pam_google_authenticator",
				       "pam_krb5",
				       "pam_ldap",
				       "pam_lsass",
				       "pam_mysql",
				       "pam_oath",
				       "pam_opie",
				       "pam_otpw",
				       "pam_p11",
				       "pam_pgsql",
				       "pam_pkcs11",
				       "pam_poldi",
				       "pam_pwdfile",
				       "pam_radius",
				       "pam_radius_auth",
				       "pam_rsa",
				       "pam_securid",
				       "pam_ssh_agent_auth",
				       "pam_sss",
				       "pam_sss_gss",
				       "pam_systemd_home",
				       "pam_tacplus",
				       "pam_tcb",
				       "pam_timestamp",
				       "pam_u2f",
				       "pam_unix",
				       "pam_unix2",
				       "pam_unix_auth",
				       "pam_usb",
				       "pam_userdb",
				       "pam_vas3",
				       "pam_winbind",
				       "pam_yubico"};

static const char *const others[] = {"pam_abl",
				     "pam_access",
				     "pam_afs_session",
				     "pam_apparmor",
				     "pam_canonicalize_user",
				     "pam_cap",
				     "pam_ck_connector",
				     "pam_cracklib",
				     "pam_debug",
				     "pam_echo",
				     "pam_ecryptfs",
				     "pam_elogind",
				     "pam_encfs",
				     "pam_env",
				     "pam_faildelay",
				     "pam_ftp",
				     "pam_gdm",
				     "pam_gnome_keyring",
				     "pam_group",
				     "pam_issue",
				     "pam_keyinit",
				     "pam_kwallet",
				     "pam_kwallet5",
				     "pam_lastlog",
				     "pam_lastlog2",
				     "pam_limits",
				     "pam_listfile",
				     "pam_localuser",
				     "pam_loginuid",
				     "pam_mail",
				     "pam_mkhomedir",
				     "pam_motd",
				     "pam_mount",
				     "pam_namespace",
				     "pam_nologin",
				     "pam_oddjob_mkhomedir",
				     "pam_passwdqc",
				     "pam_pwhistory",
				     "pam_pwquality",
				     "pam_reauthorize",
				     "pam_rhosts",
				     "pam_rootok",
				     "pam_securetty",
				     "pam_selinux",
				     "pam_sepermit",
				     "pam_shells",
				     "pam_ssh_add",
				     "pam_succeed_if",
				     "pam_systemd",
				     "pam_systemd_loadkey",
				     "pam_time",
				     "pam_tmpdir",
				     "pam_tty_audit",
				     "pam_umask",
				     "pam_usertype",
				     "pam_wheel",
				     "pam_xauth"};

static const char *const locks[] = {"pam_faillock", "pam_tally", "pam_tally2"};

/* Programs that run as who asks for more: there pam_rootok means that root asks. Elsewhere the program is root. */
static const char *const asked_by_user[] = {"su", "su-l", "chsh", "chfn"};

static bool is_known(const char *name, const char *const *list, size_t count) {
	return text_is_one_of(name, list, count);
}

static bool is_listed(const json_t *list, const char *name) {
	const json_t *value;
	size_t i;
	json_array_foreach(list, i, value) {
		const char *text = json_string_value(value);
		size_t len = text ? strlen(text) - (text_ends(text, ".so") ? 3 : 0) : 0;
		if (text && strlen(name) == len && !strncmp(text, name, len))
			return true;
	}
	return false;
}

enum pam_module_kind pam_auth_kind(const struct pam_module *module, const struct pam_auth_context *context) {
	const char *name = module->name;
	bool asks_user = is_known(context->service, asked_by_user, ARRAY_LEN(asked_by_user));
	if (!strcmp(name, "pam_permit"))
		return PAM_KIND_PERMITS;
	if (!strcmp(name, "pam_deny"))
		return PAM_KIND_DENIES;
	if (!strcmp(name, "pam_warn") || (!strcmp(name, "pam_wheel") && !pam_has_arg(module, "trust")))
		return PAM_KIND_REFUSES;
	if (is_known(name, locks, ARRAY_LEN(locks)))
		return PAM_KIND_LOCKS;
	if (is_known(name, verifies, ARRAY_LEN(verifies)) || is_listed(context->verifying, name) ||
	    (!strcmp(name, "pam_rootok") && asks_user))
		return PAM_KIND_VERIFIES;
	return is_known(name, others, ARRAY_LEN(others)) ? PAM_KIND_OTHER : PAM_KIND_UNKNOWN;
}

/* pam_unix always answers, and so does what the organisation vouches for; of the rest some keep silent about users whom
 * they do not know. */
static uint32_t refusals_of(const struct pam_module *module, const struct pam_auth_context *context) {
	static const char *const answering[] = {"pam_unix", "pam_rootok", "pam_sss"};
	bool answers = text_is_one_of(module->name, answering, ARRAY_LEN(answering)) ||
		       is_listed(context->verifying, module->name);
	bool is_silent = module->may_be_missing || pam_has_arg(module, "ignore_unknown_user") ||
			 pam_has_arg(module, "ignore_authinfo_unavail");
	return PAM_REFUSALS | (answers && !is_silent ? 0 : PAM_BIT(PAM_IS_IGNORE));
}

#define ANY_ANSWER (PAM_ALL & ~PAM_BIT(PAM_IS_NEW_AUTHTOK_REQD))
#define VERIFIED_ANSWER (PAM_BIT(PAM_IS_SUCCESS) | PAM_BIT(PAM_IS_NEW_AUTHTOK_REQD))

struct asked {
	const struct pam_auth_context *context;
	bool trusts_unknown;
};

/* pam_faillock authfail and pam_faillock for accounts that it leaves alone. */
static uint32_t lock_answers(const struct pam_module *module) {
	bool is_count = pam_has_arg(module, "authfail") && !pam_has_arg(module, "local_users_only");
	return is_count ? PAM_REFUSALS | PAM_BIT(PAM_IS_IGNORE) : ANY_ANSWER;
}

static size_t bypass_outcomes(const struct pam_module *module, unsigned marks, void *context,
			      struct pam_outcome outcomes[PAM_OUTCOMES_MOST]) {
	const struct asked *asked = context;
	enum pam_module_kind kind = pam_auth_kind(module, asked->context);
	size_t count = 0;
	(void)marks;
	if (kind == PAM_KIND_VERIFIES || (kind == PAM_KIND_UNKNOWN && asked->trusts_unknown)) {
		uint32_t silent = pam_has_arg(module, "nouserok") ? PAM_BIT(PAM_IS_SUCCESS) : 0;
		outcomes[count++] = (struct pam_outcome){.returns = VERIFIED_ANSWER, .marks = VERIFIED};
		outcomes[count++] = (struct pam_outcome){.returns = refusals_of(module, asked->context) | silent};
	} else if (kind == PAM_KIND_PERMITS) {
		outcomes[count++] = (struct pam_outcome){.returns = PAM_BIT(PAM_IS_SUCCESS)};
	} else if (kind == PAM_KIND_DENIES) {
		outcomes[count++] = (struct pam_outcome){.returns = PAM_BIT(PAM_IS_AUTH_ERR)};
	} else if (kind == PAM_KIND_REFUSES) {
		outcomes[count++] = (struct pam_outcome){.returns = PAM_REFUSALS | PAM_BIT(PAM_IS_IGNORE)};
	} else {
		outcomes[count++] =
			(struct pam_outcome){.returns = kind == PAM_KIND_LOCKS ? lock_answers(module) : ANY_ANSWER};
	}
	return count;
}

static bool is_bypass(bool grants, unsigned marks, void *context) {
	(void)context;
	return grants && !(marks & VERIFIED);
}

bool pam_auth_can_bypass(const struct pam_stack *stack, const struct pam_auth_context *context, bool trusts_unknown,
			 const struct pam_module **ret_last) {
	struct asked asked = {context, trusts_unknown};
	struct pam_question question = {bypass_outcomes, is_bypass, &asked};
	return pam_can_end(stack, &question, ret_last);
}

/* All locks are shut; that root may go on as root is no guess. */
static size_t locked_outcomes(const struct pam_module *module, unsigned marks, void *context,
			      struct pam_outcome outcomes[PAM_OUTCOMES_MOST]) {
	const struct asked *asked = context;
	if (pam_auth_kind(module, asked->context) == PAM_KIND_LOCKS) {
		outcomes[0] = (struct pam_outcome){.returns = PAM_BIT(PAM_IS_AUTH_ERR)};
		return 1;
	}
	if (!strcmp(module->name, "pam_rootok")) {
		outcomes[0] = (struct pam_outcome){.returns = PAM_REFUSALS};
		return 1;
	}
	return bypass_outcomes(module, marks, context, outcomes);
}

static bool is_granted(bool grants, unsigned marks, void *context) {
	(void)marks, (void)context;
	return grants;
}

static uint32_t open_lock_answers(const struct pam_module *module) {
	return pam_has_arg(module, "authfail") ? PAM_BIT(PAM_IS_IGNORE)
					       : PAM_BIT(PAM_IS_SUCCESS) | PAM_BIT(PAM_IS_IGNORE);
}

/* Nothing is locked, and the password is wrong. */
static size_t wrong_outcomes(const struct pam_module *module, unsigned marks, void *context,
			     struct pam_outcome outcomes[PAM_OUTCOMES_MOST]) {
	const struct asked *asked = context;
	enum pam_module_kind kind = pam_auth_kind(module, asked->context);
	bool counts = strcmp(module->name, "pam_faillock") != 0 || pam_has_arg(module, "authfail");
	size_t count = 0;
	if (kind == PAM_KIND_LOCKS) {
		outcomes[count++] =
			(struct pam_outcome){.returns = open_lock_answers(module), .marks = counts ? COUNTED : 0};
	} else if (kind == PAM_KIND_VERIFIES && text_starts(module->name, "pam_unix")) {
		outcomes[count++] = (struct pam_outcome){.returns = PAM_BIT(PAM_IS_AUTH_ERR), .marks = TRIED};
	} else if (kind == PAM_KIND_VERIFIES || kind == PAM_KIND_UNKNOWN) {
		outcomes[count++] = (struct pam_outcome){.returns = refusals_of(module, asked->context)};
	} else {
		return bypass_outcomes(module, marks, context, outcomes);
	}
	return count;
}

static bool is_uncounted(bool grants, unsigned marks, void *context) {
	(void)context;
	return !grants && (marks & TRIED) && !(marks & COUNTED);
}

enum pam_lockout pam_auth_lockout(const struct pam_stack *stack, const struct pam_auth_context *context) {
	struct asked asked = {context, true};
	struct pam_question when_locked = {locked_outcomes, is_granted, &asked};
	struct pam_question when_wrong = {wrong_outcomes, is_uncounted, &asked};
	const struct pam_module *last;
	bool has_lock = false;
	for (size_t i = 0; i < stack->count; i++)
		has_lock |= pam_auth_kind(&stack->modules[i], context) == PAM_KIND_LOCKS;
	if (!has_lock)
		return PAM_LOCKOUT_NONE;
	if (pam_can_end(stack, &when_locked, &last))
		return PAM_LOCKOUT_OPEN;
	return pam_can_end(stack, &when_wrong, &last) ? PAM_LOCKOUT_UNCOUNTED : PAM_LOCKOUT_HOLDS;
}
