#include "core/approvers.h"

#include <dirent.h>
#include <errno.h>

#include "core/file.h"
#include "core/text.h"
#include "core/times.h"

void approvers_done(struct approvers *approvers) {
	for (size_t i = 0; i < approvers->count; i++) {
		free(approvers->items[i].name);
		EVP_PKEY_free(approvers->items[i].key);
	}
	free(approvers->items);
	*approvers = (struct approvers){0};
}

static bool is_free(const struct approvers *approvers, const struct approver *approver, const char *where,
		    struct err *err) {
	for (size_t i = 0; i < approvers->count; i++) {
		const struct approver *other = &approvers->items[i];
		if (hash_equal(&other->id, &approver->id))
			return err_set(err, ERR_REFUSED, where, "this key is %s's already%s: a key is one person's",
				       other->name, other->until ? ", whose time has ended: give a new one" : "");
		if (!other->until && !approver->until && !strcmp(other->name, approver->name))
			return err_set(err, ERR_REFUSED, where, "%s has a key already", other->name);
	}
	return approvers->count < APPROVERS_MOST ||
	       err_set(err, ERR_TOO_BIG, where, "more than %d keys of approvers", APPROVERS_MOST);
}

bool approvers_add(struct approvers *approvers, const char *name, const char *pem, int64_t until, const char *where,
		   struct err *err) {
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	if (!approval_is_name(name))
		return err_set(err, ERR_REFUSED, where,
			       "an approver's name has 1 to %d letters, digits and \" ._-@\", the first and the last a "
			       "letter or digit",
			       APPROVAL_NAME_LONGEST);
	if (!key_from_public_pem(pem, where, &key, err))
		return false;
	struct approver approver = {.key = key, .id = key_id(key), .until = until, .name = (char *)name};
	if (!is_free(approvers, &approver, where, err))
		return false;
	approver.name = xstrdup(name);
	approvers->items = xreallocarray(approvers->items, approvers->count + 1, sizeof *approvers->items);
	approvers->items[approvers->count++] = approver;
	key = NULL;
	return true;
}

/* --- a folder ----------------------------------------------------------------------------------------------------- */

