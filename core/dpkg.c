#include "core/dpkg.h"

#include <ctype.h>

/* Of a character outside the runs of digits: ~ sorts before the end, the end before letters, letters before the rest.
 */
static int weight(char c) {
	if (c == '~')
		return -1;
	if (c == '\0' || isdigit((unsigned char)c))
		return 0;
	return isalpha((unsigned char)c) ? (unsigned char)c : (unsigned char)c + 256;
}

static int compare_numbers(const char **a, const char **b) {
	int first_difference = 0;
	while (**a == '0')
		++*a;
	while (**b == '0')
		++*b;
	while (isdigit((unsigned char)**a) && isdigit((unsigned char)**b)) {
		if (!first_difference)
			first_difference = **a - **b;
		++*a;
		++*b;
	}
	if (isdigit((unsigned char)**a))
		return 1;
	if (isdigit((unsigned char)**b))
		return -1;
	return first_difference;
}

/* Runs of other characters and runs of digits in turn. */
static int compare_part(const char *a, const char *b) {
	while (*a || *b) {
		while ((*a && !isdigit((unsigned char)*a)) || (*b && !isdigit((unsigned char)*b))) {
			int difference = weight(*a) - weight(*b);
			if (difference)
				return difference;
			a++;
			b++;
		}
		int difference = compare_numbers(&a, &b);
		if (difference)
			return difference;
	}
	return 0;
}

struct version {
	char *text; /* owned; the parts lie in it */
	const char *epoch, *upstream, *revision;
};

static void version_done(struct version *version) { free(version->text); }

static struct version version_of(const char *text) {
	struct version version = {.text = xstrdup(text), .epoch = "", .revision = ""};
	char *colon = strchr(version.text, ':'), *rest = version.text;
	if (colon) {
		*colon = '\0';
		version.epoch = version.text;
		rest = colon + 1;
	}
	char *dash = strrchr(rest, '-');
	if (dash) {
		*dash = '\0';
		version.revision = dash + 1;
	}
	version.upstream = rest;
	return version;
}

int dpkg_version_compare(const char *a, const char *b) {
	CLEANUP(version_done) struct version first = version_of(a);
	CLEANUP(version_done) struct version second = version_of(b);
	int difference = compare_part(first.epoch, second.epoch);
	if (!difference)
		difference = compare_part(first.upstream, second.upstream);
	return difference ? difference : compare_part(first.revision, second.revision);
}

bool is_dpkg_text(struct dpkg_text text, const char *other) {
	return text.at && strlen(other) == text.len && !memcmp(text.at, other, text.len);
}

char *dpkg_text_dup(struct dpkg_text text) { return text.at ? xstrndup(text.at, text.len) : NULL; }

bool is_dpkg_present(const struct dpkg_package *package) {
	return !is_dpkg_text(package->state, "not-installed") && !is_dpkg_text(package->state, "config-files");
}

static struct dpkg_text trimmed(const char *at, const char *end) {
	while (at < end && isspace((unsigned char)*at))
		at++;
	while (end > at && isspace((unsigned char)end[-1]))
		end--;
	return (struct dpkg_text){at, (size_t)(end - at)};
}

/* "install ok installed" */
static void take_status(struct dpkg_package *package, struct dpkg_text value) {
	struct dpkg_text *const words[] = {&package->want, &package->flag, &package->state};
	const char *at = value.at, *end = value.at + value.len;
	for (size_t i = 0; i < ARRAY_LEN(words) && at < end; i++) {
		const char *space = memchr(at, ' ', (size_t)(end - at));
		const char *word_end = space ? space : end;
		*words[i] = (struct dpkg_text){at, (size_t)(word_end - at)};
		at = space ? space + 1 : end;
	}
}

static bool is_field(const char *line, size_t len, const char *field, size_t field_len) {
	return len > field_len && line[field_len] == ':' && !strncasecmp(line, field, field_len);
}

static void take_line(struct dpkg_package *package, const char *line, size_t len) {
	static const struct {
		const char *field;
		size_t len, offset;
	} known[] = {
		{"Package", 7, offsetof(struct dpkg_package, name)},
		{"Version", 7, offsetof(struct dpkg_package, version)},
		{"Architecture", 12, offsetof(struct dpkg_package, architecture)},
		{"Source", 6, offsetof(struct dpkg_package, source)},
	};
	if (is_field(line, len, "Status", 6))
		take_status(package, trimmed(line + 7, line + len));
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (is_field(line, len, known[i].field, known[i].len))
			*(struct dpkg_text *)((char *)package + known[i].offset) =
				trimmed(line + known[i].len + 1, line + len);
}

/* "openssl (3.0.1)" names the source of another version. */
static void cut_source(struct dpkg_text *source) {
	const char *bracket = source->at ? memchr(source->at, '(', source->len) : NULL;
	if (bracket)
		*source = trimmed(source->at, bracket);
}

struct paragraphs {
	const char *where, *at, *end;
	unsigned line; /* the number of the line that begins at `at` */
};

/* The next paragraph; *ret_line is where it begins. False at the end. */
static bool paragraph_next(struct paragraphs *all, struct dpkg_package *package, unsigned *ret_line) {
	bool any = false;
	for (; all->at < all->end; all->line++) {
		const char *text = all->at;
		const char *newline = memchr(text, '\n', (size_t)(all->end - text));
		size_t len = (size_t)((newline ? newline : all->end) - text);
		if (len == 0 && any)
			return true;
		all->at = newline ? newline + 1 : all->end;
		if (len == 0)
			continue;
		if (!any)
			*ret_line = all->line;
		any = true;
		take_line(package, text, len);
	}
	return any;
}

bool dpkg_status_read(const struct source *status,
		      bool (*use)(void *context, const struct dpkg_package *package, struct err *err), void *context,
		      struct err *err) {
	const char *bytes = buf_str(&status->bytes);
	struct paragraphs all = {status->name, bytes, bytes + status->bytes.len, 1};
	unsigned line = 0, count = 0;
	struct dpkg_package package = {0};
	for (; paragraph_next(&all, &package, &line); package = (struct dpkg_package){0}) {
		if (!package.name.at || !package.state.at)
			return err_set_at(err, ERR_MALFORMED, status->name, line, 0, "no Package or Status here");
		if (++count > DPKG_PACKAGES_MOST)
			return err_set(err, ERR_UNREADABLE, status->name, "more than %d packages", DPKG_PACKAGES_MOST);
		cut_source(&package.source);
		if (!use(context, &package, err))
			return false;
	}
	return count > 0 || err_set(err, ERR_MALFORMED, status->name, "no packages in it");
}
