#include "core/pam_managed.h"

#include <ctype.h>

#include "core/lines.h"
#include "core/text.h"

#define SAVED "file:/var/lib/pam/auth"
#define COMMON "file:/etc/pam.d/common-auth"
#define SELECTED "file:/etc/authselect/authselect.conf"
#define SYSTEM_AUTH "stat:/etc/pam.d/system-auth"

void pam_managed_ask(struct names *names) {
	names_add(names, SAVED);
	names_add(names, COMMON);
	names_add(names, SELECTED);
	names_add(names, SYSTEM_AUTH);
}

/* "[success=end default=ignore]  pam_unix.so  nullok" without where jumps lead, which depends on the other lines, and
 * with single blanks. */
static void add_plain(struct buf *text, const char *line) {
	bool in_bracket = false, gap = false, empty = true;
	for (const char *at = line; *at; at++) {
		in_bracket = (in_bracket || *at == '[') && *at != ']';
		if (isspace((unsigned char)*at)) {
			gap = !empty;
			continue;
		}
		if (in_bracket &&
		    (isdigit((unsigned char)*at) || (text_starts(at, "end") && at > line && at[-1] == '='))) {
			at += isdigit((unsigned char)*at) ? 0 : 2;
			continue;
		}
		buf_adds(text, gap ? " " : "");
		buf_add(text, at, 1);
		gap = empty = false;
	}
	buf_adds(text, empty ? "" : "\n");
}

static bool plain_saved(const struct source *source, struct buf *text, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	char *line;
	while ((line = lines_next(&lines)))
		if (!text_starts(line, "Module:"))
			add_plain(text, line);
	return lines_ok(&lines, err);
}

/* The lines of the two blocks that pam-auth-update writes. */
static bool plain_current(const struct source *source, struct buf *text, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	bool in_block = false;
	char *line;
	while ((line = lines_next(&lines))) {
		if (text_starts(line, "# here are the per-package modules") ||
		    text_starts(line, "# and here are more per-package modules"))
			in_block = true;
		else if (text_starts(line, "# here's the fallback") || text_starts(line, "# end of pam-auth-update"))
			in_block = false;
		else if (in_block && *line != '#')
			add_plain(text, line + (text_starts(line, "auth") ? strlen("auth") : 0));
	}
	return lines_ok(&lines, err);
}

static bool is_link_of_authselect(const json_t *stat) {
	const char *link = json_string_value(json_object_get(stat, "link"));
	return link && text_ends(link, "authselect/system-auth");
}

bool pam_managed_read(const struct sources *fetched, const char **ret_tool, bool *ret_changed, struct err *err) {
	CLEANUP(buf_done) struct buf was = {0};
	CLEANUP(buf_done) struct buf is = {0};
	const struct source *saved, *common, *selected;
	json_t *stat;
	if (!source_maybe(fetched, SAVED, &saved, err) || !source_maybe(fetched, COMMON, &common, err) ||
	    !source_maybe(fetched, SELECTED, &selected, err) || !source_maybe_json(fetched, SYSTEM_AUTH, &stat, err))
		return false;
	if (saved && common && (!plain_saved(saved, &was, err) || !plain_current(common, &is, err)))
		return false;
	*ret_tool = saved && common ? "pam-auth-update" : selected ? "authselect" : NULL;
	*ret_changed =
		saved && common ? strcmp(buf_str(&was), buf_str(&is)) != 0 : selected && !is_link_of_authselect(stat);
	return true;
}
