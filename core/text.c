#include "core/text.h"

#include <ctype.h>

#include "core/buf.h"

/* C0, DEL, and C1 as UTF-8 writes it (C2 80 to C2 9F), which terminals obey as well. */
void text_replace_controls(char *text) {
	for (unsigned char *p = (unsigned char *)text; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
		else if (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
			p[0] = p[1] = '?';
	}
}

bool text_starts(const char *text, const char *prefix) { return !strncmp(text, prefix, strlen(prefix)); }

bool text_ends(const char *text, const char *suffix) {
	size_t text_len = strlen(text), suffix_len = strlen(suffix);
	return text_len >= suffix_len && !strcmp(text + text_len - suffix_len, suffix);
}

bool text_is_one_of(const char *text, const char *const *words, size_t count) {
	for (size_t i = 0; text && i < count; i++)
		if (!strcmp(words[i], text))
			return true;
	return false;
}

char *text_trim(char *text) {
	while (isspace((unsigned char)*text))
		text++;
	size_t len = strlen(text);
	while (len > 0 && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
	return text;
}

bool text_to_u64(const char *text, unsigned long long max, unsigned long long *ret_value) {
	unsigned long long value = 0;
	if (!*text || (text[0] == '0' && text[1]))
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		unsigned digit = (unsigned)(*text - '0');
		if (digit > max || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*ret_value = value;
	return true;
}

bool text_to_mode(const char *text, unsigned *ret_mode) {
	unsigned mode = 0;
	size_t len = strlen(text);
	if (len == 0 || len > 5)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '7')
			return false;
		mode = mode * 8 + (unsigned)(*text - '0');
	}
	if (mode > 07777)
		return false;
	*ret_mode = mode;
	return true;
}

char *text_percent_encode(const char *text) {
	struct buf encoded = {0};
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (isalnum(*p) || *p == '.' || *p == '_' || *p == '-')
			buf_add(&encoded, p, 1);
		else
			buf_addf(&encoded, "%%%02X", *p);
	}
	return buf_take(&encoded);
}

char *text_word(char **rest) {
	char *word = *rest + strspn(*rest, " \t");
	if (!*word)
		return NULL;
	char *end = word + strcspn(word, " \t");
	*rest = *end ? end + 1 : end;
	*end = '\0';
	return word;
}
