#include "core/listeners.h"

#include "core/row.h"
#include "core/text.h"

#define SOCKETS "sockets:listen"
#define LOOPBACK_INDEX 1

static const char *text_of(const json_t *object, const char *member) {
	return json_string_value(json_object_get(object, member));
}

static bool is_loopback(const char *address) {
	return text_starts(address, "127.") || !strcmp(address, "::1") || text_starts(address, "::ffff:127.");
}

/* Whether another TCP socket listens on this port at this very address: it is the one that answers there. */
static bool is_taken(const json_t *sockets, const char *address, int64_t port) {
	size_t i;
	json_t *socket;
	json_array_foreach(sockets, i, socket) {
		const char *proto = text_of(socket, "proto"), *other = text_of(socket, "addr");
		if (!proto || !other || strcmp(proto, "tcp") != 0 ||
		    json_integer_value(json_object_get(socket, "port")) != port)
			continue;
		if (!strcmp(text_starts(other, "::ffff:") ? other + strlen("::ffff:") : other, address))
			return true;
	}
	return false;
}

/* An address at which a listener on all of them is asked: on loopback, one that no other has for itself. NULL: there is
 * none. */
static const char *free_loopback(const json_t *sockets, bool is_v6, int64_t port) {
	static const char *const v4[] = {"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"};
	if (is_v6)
		return is_taken(sockets, "::1", port) ? NULL : "::1";
	for (size_t i = 0; i < ARRAY_LEN(v4); i++)
		if (!is_taken(sockets, v4[i], port))
			return v4[i];
	return NULL;
}

/* Where a listener can be asked: "::" that takes IPv4 too there, where most come. NULL: nowhere from this host. */
static const char *host_of(const json_t *sockets, const json_t *socket, const char *address, int64_t port) {
	bool is_v4 = !strcmp(address, "0.0.0.0"), is_all = is_v4 || !strcmp(address, "::");
	bool takes_v4 = json_is_false(json_object_get(socket, "v6only")) && !is_taken(sockets, "0.0.0.0", port);
	if (json_integer_value(json_object_get(socket, "interface")) > LOOPBACK_INDEX)
		return NULL;
	if (is_all)
		return free_loopback(sockets, !is_v4 && !takes_v4, port);
	return text_starts(address, "::ffff:") ? address + strlen("::ffff:") : address;
}

static char *target_of(const char *host, int64_t port) {
	return xasprintf(strchr(host, ':') ? "[%s]:%lld" : "%s:%lld", host, (long long)port);
}

static const char *declared_word(const json_t *with, int64_t port) {
	CLEANUP(free_ptr) char *begin = xasprintf("%lld=", (long long)port);
	const char *entry;
	for (size_t i = 0; (entry = param_strings_at(with, "declared", i)); i++)
		if (text_starts(entry, begin))
			return entry + strlen(begin);
	return NULL;
}

static json_t *find(const json_t *list, const char *target) {
	size_t i;
	json_t *listener;
	json_array_foreach(list, i, listener) if (!strcmp(text_of(listener, "target"), target)) return listener;
	return NULL;
}

/* Of two programs with one address the kernel chooses one for each connection (SO_REUSEPORT). */
static void add_second(const json_t *socket, json_t *listener) {
	const json_t *unit = json_object_get(socket, "unit");
	bool is_same = json_is_string(unit) ? json_equal(unit, json_object_get(listener, "unit"))
					    : !json_object_get(listener, "unit");
	if (!is_same && !text_of(listener, "service"))
		row_text(listener, "problem",
			 "programs of several units listen there: which one answers is left to chance");
}

static bool add_socket(const json_t *with, const json_t *sockets, const json_t *socket, json_t *list, struct err *err) {
	const char *proto, *address;
	int64_t port;
	if (!json_get_string(socket, "proto", SOCKETS, &proto, err) ||
	    !json_get_string(socket, "addr", SOCKETS, &address, err) ||
	    !json_get_int(socket, "port", SOCKETS, &port, err))
		return false;
	if (strcmp(proto, "tcp") != 0)
		return true;
	const char *host = host_of(sockets, socket, address, port);
	CLEANUP(free_ptr) char *target = target_of(host ? host : address, port);
	json_t *known = find(list, target);
	if (known) {
		add_second(socket, known);
		return true;
	}
	if (json_array_size(list) == LISTENERS_MOST)
		return err_set(err, ERR_UNREADABLE, SOCKETS, "more than %d listeners", LISTENERS_MOST);
	json_t *listener = row_add(list);
	const char *word = declared_word(with, port);
	row_text(listener, "target", target);
	row_bool(listener, "loopback", is_loopback(address));
	row_text(listener, "unit", text_of(socket, "unit"));
	row_text(listener, "service", word);
	if (word)
		row_bool(listener, "declared", true);
	else if (text_starts(address, "fe80:"))
		row_text(listener, "problem", "an address of one link alone cannot be asked");
	else if (!host)
		row_text(listener, "problem",
			 "from this host another listener on the port answers in its place, or none: it is bound to an "
			 "interface, or to all addresses beside one on loopback");
	return true;
}

