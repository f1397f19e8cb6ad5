#include "core/err.h"

#include <errno.h>
#include <stdarg.h>

#include "core/text.h"

static const char *const code_names[] = {
	[ERR_NONE] = "none",
	[ERR_ABSENT] = "absent",
	[ERR_DENIED] = "denied",
	[ERR_UNREADABLE] = "unreadable",
	[ERR_MALFORMED] = "malformed",
	[ERR_TIMEOUT] = "timeout",
	[ERR_UNPROVED] = "unproved",
	[ERR_UNAPPROVED] = "unapproved",
	[ERR_SYNTAX] = "syntax",
	[ERR_TOO_BIG] = "too big",
	[ERR_IO] = "i/o",
	[ERR_CRYPTO] = "crypto",
	[ERR_REFUSED] = "refused",
	[ERR_USAGE] = "usage",
};

#undef err_set
#undef err_set_at
#undef err_errno

static bool fill(struct err *err, enum err_code code, const char *where, unsigned line, unsigned column,
		 const char *why, va_list arguments) __attribute__((format(printf, 6, 0)));

static bool fill(struct err *err, enum err_code code, const char *where, unsigned line, unsigned column,
		 const char *why, va_list arguments) {
	*err = (struct err){.code = code, .line = line, .column = column};
	snprintf(err->where, sizeof err->where, "%s", where ? where : "");
	vsnprintf(err->why, sizeof err->why, why, arguments);
	text_replace_controls(err->where);
	text_replace_controls(err->why);
	return false;
}

bool err_set(struct err *err, enum err_code code, const char *where, const char *why, ...) {
	va_list arguments;
	va_start(arguments, why);
	fill(err, code, where, 0, 0, why, arguments);
	va_end(arguments);
	return false;
}

bool err_set_at(struct err *err, enum err_code code, const char *where, unsigned line, unsigned column, const char *why,
		...) {
	va_list arguments;
	va_start(arguments, why);
	fill(err, code, where, line, column, why, arguments);
	va_end(arguments);
	return false;
}

bool err_errno(struct err *err, int error, enum err_code otherwise, const char *where, const char *what) {
	enum err_code code = error == ENOENT || error == ENOTDIR ? ERR_ABSENT
			     : error == EACCES || error == EPERM ? ERR_DENIED
			     : error == ETIMEDOUT                ? ERR_TIMEOUT
								 : otherwise;
	const char *name = strerrorname_np(error);
	return err_set(err, code, where, "%s: %s (%s)", what, name ? name : "errno", strerrordesc_np(error));
}

bool err_is_of_look(enum err_code code) { return code >= ERR_ABSENT && code <= ERR_UNAPPROVED; }

const char *err_code_name(enum err_code code) {
	return (size_t)code < ARRAY_LEN(code_names) ? code_names[code] : "unknown";
}

enum err_code err_code_from_name(const char *name) {
	for (size_t i = 1; i < ARRAY_LEN(code_names); i++)
		if (!strcmp(code_names[i], name))
			return (enum err_code)i;
	return ERR_NONE;
}

char *err_text(const struct err *err, char *text, size_t size) {
	char position[32] = "";
	if (err->line && err->column)
		snprintf(position, sizeof position, ":%u:%u", err->line, err->column);
	else if (err->line)
		snprintf(position, sizeof position, ":%u", err->line);
	/* Names of sources such as "mounts:" bring the colon along. */
	size_t len = strlen(err->where);
	const char *between = len == 0 ? "" : !*position && err->where[len - 1] == ':' ? " " : ": ";
	snprintf(text, size, "%s%s%s%s", err->where, position, between, err->why);
	return text;
}
