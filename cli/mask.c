#include "cli/mask.h"

#include <pcre2.h>

#include "core/text.h"

/* The end of a name that says secret. */
#define SECRET                                                                                                         \
	"(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|psk|\\bpin|credentials?|community"                           \
	"|(?:api|access|account|auth|client|encryption|pre-?shared|private|secret|shared|signing|master|storage)"      \
	"[_. -]?key)\"?"
/* Not masked: switches (with this behind them), paths, and what is masked already. */
#define HARMLESS(end)                                                                                                  \
	"(?![\"']?(?:(?:yes|no|true|false|on|off|none|null|masked)[\"']?(?:" end "|[,;}\\]\\r\\n]|\\z)"                \
	"|(?:file:)?/(?:etc|usr|var|run|home|root|opt|srv|boot|dev|mnt|media|proc|sys|tmp)/|\\$\\w+/))"
#define HARMLESS_WORD HARMLESS("\\s")
#define HARMLESS_LINE HARMLESS("[ \\t]*[\\r\\n#]")
#define QUOTED "(\")[^\"\\n]+\"|(')[^'\\n]+'"

static const struct {
	unsigned styles;
	uint32_t options;
	const char *pattern, *replacement;
} masks[] = {
	{MASK_ANYWHERE, PCRE2_DOTALL,
	 "(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----\\s*+(?:(?:Proc-Type|DEK-Info):[^\\n]*\\s*+)*+)"
	 "(?!masked)(?:.*?(\\s*-----END [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----)|.*)",
	 "${1}masked$2"},
	{MASK_ANYWHERE, 0, "([a-z][a-z0-9+.-]{0,20}://)(?!masked@)[^\\s/\"'<>@][^\\s/\"'<>]*@", "${1}masked@"},
	{MASK_ANYWHERE, 0, "\\$(y|gy|7|2[abxy]|6|5|1|3|md5|sha1|apr1|argon2[a-z]*|scrypt)\\$(?!masked)[^\\s:\"',;]{6,}",
	 "$$$1$$masked"},
	{MASK_ANYWHERE, 0, "(grub\\.pbkdf2\\.)(?!masked)[^\\s\"',;]+", "${1}masked"},
	{MASK_ANYWHERE, 0, "(authorization\\W{1,6}(?:basic|bearer|digest|token)[ \\t]+)(?!masked)[^\\n\"']+",
	 "${1}masked"},
	{MASK_ANYWHERE, 0,
	 "\\b(?:AKIA[0-9A-Z]{16}|gh[opsur]_[0-9A-Za-z]{30,}|glpat-[\\w-]{20,}|xox[abprs]-[\\w-]{10,}"
	 "|eyJ[\\w-]{8,}\\.eyJ[\\w.-]{8,})",
	 "masked"},
	/* To the end of the line first: what remains of it might be the rest of a value. */
	{MASK_LINES, 0,
	 "(" SECRET "[ \\t]*:[ \\t]*[|>][-+0-9]*[ \\t]*\\n)(?![ \\t]+masked\\n)(?:[ \\t]+[^\\n]*(?:\\n|\\z))+",
	 "$1  masked\n"},
	{MASK_LINES, 0, "(" SECRET "[ \\t]*[:=][ \\t]*)" HARMLESS_LINE "(?|" QUOTED "|()[^\\s\"'|>][^\\n]*)",
	 "$1$2masked$2"},
	{MASK_LINES, PCRE2_MULTILINE,
	 "^([ \\t]*[\\w.-]{0,40}(?:password|passwd|passphrase|secret|community)[ \\t]+)" HARMLESS_LINE "(?|" QUOTED
	 "|()[^\\s\"':=][^\\n]*)",
	 "$1$2masked$2"},
	{MASK_WORDS | MASK_LINES | MASK_ARGUMENTS, 0,
	 "(" SECRET "[ \\t]?=[ \\t]?)" HARMLESS_WORD "(?|" QUOTED "|()[^\\s,;\"']+)", "$1$2masked$2"},
	{MASK_WORDS | MASK_LINES | MASK_ARGUMENTS, 0, "(" SECRET "[ \\t]*:[ \\t]*)(?!\"masked\")(\")[^\"\\n]+\"",
	 "$1$2masked$2"},
	{MASK_WORDS | MASK_LINES | MASK_ARGUMENTS, 0, "(\\bpass:)(?!masked)[^\\s\"']+", "${1}masked"},
	{MASK_WORDS | MASK_LINES, 0,
	 "(--?[\\w-]{0,40}" SECRET "[ \\t]+)" HARMLESS_WORD "(?|" QUOTED "|()[^\\s\"'-][^\\s\"']*)", "$1$2masked$2"},
	{MASK_ARGUMENTS, PCRE2_MULTILINE, "^(--?[\\w-]{0,40}" SECRET "\\n)" HARMLESS_WORD "[^\\n-][^\\n]*",
	 "${1}masked"},
	{MASK_ARGUMENTS, PCRE2_MULTILINE, "^((?:-u|--user)\\n[^\\n:]+:)(?!masked)[^\\n]+", "${1}masked"},
	{MASK_ARGUMENTS, PCRE2_MULTILINE, "^(-p)(?!masked)(?=[^\\n]*[a-z])[^\\n]+", "${1}masked"},
	{MASK_KEYS, 0, "((?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[\\w@.-]{1,60}[ \\t]+[A-Za-z0-9+/]+=*)[ \\t]+[^\\n]+", "$1"},
};

