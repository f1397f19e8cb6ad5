#include "core/setting.h"

#include "core/text.h"

bool setting_split(char *line, char separator, const char *comments, char **ret_key, char **ret_value) {
	char *key = text_trim(line);
	if (!*key || strchr(comments, *key))
		return false;
	char *end = separator == ' ' ? key + strcspn(key, " \t=") : key + strcspn(key, "=");
	char *value = end;
	if (separator == ' ') {
		value += strspn(value, " \t");
		value += *value == '=';
	} else if (*value) {
		value++;
	}
	char *trimmed = text_trim(value);
	*end = '\0';
	*ret_value = trimmed;
	*ret_key = text_trim(key);
	return true;
}

char *setting_section(char *line) {
	char *text = text_trim(line);
	size_t len = strlen(text);
	if (len < 2 || text[0] != '[' || text[len - 1] != ']')
		return NULL;
	text[len - 1] = '\0';
	return text + 1;
}

char *setting_unquote(char *value) {
	size_t len = strlen(value);
	if (len < 2 || (value[0] != '"' && value[0] != '\'') || value[len - 1] != value[0])
		return value;
	value[len - 1] = '\0';
	return value + 1;
}
