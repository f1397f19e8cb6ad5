#include "cli/redact.h"

#include <fnmatch.h>

#include "core/text.h"

#define MASKED "masked"

enum treatment {
	TREAT_AS_IS,
	TREAT_LEAVE_OUT,
	TREAT_WORDS,
	TREAT_LINES,
	TREAT_ARGUMENTS, /* of a command, NUL behind each */
	TREAT_KEYS,
	TREAT_ACCOUNTS, /* passwd(5) */
	TREAT_STRINGS,  /* canonical JSON: each string by words */
};

/* The first row that matches (fnmatch without flags) holds. */
static const struct {
	const char *pattern;
	enum treatment treatment;
} table[] = {
	{"file:/etc/shadow*", TREAT_LEAVE_OUT},
	{"file:/etc/gshadow*", TREAT_LEAVE_OUT},
	{"file:/etc/security/opasswd*", TREAT_LEAVE_OUT},
	{"file:/etc/ppp/*-secrets", TREAT_LEAVE_OUT},
	{"file:/etc/ipsec.secrets", TREAT_LEAVE_OUT},
	{"file:/etc/credstore*", TREAT_LEAVE_OUT},
	{"file:/run/credentials/*", TREAT_LEAVE_OUT},
	{"file:/var/lib/vouch*", TREAT_LEAVE_OUT},
	{"file:/var/log/lastlog", TREAT_LEAVE_OUT}, /* who came from where, in a form that cannot be masked */
	{"file:/var/log/wtmp*", TREAT_LEAVE_OUT},
	{"file:/.vouch*", TREAT_LEAVE_OUT},
	{"file:/proc/*/environ", TREAT_LEAVE_OUT},
	{"file:/proc/*/stable_secret", TREAT_LEAVE_OUT},
	{"file:/proc/*/tcp_fastopen_key", TREAT_LEAVE_OUT},
	{"file:*.keys", TREAT_LEAVE_OUT},
	{"file:*keytab", TREAT_LEAVE_OUT},
	{"file:*/.netrc", TREAT_LEAVE_OUT},
	{"file:*/.pgpass", TREAT_LEAVE_OUT},
	{"file:*/.git-credentials", TREAT_LEAVE_OUT},
	{"file:*htpasswd*", TREAT_LEAVE_OUT},
	/* Who logged in and from where; what was typed as a name, which may be a password. */
	{"file:/var/log/wtmp*", TREAT_LEAVE_OUT},
	{"file:/var/log/btmp*", TREAT_LEAVE_OUT},
	{"file:/etc/passwd*", TREAT_ACCOUNTS},
	{"file:*/authorized_keys*", TREAT_KEYS},
	{"file:*.pub", TREAT_KEYS},
	{"file:/proc/*/cmdline", TREAT_ARGUMENTS},
	/* Much, and nobody's: the kernel's and the distribution's. */
	{"file:/proc/sys/*", TREAT_AS_IS},
	{"file:/proc/net/*", TREAT_AS_IS},
	{"file:/proc/cpuinfo", TREAT_AS_IS},
	{"file:/proc/modules", TREAT_AS_IS},
	{"file:/sys/*", TREAT_AS_IS},
	{"file:/lib/modules/*", TREAT_AS_IS},
	{"file:/usr/lib/modules/*", TREAT_AS_IS},
	{"file:/var/lib/dpkg/status", TREAT_AS_IS},
	{"file:/var/lib/apt/lists/*", TREAT_AS_IS},
	{"file:/etc/group", TREAT_AS_IS},
	{"file:/etc/nsswitch.conf", TREAT_AS_IS},
	/* Settings here are words, and some are called password without being one. */
	{"file:/proc/*", TREAT_WORDS},
	{"file:/usr/lib/*", TREAT_WORDS},
	{"file:/etc/fstab", TREAT_WORDS},
	{"file:/etc/crypttab", TREAT_WORDS},
	{"file:/etc/login.defs", TREAT_WORDS},
	{"file:/etc/pam.d/*", TREAT_WORDS},
	{"file:/etc/ssh/sshd_config*", TREAT_WORDS},
	{"file:/etc/sudoers*", TREAT_WORDS},
	{"file:*", TREAT_LINES},
	{"head:/var/lib/clamav/*", TREAT_AS_IS},
	{"dir:*", TREAT_AS_IS},
	{"stat:*", TREAT_AS_IS},
	{"tree:*", TREAT_AS_IS},
	{"link:*", TREAT_AS_IS},
	{"statvfs:*", TREAT_AS_IS},
	{"shadow:", TREAT_AS_IS},
	{"luks:*", TREAT_AS_IS},
	{"keyfile:*", TREAT_AS_IS},
	{"containers:", TREAT_AS_IS},
	{"audit:*", TREAT_AS_IS},
	{"sockets:*", TREAT_AS_IS},
	{"rpmdb:", TREAT_AS_IS},
	{"dpkg:*", TREAT_AS_IS},
	{"netfile:*", TREAT_AS_IS},
	{"netns:", TREAT_AS_IS},
	{"journal:*", TREAT_AS_IS},
	{"tls:*", TREAT_AS_IS}, /* what the server shows to everybody */
	{"adjtimex:", TREAT_AS_IS},
	{"now:", TREAT_AS_IS},
	{"units:*", TREAT_AS_IS},
	{"*", TREAT_STRINGS},
};

