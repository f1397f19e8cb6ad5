#include "sources/shadow.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/text.h"
#include "sources/fetch.h"
#include "sources/fixture.h"
#include "sources/kind.h"

#define SHADOW_PATH "/etc/shadow"
#define FIELDS 9
#define NUMBER_LONGEST 12

enum field { NAME, HASH, LAST_CHANGE, MIN_DAYS, MAX_DAYS, WARN_DAYS, INACTIVE_DAYS, EXPIRE };

/* Part of the text, not terminated: so that no copy of a hash is made anywhere. */
struct part {
	const char *at;
	size_t len;
};

static bool part_starts(const struct part *part, const char *prefix) {
	return part->len >= strlen(prefix) && !memcmp(part->at, prefix, strlen(prefix));
}

static bool is_des(const struct part *hash) {
	static const char letters[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	for (size_t i = 0; i < hash->len; i++)
		if (!memchr(letters, hash->at[i], sizeof letters - 1))
			return false;
	return hash->len == 13;
}

static const char *scheme_of(struct part hash) {
	static const char *const prefixes[] = {"$y$", "$gy$", "$7$", "$2a$",  "$2b$",   "$2x$", "$2y$",
					       "$6$", "$5$",  "$1$", "$md5$", "$sha1$", "$3$",  "_"};
	while (hash.len > 0 && *hash.at == '!') {
		hash.at++;
		hash.len--;
	}
	if (hash.len == 0 || (hash.len == 1 && *hash.at == '*'))
		return "";
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (part_starts(&hash, prefixes[i]))
			return prefixes[i];
	return is_des(&hash) ? "des" : "unknown";
}

/* Exactly nine fields between colons. */
static bool split(const struct part *line, struct part fields[FIELDS]) {
	const char *at = line->at, *end = line->at + line->len;
	for (size_t i = 0; i < FIELDS; i++) {
		const char *colon = memchr(at, ':', (size_t)(end - at));
		if ((colon != NULL) != (i < FIELDS - 1))
			return false;
		fields[i] = (struct part){at, (size_t)((colon ? colon : end) - at)};
		at = colon ? colon + 1 : end;
	}
	return true;
}

/* A number of days, null for none. */
static bool days(const struct part *field, json_t **ret_number) {
	char text[NUMBER_LONGEST + 1] = "";
	unsigned long long value;
	if (field->len > NUMBER_LONGEST)
		return false;
	memcpy(text, field->at, field->len);
	if (!text[0] || !strcmp(text, "-1")) {
		*ret_number = json_null();
		return true;
	}
	if (!text_to_u64(text, 1ULL << 32, &value))
		return false;
	*ret_number = json_integer((json_int_t)value);
	return true;
}

static bool read_line(const struct part *line, json_t *list) {
	struct part fields[FIELDS];
	json_t *numbers[FIELDS] = {0};
	bool is_whole = split(line, fields) && fields[NAME].len > 0;
	for (size_t i = LAST_CHANGE; is_whole && i <= EXPIRE; i++)
		is_whole = days(&fields[i], &numbers[i]);
	const struct part *hash = &fields[HASH];
	if (is_whole)
		json_array_append_new(list, json_pack("{s:o,s:s,s:b,s:b,s:O,s:O,s:O}", "name",
						      json_textn(fields[NAME].at, fields[NAME].len), "scheme",
						      scheme_of(*hash), "locked",
						      hash->len > 0 && (*hash->at == '!' || *hash->at == '*'), "empty",
						      hash->len == 0, "last_change", numbers[LAST_CHANGE], "max_days",
						      numbers[MAX_DAYS], "expire", numbers[EXPIRE]));
	for (size_t i = 0; i < FIELDS; i++)
		json_decref(numbers[i]);
	return is_whole;
}

bool shadow_parse(const char *data, size_t len, const char *where, json_t **ret_list, struct err *err) {
	CLEANUP(json_decref_p) json_t *list = json_array();
	const char *at = data, *end = data + len;
	for (unsigned number = 1; at < end; number++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		struct part line = {at, (size_t)((newline ? newline : end) - at)};
		at = newline ? newline + 1 : end;
		for (; line.len > 0 && (*line.at == ' ' || *line.at == '\t'); line.at++, line.len--)
			; /* glibc passes over it too */
		if (memchr(line.at, '\0', line.len))
			return err_set_at(err, ERR_MALFORMED, where, number, 0, "NUL byte");
		if (line.len > 0 && *line.at != '#' && !read_line(&line, list))
			return err_set_at(err, ERR_MALFORMED, where, number, 0,
					  "not nine fields as shadow(5) has them");
	}
	*ret_list = json_incref(list);
	return true;
}

/* Into one piece of memory that is cleansed afterwards: a growing buffer would leave copies behind. */
struct secret {
	char *data;
	size_t len;
};

static void secret_done(struct secret *secret) {
	if (secret->data)
		explicit_bzero(secret->data, secret->len);
	free(secret->data);
}

static bool read_secret(const struct ask *ask, int fd, struct secret *secret, struct err *err) {
	secret->data = xmalloc(SHADOW_LARGEST + 1);
	for (;;) {
		ssize_t got = read(fd, secret->data + secret->len, SHADOW_LARGEST + 1 - secret->len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(err, errno, ERR_UNREADABLE, ask->name, "read");
		secret->len += (size_t)got;
		if (got == 0)
			return true;
		if (secret->len > SHADOW_LARGEST)
			return err_set(err, ERR_UNREADABLE, ask->name, "over the cap of %u bytes", SHADOW_LARGEST);
	}
}

static bool look_shadow(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	struct stat status;
	const struct fixture *fixture = ask->place->fixture;
	if (fixture && !fixture_permits(fixture, ask->name, SHADOW_PATH, err))
		return false;
	CLEANUP(close_fd) int fd = place_open(ask->place, SHADOW_PATH, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return err_errno(err, errno, ERR_UNREADABLE, ask->name, "open " SHADOW_PATH);
	if (!place_fstat(ask->place, fd, SHADOW_PATH, &status) || !S_ISREG(status.st_mode))
		return err_set(err, ERR_UNREADABLE, ask->name, SHADOW_PATH " is not a regular file");
	CLEANUP(secret_done) struct secret secret = {0};
	CLEANUP(json_decref_p) json_t *list = NULL;
	return read_secret(ask, fd, &secret, err) && shadow_parse(secret.data, secret.len, ask->name, &list, err) &&
	       answer_json(ask, list, ret_answer, err);
}

const struct kind kind_shadow = {.prefix = "shadow:",
				 .is_whole = true,
				 .helper = HELPER_FS,
				 .deadline_ms = FETCH_DEADLINE_MS,
				 .below_root = true,
				 .look = look_shadow};
