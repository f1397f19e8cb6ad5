#include "core/pkcs11_uri.h"

#include <string.h>

#include "core/text.h"

#define SCHEME "pkcs11:"

static int digit(char c) {
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool decode(const char *text, size_t len, struct buf *bytes) {
	for (size_t i = 0; i < len; i++) {
		char byte = text[i];
		if (byte == '%') {
			if (len - i < 3 || digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0)
				return false;
			byte = (char)(digit(text[i + 1]) * 16 + digit(text[i + 2]));
			i += 2;
		}
		buf_add(bytes, &byte, 1);
	}
	return true;
}

static bool set_id(struct pkcs11_uri *uri, struct buf *value, struct err *err) {
	if (uri->id.len || !value->len || value->len > PKCS11_ID_LONGEST)
		return err_set(err, ERR_USAGE, SCHEME, "\"id\" comes twice, is empty or too long");
	uri->id = *value;
	*value = (struct buf){0};
	return true;
}

static bool set_text(char **text, const char *name, struct buf *value, struct err *err) {
	if (*text || !value->len || memchr(value->data, '\0', value->len))
		return err_set(err, ERR_USAGE, SCHEME, "\"%s\" comes twice, is empty or holds a NUL", name);
	*text = buf_take(value);
	return true;
}

static bool set_path(char **path, const char *name, struct buf *value, struct err *err) {
	if (!set_text(path, name, value, err))
		return false;
	if (text_starts(*path, "file:"))
		memmove(*path, *path + strlen("file:"), strlen(*path) - strlen("file:") + 1);
	return **path == '/' || err_set(err, ERR_USAGE, SCHEME, "\"%s\" is not a path from the root", name);
}

static bool set(struct pkcs11_uri *uri, bool is_query, const char *name, struct buf *value, struct err *err) {
	const struct {
		const char *name;
		char **text;
	} texts[] = {{"token", &uri->token},   {"manufacturer", &uri->manufacturer},
		     {"model", &uri->model},   {"serial", &uri->serial},
		     {"object", &uri->object}, {NULL, NULL}};
	if (is_query && !strcmp(name, "module-path"))
		return set_path(&uri->module, name, value, err);
	if (is_query && !strcmp(name, "pin-source"))
		return set_path(&uri->pin, name, value, err);
	if (is_query && !strcmp(name, "pin-value"))
		return err_set(err, ERR_USAGE, SCHEME,
			       "a PIN in the URI is everybody's who reads it: name a file by pin-source");
	if (!is_query && !strcmp(name, "id"))
		return set_id(uri, value, err);
	for (size_t i = 0; !is_query && texts[i].name; i++)
		if (!strcmp(name, texts[i].name))
			return set_text(texts[i].text, name, value, err);
	return err_set(err, ERR_USAGE, SCHEME, "there is no \"%s\" here", name);
}

/* One "name=value". */
static bool read_attribute(const char *text, size_t len, bool is_query, struct pkcs11_uri *uri, struct err *err) {
	const char *equals = memchr(text, '=', len);
	CLEANUP(buf_done) struct buf value = {0};
	if (!equals)
		return err_set(err, ERR_USAGE, SCHEME, "an attribute without a value");
	CLEANUP(free_ptr) char *name = xstrndup(text, (size_t)(equals - text));
	if (!decode(equals + 1, len - (size_t)(equals - text) - 1, &value))
		return err_set(err, ERR_USAGE, SCHEME, "\"%s\" has a %% without two hexadecimal digits", name);
	return set(uri, is_query, name, &value, err);
}

static bool read_attributes(const char *text, size_t len, bool is_query, struct pkcs11_uri *uri, struct err *err) {
	const char separator = is_query ? '&' : ';';
	for (const char *end = text + len; text <= end;) {
		const char *next = memchr(text, separator, (size_t)(end - text));
		if (!next)
			next = end;
		if (!read_attribute(text, (size_t)(next - text), is_query, uri, err))
			return false;
		text = next + 1;
	}
	return true;
}

static bool read_parts(const char *text, struct pkcs11_uri *uri, struct err *err) {
	if (!text_starts(text, SCHEME) || strlen(text) > PKCS11_URI_LONGEST)
		return err_set(err, ERR_USAGE, SCHEME, "not a PKCS#11 URI of at most %d bytes", PKCS11_URI_LONGEST);
	const char *path = text + strlen(SCHEME), *query = strchr(path, '?');
	size_t len = query ? (size_t)(query - path) : strlen(path);
	if (!read_attributes(path, len, false, uri, err) ||
	    (query && !read_attributes(query + 1, strlen(query + 1), true, uri, err)))
		return false;
	if (!uri->token || !uri->module)
		return err_set(err, ERR_USAGE, SCHEME, "it needs token= and, behind a ?, module-path=");
	return true;
}

bool pkcs11_uri_read(const char *text, struct pkcs11_uri *ret_uri, struct err *err) {
	struct pkcs11_uri uri = {0};
	if (!read_parts(text, &uri, err)) {
		pkcs11_uri_done(&uri);
		return false;
	}
	*ret_uri = uri;
	return true;
}

void pkcs11_uri_done(struct pkcs11_uri *uri) {
	char *const owned[] = {uri->token,  uri->manufacturer, uri->model, uri->serial,
			       uri->object, uri->module,       uri->pin};
	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		free(owned[i]);
	buf_done(&uri->id);
	*uri = (struct pkcs11_uri){0};
}

char *pkcs11_uri_with_id(const char *text, const void *id, size_t len) {
	struct buf whole = {0};
	const size_t path = strcspn(text, "?");
	buf_add(&whole, text, path);
	buf_adds(&whole, ";id=");
	for (size_t i = 0; i < len; i++)
		buf_addf(&whole, "%%%02x", ((const unsigned char *)id)[i]);
	buf_adds(&whole, text + path);
	return buf_take(&whole);
}
