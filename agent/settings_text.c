#include "agent/settings_text.h"

#include <string.h>

#include "agent/settings.h"

#define COLUMNS 100

static const char *const type_names[] = {
	[SETTING_WORD] = "a word",           [SETTING_WORDS] = "a list of words",
	[SETTING_PATH] = "an absolute path", [SETTING_PATHS] = "a list of absolute paths",
	[SETTING_BOOL] = "true or false",    [SETTING_SIZE] = "a size",
};

static const char *default_of(const struct setting *key) { return key->meaning ? key->meaning : key->otherwise; }

void settings_help(struct buf *text) {
	const struct setting *key;
	for (size_t i = 0; (key = settings_key(i)); i++)
		buf_addf(text, "  %-16s %s (default: %s)\n", key->name, key->about, default_of(key));
}

/* A sentence of the table: its first letter is a capital, and it ends with a point. */
static void add_sentence(struct buf *text, const char *about) {
	size_t at = text->len;
	buf_addf(text, "%s.", about);
	if (text->data[at] >= 'a' && text->data[at] <= 'z')
		text->data[at] -= 'a' - 'A';
}

/* All that is said of a key, with words for its default. The default itself goes at an end of its own: pages are the
 * same whatever the folder of the configuration is. */
static char *said_of(const struct setting *key, bool is_shown) {
	struct buf text = {0};
	add_sentence(&text, key->about);
	buf_addf(&text, " %s Written as %s.", key->more, type_names[key->type]);
	if (key->meaning || !is_shown)
		buf_addf(&text, " Default: %s.", default_of(key));
	return buf_take(&text);
}

/* --- the example */

static void add_wrapped(struct buf *text, const char *said) {
	size_t column = 1;
	buf_adds(text, "#");
	for (const char *word = said; *word;) {
		size_t len = strcspn(word, " ");
		if (column + 1 + len > COLUMNS) {
			buf_adds(text, "\n#");
			column = 1;
		}
		buf_addf(text, " %.*s", (int)len, word);
		column += 1 + len;
		word += len + strspn(word + len, " ");
	}
	buf_adds(text, "\n");
}

void settings_example(struct buf *text) {
	const struct setting *key;
	buf_adds(text, "# vouchd's configuration, " SETTINGS_FILE ": every key with its default. What is left out or\n"
		       "# stays a comment is as it stands here. After a change: systemctl reload vouchd. See "
		       "vouchd.yaml(5).\n");
	for (size_t i = 0; (key = settings_key(i)); i++) {
		CLEANUP(free_ptr) char *said = said_of(key, true);
		buf_adds(text, "\n");
		add_wrapped(text, said);
		buf_addf(text, "#%s: %s\n", key->name, key->otherwise);
	}
}

/* --- the manual page */

/* A line may begin with neither '.' nor '\'', which none of the table's does; '-' and '\' are written for what they
 * are. */
static void add_roff(struct buf *text, const char *said) {
	for (const char *at = said; *at; at++)
		if (*at == '-')
			buf_adds(text, "\\-");
		else if (*at == '\\')
			buf_adds(text, "\\e");
		else
			buf_add(text, at, 1);
	buf_adds(text, "\n");
}

static const char man_head[] =
	".TH VOUCHD.YAML 5 2026-11-22 \"vouch " VOUCH_VERSION "\" \"System Administration\"\n"
	".SH NAME\n"
	"vouchd.yaml \\- configuration of vouchd\n"
	".SH SYNOPSIS\n"
	".I " SETTINGS_FILE "\n"
	".SH DESCRIPTION\n"
	"A YAML mapping. It need not exist, and what it leaves out has its default. A key that does not exist and a "
	"value\n"
	"that is not one are refused with file, line and column:\n"
	".BR vouchd (8)\n"
	"does not start by such a file, and a reload\n"
	".RB ( \"systemctl reload vouchd\" )\n"
	"keeps what was read before and says so in the journal. A reload takes every key up; nothing of a round is "
	"lost\n"
	"by it.\n"
	".PP\n"
	"The file, what it names, and the folders on the way have to be root's, or vouchd's own user's, and nobody "
	"else may\n"
	"write them, nor any group but root's: what others may write is refused like a mistake in it.\n"
	".PP\n"
	"Sizes are written 512K, 256M or 2G. What YAML would read as something else is put in quotes.\n"
	".SH KEYS\n";

static const char man_tail[] = ".SH FILES\n"
			       ".TP\n"
			       ".I /usr/share/doc/vouch/examples/vouchd.yaml\n"
			       "Every key with its default, in comments.\n"
			       ".SH SEE ALSO\n"
			       ".BR vouchd (8),\n"
			       ".BR vouch (1)\n";

void settings_man(struct buf *text) {
	const struct setting *key;
	buf_adds(text, man_head);
	for (size_t i = 0; (key = settings_key(i)); i++) {
		CLEANUP(free_ptr) char *said = said_of(key, false);
		buf_addf(text, ".TP\n.B %s\n", key->name);
		add_roff(text, said);
	}
	buf_adds(text, man_tail);
}