static int is_key(const struct dirent *entry) {
	return entry->d_name[0] != '.' && text_ends(entry->d_name, APPROVERS_KEY_END);
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

/* "20261122T080000Z" as RFC 3339 has it. */
static bool read_instant(const char *text, int64_t *ret_instant) {
	char long_form[TIMES_TEXT];
	if (strlen(text) != APPROVERS_INSTANT - 1)
		return false;
	snprintf(long_form, sizeof long_form, "%.4s-%.2s-%.5s:%.2s:%.3s", text, text + 4, text + 6, text + 11,
		 text + 13);
	return times_parse(long_form, ret_instant);
}

char *approvers_instant(int64_t instant, char text[APPROVERS_INSTANT]) {
	char long_form[TIMES_TEXT];
	times_format(instant, long_form);
	snprintf(text, APPROVERS_INSTANT, "%.4s%.2s%.5s%.2s%.3s", long_form, long_form + 5, long_form + 8,
		 long_form + 14, long_form + 17);
	return text;
}

static bool read_key(const char *folder, const char *file, bool is_ended, struct approvers *approvers,
		     struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(folder, file);
	CLEANUP(free_ptr) char *name = xstrndup(file, strlen(file) - strlen(APPROVERS_KEY_END));
	CLEANUP(buf_done) struct buf pem = {0};
	int64_t until = 0;
	char *at = is_ended ? strrchr(name, '@') : NULL;
	if (is_ended && (!at || !read_instant(at + 1, &until)))
		return err_set(err, ERR_MALFORMED, path, "its name does not say until when the key held");
	if (at)
		*at = '\0';
	return file_read(path, KEY_FILE_LARGEST, &pem, err) &&
	       approvers_add(approvers, name, buf_str(&pem), until, path, err);
}

static bool read_folder(const char *folder, bool is_ended, struct approvers *approvers, struct err *err) {
	struct dirent **entries;
	const int count = scandir(folder, &entries, is_key, by_name);
	bool is_read = true;
	if (count < 0 && errno == ENOENT)
		return true;
	if (count < 0)
		return err_errno(err, errno, ERR_IO, folder, "cannot be listed");
	for (int i = 0; i < count; i++) {
		is_read = is_read && read_key(folder, entries[i]->d_name, is_ended, approvers, err);
		free(entries[i]);
	}
	free(entries);
	return is_read;
}

bool approvers_read(const char *folder, struct approvers *ret_approvers, struct err *err) {
	CLEANUP(free_ptr) char *ended = file_join(folder, APPROVERS_ENDED);
	CLEANUP(approvers_done) struct approvers approvers = {0};
	if (!read_folder(folder, false, &approvers, err) || !read_folder(ended, true, &approvers, err))
		return false;
	*ret_approvers = approvers;
	approvers = (struct approvers){0};
	return true;
}

/* --- whether an approval holds ------------------------------------------------------------------------------------ */

static bool find_signer(const struct approvers *approvers, const struct dsse *envelope, const char *where,
			const struct approver **ret_approver, struct err *err) {
	const char *keyid = envelope->signatures[0].keyid;
	char hex[HASH_HEX];
	for (size_t i = 0; i < approvers->count; i++) {
		const struct approver *approver = &approvers->items[i];
		if (strcmp(hash_hex(&approver->id, hex), keyid) != 0)
			continue;
		*ret_approver = approver;
		return dsse_signature_by(envelope, approver->key) ||
		       err_set(err, ERR_REFUSED, where, "its signature does not hold under the key of %s",
			       approver->name);
	}
	return err_set(err, ERR_REFUSED, where, "it is by the key %.16s, which is none of the approvers'", keyid);
}

static bool is_about(const struct approval *approval, const struct approval_about *about, const char *where,
		     struct err *err) {
	char of[HASH_HEX], is[HASH_HEX];
	if (strcmp(approval->policy, about->policy) != 0)
		return err_set(err, ERR_REFUSED, where, "it approves the policy \"%s\", and this is \"%s\"",
			       approval->policy, about->policy);
	return hash_equal(&approval->sha256, about->sha256) ||
	       err_set(err, ERR_REFUSED, where, "it approves the digest %.16s, and this policy has %.16s",
		       hash_hex(&approval->sha256, of), hash_hex(about->sha256, is));
}

static bool is_in_time(const struct approval *approval, const struct approver *approver,
		       const struct approval_about *about, const char *where, struct err *err) {
	char text[TIMES_TEXT];
	if (approval->approved > about->at + APPROVERS_CLOCKS_APART)
		return err_set(err, ERR_REFUSED, where, "it says that it was given at %s, which is yet to come",
			       times_format(approval->approved, text));
	if (approval->expires && approval->expires <= about->at)
		return err_set(err, ERR_REFUSED, where, "the approval by %s expired at %s", approver->name,
			       times_format(approval->expires, text));
	if (approver->until && (!about->received || about->received >= approver->until))
		return err_set(err, ERR_REFUSED, where, "the key of %s ended at %s, before this came", approver->name,
			       times_format(approver->until, text));
	return true;
}

bool approvers_hold(const struct approvers *approvers, const char *line, size_t len, const struct approval_about *about,
		    const char *where, struct approval **ret_approval, struct err *err) {
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	CLEANUP(approval_free_p) struct approval *approval = NULL;
	const struct approver *approver;
	if (!approval_envelope(line, len, where, &envelope, err) ||
	    !find_signer(approvers, envelope, where, &approver, err) || !approval_of(envelope, where, &approval, err))
		return false;
	if (strcmp(approval->approver, approver->name) != 0)
		return err_set(err, ERR_REFUSED, where, "it says that it is %s's, and %s's key signed it",
			       approval->approver, approver->name);
	if (!is_about(approval, about, where, err) || !is_in_time(approval, approver, about, where, err))
		return false;
	*ret_approval = approval;
	approval = NULL;
	return true;
}