/* An account without its comment; a password that stands here, where x or * should, is masked. */
static void mask_account(const char *line, size_t len, struct buf *to, size_t *masked) {
	const char *at = line, *end = line + len;
	for (unsigned field = 0; at <= end; field++) {
		const char *colon = memchr(at, ':', (size_t)(end - at));
		size_t size = (size_t)((colon ? colon : end) - at);
		bool is_masked = size == strlen(MASKED) && !memcmp(at, MASKED, size);
		bool is_password = field == 1 && size > 0 && *at != 'x' && *at != '*' && *at != '!' && !is_masked;
		if (is_password)
			buf_adds(to, MASKED);
		else if (field != 4)
			buf_add(to, at, size);
		*masked += is_password || (field == 4 && size > 0);
		if (!colon)
			return;
		buf_adds(to, ":");
		at = colon + 1;
	}
}

static void mask_accounts(struct buf *bytes, size_t *masked) {
	struct buf changed = {0};
	const char *at = buf_str(bytes), *end = at + bytes->len;
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		mask_account(at, (size_t)((newline ? newline : end) - at), &changed, masked);
		if (newline)
			buf_adds(&changed, "\n");
		at = newline ? newline + 1 : end;
	}
	buf_done(bytes);
	*bytes = changed;
}

static void swap_bytes(struct buf *bytes, char one, char other) {
	for (size_t i = 0; i < bytes->len; i++)
		if (bytes->data[i] == one || bytes->data[i] == other)
			bytes->data[i] = bytes->data[i] == one ? other : one;
}

/* New reference, or NULL. is_named_secret: of the member that it is. */
static json_t *masked_string(const struct masker *masker, const json_t *string, bool is_named_secret, size_t *masked) {
	CLEANUP(buf_done) struct buf text = {0};
	size_t count = 0;
	buf_add(&text, json_string_value(string), json_string_length(string));
	if (is_named_secret && text.len > 0) {
		*masked += strcmp(buf_str(&text), MASKED) != 0;
		return json_string(MASKED);
	}
	if (!mask(masker, MASK_ANYWHERE | MASK_WORDS, &text, &count))
		return NULL;
	*masked += count;
	return json_stringn(buf_str(&text), text.len);
}

/* New reference, or NULL where a string could not be searched. key: of the member that it is, "" for none. */
static json_t *masked_value(const struct masker *masker, const json_t *value, const char *key, size_t *masked) {
	const char *name;
	json_t *member, *changed;
	size_t index;
	if (json_is_string(value))
		return masked_string(masker, value, mask_is_secret_name(key), masked);
	if (!json_is_object(value) && !json_is_array(value))
		return json_incref((json_t *)value);
	CLEANUP(json_decref_p) json_t *copy = json_is_object(value) ? json_object() : json_array();
	json_object_foreach((json_t *)value, name, member) {
		if (!(changed = masked_value(masker, member, name, masked)))
			return NULL;
		json_object_set_new(copy, name, changed);
	}
	json_array_foreach(value, index, member) {
		if (!(changed = masked_value(masker, member, key, masked)))
			return NULL;
		json_array_append_new(copy, changed);
	}
	return json_incref(copy);
}

