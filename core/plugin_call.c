#include "core/plugin_call.h"

#include <ctype.h>
#include <string.h>

#include "core/text.h"

void plugin_call_done(struct plugin_call *call) {
	for (char **argument = call->arguments; *argument; argument++)
		free(*argument);
	*call = (struct plugin_call){0};
}

static bool is_name_byte(unsigned char c) { return isalnum(c) || c == '_' || c == '-'; }

bool plugin_is_name(const char *text) {
	size_t len = 0;
	while (is_name_byte((unsigned char)text[len]))
		len++;
	return len > 0 && len <= PLUGIN_NAME_LONGEST && !text[len] && isalnum((unsigned char)text[0]);
}

/* What needs no encoding, so that names stay readable. */
static bool is_plain(unsigned char c) { return isalnum(c) || (c && strchr("._-/:,=+@~", c)); }

char *plugin_source(const char *plugin, const json_t *arguments) {
	struct buf name = {0};
	const json_t *argument;
	size_t index;
	buf_addf(&name, PLUGIN_PREFIX "%s", plugin);
	json_array_foreach((json_t *)arguments, index, argument) {
		buf_adds(&name, index ? "&" : "?");
		for (const char *p = json_string_value(argument); *p; p++) {
			if (is_plain((unsigned char)*p))
				buf_add(&name, p, 1);
			else
				buf_addf(&name, "%%%02X", (unsigned char)*p);
		}
	}
	return buf_take(&name);
}

static int hex_digit(char c) {
	static const char digits[] = "0123456789ABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* Up to '&' or the end, into a text of its own. NULL: an encoding that is none, or of a NUL. */
static char *take_argument(const char **at) {
	CLEANUP(buf_done) struct buf text = {0};
	for (; **at && **at != '&'; ++*at) {
		char c = **at;
		if (c == '%') {
			int high = hex_digit((*at)[1]), low = high < 0 ? -1 : hex_digit((*at)[2]);
			if (low < 0 || high * 16 + low == 0)
				return NULL;
			c = (char)(high * 16 + low);
			*at += 2;
		}
		buf_add(&text, &c, 1);
	}
	return buf_take(&text);
}

static bool read_arguments(const char *name, const char *at, struct plugin_call *call, struct err *err) {
	size_t count = 0, bytes = 0;
	for (bool is_more = true; is_more; at++) {
		if (count == PLUGIN_ARGUMENTS_MOST)
			return err_set(err, ERR_MALFORMED, name, "more than %d arguments", PLUGIN_ARGUMENTS_MOST);
		char *argument = call->arguments[count++] = take_argument(&at);
		if (!argument)
			return err_set(err, ERR_MALFORMED, name, "argument %zu is not percent-encoded", count);
		bytes += strlen(argument);
		if (bytes > PLUGIN_ARGUMENTS_LARGEST)
			return err_set(err, ERR_MALFORMED, name, "arguments of more than %d bytes",
				       PLUGIN_ARGUMENTS_LARGEST);
		is_more = *at == '&';
	}
	return true;
}

bool plugin_call_read(const char *name, struct plugin_call *ret_call, struct err *err) {
	CLEANUP(plugin_call_done) struct plugin_call call = {0};
	if (!text_starts(name, PLUGIN_PREFIX))
		return err_set(err, ERR_MALFORMED, name, "not the name of a plugin's run");
	const char *plugin = name + strlen(PLUGIN_PREFIX);
	size_t len = strcspn(plugin, "?");
	if (len <= PLUGIN_NAME_LONGEST)
		memcpy(call.name, plugin, len);
	if (len > PLUGIN_NAME_LONGEST || !plugin_is_name(call.name))
		return err_set(err, ERR_MALFORMED, name,
			       "a plugin's name has letters, digits, '_' and '-', at most %d, the first a letter "
			       "or a digit",
			       PLUGIN_NAME_LONGEST);
	if (plugin[len] && !read_arguments(name, plugin + len + 1, &call, err))
		return false;
	*ret_call = call;
	call = (struct plugin_call){0};
	return true;
}