struct masker {
	pcre2_code *codes[ARRAY_LEN(masks)];
	pcre2_match_context *limits;
};

#define STEPS_MOST 1000000
#define HEAP_MOST_KIB 65536

struct masker *masker_new(void) {
	struct masker *masker = xcalloc(1, sizeof *masker);
	int error;
	PCRE2_SIZE offset;
	masker->limits = pcre2_match_context_create(NULL);
	if (!masker->limits)
		abort();
	pcre2_set_match_limit(masker->limits, STEPS_MOST);
	pcre2_set_heap_limit(masker->limits, HEAP_MOST_KIB);
	for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
		masker->codes[i] = pcre2_compile((PCRE2_SPTR)masks[i].pattern, PCRE2_ZERO_TERMINATED,
						 masks[i].options | PCRE2_CASELESS, &error, &offset, NULL);
		if (!masker->codes[i])
			abort(); /* the patterns are constant: a test compiles them */
	}
	return masker;
}

void masker_free(struct masker *masker) {
	if (!masker)
		return;
	for (size_t i = 0; i < ARRAY_LEN(masks); i++)
		pcre2_code_free(masker->codes[i]);
	pcre2_match_context_free(masker->limits);
	free(masker);
}

static int substitute(const struct masker *masker, size_t index, const struct buf *from, struct buf *to) {
	PCRE2_SIZE len = from->len * 2 + 256;
	const char *replacement = masks[index].replacement;
	for (int turn = 0; turn < 2; turn++) {
		char *room = buf_room(to, len);
		int count = pcre2_substitute(
			masker->codes[index], (PCRE2_SPTR)buf_str(from), from->len, 0,
			PCRE2_SUBSTITUTE_GLOBAL | PCRE2_SUBSTITUTE_OVERFLOW_LENGTH | PCRE2_SUBSTITUTE_UNSET_EMPTY, NULL,
			masker->limits, (PCRE2_SPTR)replacement, PCRE2_ZERO_TERMINATED, (PCRE2_UCHAR *)room, &len);
		if (count >= 0)
			to->len += len;
		if (count != PCRE2_ERROR_NOMEMORY)
			return count;
	}
	return PCRE2_ERROR_NOMEMORY;
}

bool mask(const struct masker *masker, unsigned styles, struct buf *text, size_t *masked) {
	for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
		if (!(masks[i].styles & styles) || text->len == 0)
			continue;
		struct buf changed = {0};
		int count = substitute(masker, i, text, &changed);
		if (count <= 0) {
			buf_done(&changed);
			if (count < 0)
				return false;
			continue;
		}
		buf_done(text);
		*text = changed;
		*masked += (size_t)count;
	}
	return true;
}

bool mask_is_secret_name(const char *name) {
	static const char *const ends[] = {"password", "passwd", "passphrase", "secret",     "token",      "psk",
					   "Password", "Secret", "Token",      "PrivateKey", "private_key"};
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (text_ends(name, ends[i]))
			return true;
	return false;
}
