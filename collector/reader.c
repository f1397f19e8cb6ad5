#include "collector/reader.h"

#include <openssl/crypto.h>

#include "collector/page.h"
#include "collector/show.h"

#define COOKIE "vouch"

struct search { /* for a reader by token, and by name where one is given */
	const char *name;
	struct hash token;
	bool is_found;
	char found[READER_NAME_LONGEST + 1];
};

static void compare(void *context, const struct store_reader *reader) {
	struct search *search = context;
	bool is_same = CRYPTO_memcmp(reader->token.bytes, search->token.bytes, HASH_LEN) == 0;
	if (!is_same || (search->name && strcmp(search->name, reader->name) != 0))
		return;
	search->is_found = true;
	snprintf(search->found, sizeof search->found, "%s", reader->name);
}

static bool has_bearer(struct evhttp_request *request, struct search *search) {
	const char *header = http_asked(request, "Authorization");
	if (!header || strncasecmp(header, "Bearer ", 7) != 0)
		return false;
	search->token = hash_of(header + 7, strlen(header + 7));
	return true;
}

/* The value of our cookie; the caller frees. */
static char *cookie_of(struct evhttp_request *request) {
	const char *at = http_asked(request, "Cookie");
	const size_t len = strlen(COOKIE "=");
	while (at) {
		at += strspn(at, " ;");
		if (!strncmp(at, COOKIE "=", len))
			return xstrndup(at + len, strcspn(at + len, "; "));
		at = strchr(at, ';');
	}
	return NULL;
}

static bool has_session(struct collector *collector, struct evhttp_request *request, int64_t now, char **ret_name,
			struct hash *ret_token) {
	CLEANUP(free_ptr) char *secret = cookie_of(request);
	const char *name = secret ? session_reader(collector->sessions, secret, now, ret_token) : NULL;
	*ret_name = xstrdup(name);
	return name != NULL;
}

bool reader_of(struct collector *collector, struct evhttp_request *request, int64_t now,
	       char ret_name[READER_NAME_LONGEST + 1], bool *ret_is_known, struct err *err) {
	CLEANUP(free_ptr) char *name = NULL;
	CLEANUP(free_ptr) char *password = NULL;
	struct search search = {0};
	*ret_is_known = false;
	if (http_basic(request, &name, &password))
		search.token = hash_of(password, strlen(password));
	else if (!has_bearer(request, &search) && !has_session(collector, request, now, &name, &search.token))
		return true;
	search.name = name;
	if (!store_readers(collector->store, compare, &search, err))
		return false;
	*ret_is_known = search.is_found;
	snprintf(ret_name, READER_NAME_LONGEST + 1, "%s", search.found);
	return true;
}

static void lead_to(struct visit *visit, const char *path) {
	http_header(visit->request, "Location", path);
	http_reply(visit->request, 303, "text/plain; charset=utf-8", "", 0);
}

static void set_cookie(struct visit *visit, const char *secret, int64_t lifetime) {
	CLEANUP(free_ptr)
	char *cookie = xasprintf(COOKIE "=%s; Path=/; Max-Age=%lld; HttpOnly; Secure; SameSite=Strict", secret,
				 (long long)lifetime);
	http_header(visit->request, "Set-Cookie", cookie);
}

static bool begin_session(struct visit *visit, const struct search *search, struct err *err) {
	char secret[SESSION_TEXT];
	const int64_t lifetime = visit->collector->config->session_lifetime;
	if (!session_begin(visit->collector->sessions, search->found, &search->token, visit->now + lifetime, secret,
			   err))
		return false;
	set_cookie(visit, secret, lifetime);
	return true;
}

/* Browsers say where a form comes from; another site's could log somebody in under a name that is not his. */
static bool is_from_elsewhere(struct visit *visit) {
	const char *site = http_asked(visit->request, "Sec-Fetch-Site");
	return site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
}

void reader_login(struct visit *visit) {
	if (is_from_elsewhere(visit)) {
		http_error(visit->request, 403, "the form is another site's");
		return;
	}
	CLEANUP(buf_done) struct buf body = {0};
	http_body(visit->request, &body);
	CLEANUP(free_ptr) char *name = http_form(buf_str(&body), "name");
	CLEANUP(free_ptr) char *token = http_form(buf_str(&body), "token");
	struct search search = {.name = name ? name : "",
				.token = hash_of(token ? token : "", token ? strlen(token) : 0)};
	struct err err;
	const bool is_read = store_readers(visit->collector->store, compare, &search, &err);
	if (is_read && !search.is_found) {
		collector_say(visit->collector, "readers: a login as \"%s\" was refused", search.name);
		show_login(visit, true);
	} else if (!is_read || !begin_session(visit, &search, &err)) {
		http_fault(visit->request, &err);
	} else {
		collector_say(visit->collector, "readers: %s logged in", search.found);
		lead_to(visit, "/");
	}
}

void reader_logout(struct visit *visit) {
	CLEANUP(free_ptr) char *secret = cookie_of(visit->request);
	if (secret)
		session_end(visit->collector->sessions, secret);
	set_cookie(visit, "", 0);
	lead_to(visit, "/login");
}