static bool mask_strings(const struct masker *masker, struct buf *bytes, size_t *masked) {
	struct err err;
	struct buf changed = {0};
	CLEANUP(json_decref_p) json_t *value = NULL;
	if (!json_read(buf_str(bytes), bytes->len, SOURCE_LARGEST, "", &value, &err))
		return false;
	CLEANUP(json_decref_p) json_t *copy = masked_value(masker, value, "", masked);
	if (!copy || !json_canonical(copy, &changed, &err)) {
		buf_done(&changed);
		return false;
	}
	buf_done(bytes);
	*bytes = changed;
	return true;
}

static bool has_nul(const struct buf *bytes) { return bytes->len > 0 && memchr(bytes->data, '\0', bytes->len); }

static bool mask_by(const struct masker *masker, enum treatment treatment, struct buf *bytes, size_t *masked) {
	switch (treatment) {
	case TREAT_AS_IS:
		return true;
	case TREAT_LEAVE_OUT:
		return false;
	case TREAT_STRINGS:
		return mask_strings(masker, bytes, masked);
	case TREAT_ACCOUNTS:
		mask_accounts(bytes, masked);
		return mask(masker, MASK_ANYWHERE, bytes, masked);
	case TREAT_ARGUMENTS:
		swap_bytes(bytes, '\0', '\n');
		if (!mask(masker, MASK_ANYWHERE | MASK_ARGUMENTS, bytes, masked))
			return false;
		swap_bytes(bytes, '\0', '\n');
		return true;
	case TREAT_KEYS:
		return !has_nul(bytes) && mask(masker, MASK_ANYWHERE | MASK_KEYS | MASK_WORDS, bytes, masked);
	case TREAT_WORDS:
		return !has_nul(bytes) && mask(masker, MASK_ANYWHERE | MASK_WORDS, bytes, masked);
	case TREAT_LINES:
		return !has_nul(bytes) && mask(masker, MASK_ANYWHERE | MASK_LINES, bytes, masked);
	}
	return false;
}

/* The table speaks of paths as they are written: no other way of writing one gets past it. */
static bool is_plain(const char *name) {
	return !strstr(name, "//") && !strstr(name, "/./") && !strstr(name, "/../") && !text_ends(name, "/.") &&
	       !text_ends(name, "/..");
}

static enum treatment treatment_of(const char *name) {
	if (text_starts(name, "file:") && !is_plain(name))
		return TREAT_LEAVE_OUT;
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (fnmatch(table[i].pattern, name, 0) == 0)
			return table[i].treatment;
	return TREAT_LEAVE_OUT;
}

/* A reason may repeat what a program said. */
static void mask_reason(const struct masker *masker, struct err *err, size_t *masked) {
	CLEANUP(buf_done) struct buf text = {0};
	buf_adds(&text, err->why);
	if (mask(masker, MASK_ANYWHERE | MASK_LINES, &text, masked))
		snprintf(err->why, sizeof err->why, "%s", buf_str(&text));
	else
		snprintf(err->why, sizeof err->why, "its reason was left out");
}

struct redaction redact(const struct masker *masker, struct source *source) {
	struct redaction done = {0};
	if (source->err.code) {
		mask_reason(masker, &source->err, &done.masked);
		return done;
	}
	json_decref(source->json);
	source->json = NULL;
	if (mask_by(masker, treatment_of(source->name), &source->bytes, &done.masked)) {
		source->sha256 = hash_of(source->bytes.data, source->bytes.len);
		return done;
	}
	buf_done(&source->bytes);
	err_set(&source->err, ERR_DENIED, source->name, "left out of the capture");
	return (struct redaction){.is_left_out = true};
}
