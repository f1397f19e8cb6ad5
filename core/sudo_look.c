#include "core/sudo_look.h"

#include "core/accounts.h"
#include "core/nsswitch.h"
#include "core/text.h"

static const char *const others[] = {SUDO_OTHERS};

void sudo_look_ask(struct names *names) {
	names_add(names, ACCOUNTS_SOURCE);
	names_add(names, GROUPS_SOURCE);
	names_add(names, SUDO_SOURCE);
	names_add(names, SUDO_HOST_SOURCE);
	nss_unlisted_ask(names);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		names_add(names, others[i]);
}

void sudo_look_done(struct sudo_look *look) {
	json_decref(look->accounts);
	json_decref(look->groups);
	json_decref(look->grants);
	free(look->unlisted);
	free(look->elsewhere);
}

static bool find_unlisted(const struct sources *fetched, const json_t *with, const char *database, bool has_nis,
			  char **ret_what, struct err *err) {
	CLEANUP(free_ptr) char *service = NULL;
	if (!nss_unlisted(fetched, with, database, has_nis, &service, NULL, err))
		return false;
	if (*service && !*ret_what)
		*ret_what = xasprintf("%s: %s", database, service);
	return true;
}

/* A sudo that cvtsudoers does not speak for. */
static bool is_absent(const struct sources *fetched, struct err *err) {
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		const struct source *other = NULL;
		if (!source_maybe(fetched, others[i], &other, err))
			return false;
		if (other)
			return err_set(err, ERR_UNPROVED, SUDO_SOURCE,
				       "there is another sudo, %s, whose rules are not read",
				       strchr(others[i], ':') + 1);
	}
	return true;
}

/* The host's name, without the newline; NULL where it cannot be seen. The caller frees. */
static char *host_name(const struct sources *fetched) {
	const struct source *source = NULL;
	struct err ignored;
	if (!source_maybe(fetched, SUDO_HOST_SOURCE, &source, &ignored) || !source)
		return NULL;
	char *name = xstrndup(source->bytes.data ? source->bytes.data : "", source->bytes.len);
	name[strcspn(name, "\n")] = '\0';
	return name;
}

static bool read_grants(const struct sources *fetched, struct sudo_look *look, struct err *err) {
	json_t *file = NULL;
	CLEANUP(free_ptr) char *host = host_name(fetched);
	if (!source_maybe_json(fetched, SUDO_SOURCE, &file, err))
		return false;
	look->is_installed = file != NULL;
	if (!file) {
		look->grants = json_array();
		return is_absent(fetched, err);
	}
	struct sudoers sudoers = {SUDO_SOURCE, file, look->accounts, look->groups, host};
	return sudoers_grants(&sudoers, &look->grants, err);
}

bool sudo_look(const struct sources *fetched, const json_t *with, struct sudo_look *ret_look, struct err *err) {
	CLEANUP(sudo_look_done) struct sudo_look look = {0};
	bool has_nis = false;
	if (!accounts_need(fetched, &look.accounts, &has_nis, err) || !groups_need(fetched, &look.groups, err) ||
	    !read_grants(fetched, &look, err) ||
	    !find_unlisted(fetched, with, "passwd", has_nis, &look.unlisted, err) ||
	    !find_unlisted(fetched, with, "group", has_nis, &look.unlisted, err) ||
	    !find_unlisted(fetched, with, "sudoers", false, &look.elsewhere, err))
		return false;
	if (!look.is_installed) {
		free(look.elsewhere);
		look.elsewhere = NULL;
	}
	*ret_look = look;
	look = (struct sudo_look){0};
	return true;
}