/* HOST:PORT/NAME: the same once more under that name, or another server. */
static void add_target(const char *text, json_t *list) {
	const char *slash = strchr(text, '/');
	CLEANUP(free_ptr) char *target = slash ? xstrndup(text, (size_t)(slash - text)) : xstrdup(text);
	const json_t *known = find(list, target);
	if ((known && (!slash || text_of(known, "service"))) || json_array_size(list) >= LISTENERS_MOST)
		return;
	json_t *listener = row_add(list);
	row_text(listener, "target", target);
	row_text(listener, "sni", slash ? slash + 1 : NULL);
	row_bool(listener, "loopback", known ? json_is_true(json_object_get(known, "loopback")) : is_loopback(target));
	row_text(listener, "unit", text_of(known, "unit"));
	row_text(listener, "problem", text_of(known, "problem"));
}

static bool list_all(const json_t *with, const struct sources *fetched, json_t **ret_list, struct err *err) {
	CLEANUP(json_decref_p) json_t *list = json_array();
	json_t *sockets, *socket;
	const char *target;
	size_t i;
	if (!source_need_json(fetched, SOCKETS, &sockets, err))
		return false;
	json_array_foreach(sockets, i, socket) if (!add_socket(with, sockets, socket, list, err)) return false;
	for (i = 0; (target = param_strings_at(with, "targets", i)); i++)
		add_target(target, list);
	*ret_list = json_incref(list);
	return true;
}

static bool is_asked(const json_t *listener) { return !text_of(listener, "service") && !text_of(listener, "problem"); }

void listeners_ask(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(json_decref_p) json_t *list = NULL;
	json_t *listener;
	struct err ignored;
	size_t i;
	names_add(names, SOCKETS);
	if (!list_all(with, fetched, &list, &ignored))
		return;
	json_array_foreach(list, i, listener) if (is_asked(listener))
		names_addf(names, "greeting:%s", text_of(listener, "target"));
}

bool listener_problem(const struct err *err, json_t *listener) {
	if (err->code == ERR_UNAPPROVED || err->code == ERR_DENIED)
		return false;
	CLEANUP(free_ptr) char *text = xasprintf("%s: %s", err_code_name(err->code), err->why);
	row_text(listener, "problem", text);
	return true;
}

static bool hear(const struct sources *fetched, json_t *listener, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("greeting:%s", text_of(listener, "target"));
	json_t *greeting;
	if (!source_need_json(fetched, name, &greeting, err))
		return listener_problem(err, listener);
	const json_t *service = json_object_get(greeting, "service"), *starttls = json_object_get(greeting, "starttls"),
		     *cleartext = json_object_get(greeting, "cleartext");
	if (!json_is_object(greeting) || (!json_is_string(service) && !json_is_null(service)))
		return err_set(err, ERR_MALFORMED, name, "it does not say what is spoken");
	row_bool(listener, "heard", true);
	row_text(listener, "service", json_string_value(service));
	if (json_is_boolean(starttls))
		row_bool(listener, "starttls", json_is_true(starttls));
	if (json_is_boolean(cleartext))
		row_bool(listener, "cleartext", json_is_true(cleartext));
	if (json_is_null(service))
		row_text(listener, "problem", "it speaks nothing that is known");
	return true;
}

bool listeners_read(const json_t *with, const struct sources *fetched, json_t **ret_list, struct err *err) {
	CLEANUP(json_decref_p) json_t *list = NULL;
	json_t *listener;
	size_t i;
	if (!list_all(with, fetched, &list, err))
		return false;
	json_array_foreach(list, i, listener) if (is_asked(listener) && !hear(fetched, listener, err)) return false;
	*ret_list = json_incref(list);
	return true;
}

char *listener_tls(const json_t *listener) {
	const char *service = text_of(listener, "service"), *sni = text_of(listener, "sni");
	bool goes_over = json_is_true(json_object_get(listener, "starttls"));
	if (!service || json_object_get(listener, "declared") || (strcmp(service, "tls") != 0 && !goes_over))
		return NULL;
	return xasprintf("tls:%s%s%s%s%s", text_of(listener, "target"), goes_over ? "?starttls=" : "",
			 goes_over ? service : "", sni ? (goes_over ? "&sni=" : "?sni=") : "", sni ? sni : "");
}

void listeners_ask_tls(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(json_decref_p) json_t *list = NULL;
	json_t *listener;
	struct err ignored;
	size_t i;
	listeners_ask(with, fetched, names);
	if (!listeners_read(with, fetched, &list, &ignored))
		return;
	json_array_foreach(list, i, listener) {
		CLEANUP(free_ptr) char *name = listener_tls(listener);
		if (name)
			names_add(names, name);
	}
}
