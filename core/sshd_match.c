#include "core/sshd_match.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"

/* * stands for anything, ? for one character; nothing else is special. */
static bool fits_pattern(const char *text, const char *pattern) {
	const char *star = NULL, *from = NULL;
	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			from = text;
		} else if (*pattern == '?' || *pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++from;
		} else {
			return false;
		}
	}
	return pattern[strspn(pattern, "*")] == '\0';
}

static bool same_bits(const unsigned char *a, const unsigned char *b, size_t bits) {
	size_t whole = bits / 8, rest = bits % 8;
	return !memcmp(a, b, whole) && (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

static bool fits_network(const char *text, const char *network, const char *slash) {
	CLEANUP(free_ptr) char *first = xstrndup(network, (size_t)(slash - network));
	unsigned char a[16], b[16];
	unsigned long long bits;
	int family = strchr(first, ':') ? AF_INET6 : AF_INET;
	return inet_pton(family, first, a) == 1 && inet_pton(family, text, b) == 1 &&
	       text_to_u64(slash + 1, family == AF_INET ? 32 : 128, &bits) && same_bits(a, b, (size_t)bits);
}

static bool fits_address(const char *text, const char *pattern) {
	const char *slash = strchr(pattern, '/');
	return slash ? fits_network(text, pattern, slash) : fits_pattern(text, pattern);
}

bool sshd_match(const char *key, const char *patterns, const char *value) {
	CLEANUP(free_ptr) char *copy = xstrdup(patterns);
	char *at = copy, *pattern;
	bool is_address = !strcmp(key, "address") || !strcmp(key, "localaddress"), found = false;
	while ((pattern = strsep(&at, ","))) {
		bool excludes = *pattern == '!';
		pattern += excludes;
		if (is_address ? !fits_address(value, pattern) : !fits_pattern(value, pattern))
			continue;
		if (excludes)
			return false;
		found = true;
	}
	return found;
}
