#include "core/password.h"

#include <stddef.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"

static const struct {
	const char *prefix, *scheme;
} schemes[] = {
	{"$y$", "yescrypt"},    {"$gy$", "gost-yescrypt"},
	{"$7$", "scrypt"},      {"$2a$", "bcrypt"},
	{"$2b$", "bcrypt"},     {"$2x$", "bcrypt"},
	{"$2y$", "bcrypt"},     {"$6$", "sha512crypt"},
	{"$5$", "sha256crypt"}, {"$sha1$", "sha1crypt"},
	{"$md5", "sunmd5"},     {"$1$", "md5crypt"},
	{"$3$", "nt"},          {"$", "other"},
};

static bool has_only_hash_characters(const char *text) {
	return text[strspn(text, "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")] == '\0';
}

const char *password_scheme(const char *field) {
	const char *hash = field + strspn(field, "!");
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (text_starts(hash, schemes[i].prefix))
			return schemes[i].scheme;
	if (hash[0] == '_' && strlen(hash) == 20 && has_only_hash_characters(hash + 1))
		return "bsdicrypt";
	return strlen(hash) == 13 && has_only_hash_characters(hash) ? "descrypt" : NULL;
}

bool password_is_locked(const char *field) { return field[0] == '!' || (field[0] && !password_scheme(field)); }
