#include "core/approvals.h"

#include <fnmatch.h>

#include "core/text.h"
#include "core/times.h"
#include "core/yaml.h"

#define DAY 86400

struct approvals {
	struct approval *all;
	size_t count;
};

/* A probe's name cut in two: whom it reaches, and the rest. Both owned. */
struct cut {
	char *whom, *rest;
};

static void cut_done(struct cut *cut) {
	free(cut->whom);
	free(cut->rest);
}

/* The length of a host at the start of text: a name or an address of IPv4, or one of IPv6 in brackets; 0: none. */
static size_t host_length(const char *text) {
	static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	if (text[0] != '[')
		return strspn(text, name);
	size_t inside = strspn(text + 1, "0123456789abcdefABCDEF:.");
	return inside > 0 && text[inside + 1] == ']' ? inside + 2 : 0;
}

/* HOST, or HOST:PORT, and nothing behind. */
static bool is_literal_server(const char *text) {
	const char *port = text + host_length(text);
	return port != text && (!*port || (port[0] == ':' && port[1] && !port[1 + strspn(port + 1, "0123456789")]));
}

/* What begins with HOST, behind a prefix of this length. What follows the host is one of these characters or nothing.
 */
static bool cut_at_host(const char *name, size_t prefix, const char *delimiters, struct cut *ret_cut) {
	size_t whole = prefix + host_length(name + prefix);
	if (whole == prefix || (name[whole] && !strchr(delimiters, name[whole])))
		return false;
	*ret_cut = (struct cut){xstrndup(name, whole), xstrdup(name + whole)};
	return true;
}

/* dns:NAME/TYPE@SERVER is asked of the server. */
static bool cut_dns(const char *name, struct cut *ret_cut) {
	const char *server = strrchr(name, '@');
	if (!server || !is_literal_server(server + 1))
		return false;
	*ret_cut = (struct cut){xasprintf("dns:%s", server), xstrndup(name, (size_t)(server - name))};
	return true;
}

/* http:URL?via=PROXY reaches URL's host by way of the proxy. A user before the host is none of ours: refused. */
static bool cut_http(const char *name, struct cut *ret_cut) {
	const char *scheme = name + strlen("http:"), *via = NULL;
	size_t prefix = text_starts(scheme, "https://") ? 8 : text_starts(scheme, "http://") ? 7 : 0;
	for (const char *next = strstr(name, "?via="); next; next = strstr(next + 1, "?via="))
		via = next;
	CLEANUP(free_ptr) char *url = via ? xstrndup(name, (size_t)(via - name)) : xstrdup(name);
	CLEANUP(cut_done) struct cut plain = {0};
	if (prefix == 0 || (via && !is_literal_server(via + 5)) ||
	    !cut_at_host(url, strlen("http:") + prefix, ":/?", &plain))
		return false;
	if (memchr(plain.rest, '@', strcspn(plain.rest, "/?")))
		return false;
	*ret_cut = (struct cut){xasprintf("%s%s", plain.whom, via ? via : ""), plain.rest};
	plain.rest = NULL;
	return true;
}

static bool cut(const char *name, struct cut *ret_cut) {
	static const char *const plain[] = {"tls:", "ssh:", "ntp:", "greeting:", "canary:", "suites:"};
	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		if (text_starts(name, plain[i]))
			return cut_at_host(name, strlen(plain[i]), ":?", ret_cut);
	if (text_starts(name, "dns:"))
		return cut_dns(name, ret_cut);
	return text_starts(name, "http:") && cut_http(name, ret_cut);
}

static bool covers(const char *pattern, const char *name) {
	CLEANUP(cut_done) struct cut wide = {0}, narrow = {0};
	return cut(pattern, &wide) && cut(name, &narrow) && !strcmp(wide.whom, narrow.whom) &&
	       (!strcmp(wide.rest, narrow.rest) || fnmatch(wide.rest, narrow.rest, 0) == 0);
}

static bool read_probe(const struct yaml *node, const char *where, struct approval *approval, struct err *err) {
	CLEANUP(cut_done) struct cut parts = {0};
	const char *text;
	if (!yaml_string(node, where, "probe", &text, err))
		return false;
	if (!cut(text, &parts))
		return yaml_fault(err, where, node,
				  "\"%s\" is no probe: it begins with tls:, dns:, http:, ssh:, ntp:, greeting:, "
				  "canary: or suites: and names its host in full",
				  text);
	approval->probe = xstrdup(text);
	return true;
}

static bool read_text(const struct yaml *node, const char *where, const char *what, char **ret_text, struct err *err) {
	const char *text;
	if (!yaml_string(node, where, what, &text, err))
		return false;
	if (!text[strspn(text, " \t")])
		return yaml_fault(err, where, node, "%s is empty", what);
	*ret_text = xstrdup(text);
	text_replace_controls(*ret_text);
	return true;
}

static bool read_until(const struct yaml *node, const char *where, struct approval *approval, struct err *err) {
	int64_t begins;
	if (!yaml_is(node, YAML_SCALAR, where, "until", err))
		return false;
	CLEANUP(free_ptr) char *instant = xasprintf("%sT00:00:00Z", node->text);
	if (!times_parse(instant, &begins))
		return yaml_fault(err, where, node, "until is a day, such as 2027-01-31");
	approval->until = xstrdup(node->text);
	approval->ends = begins + DAY;
	return true;
}

static bool read_approval(const struct yaml *node, const char *where, struct approval *approval, struct err *err) {
	static const char *const known[] = {"probe", "by", "until", "why", NULL};
	const struct yaml *probe, *by, *until, *why;
	return yaml_has_only(node, known, where, "an approval", err) &&
	       yaml_need(node, "probe", where, "an approval", &probe, err) &&
	       yaml_need(node, "by", where, "an approval", &by, err) &&
	       yaml_need(node, "until", where, "an approval", &until, err) &&
	       yaml_need(node, "why", where, "an approval", &why, err) && read_probe(probe, where, approval, err) &&
	       read_text(by, where, "by", &approval->by, err) && read_until(until, where, approval, err) &&
	       read_text(why, where, "why", &approval->why, err);
}

bool approvals_read(const char *data, size_t len, const char *where, struct approvals **ret_approvals,
		    struct err *err) {
	CLEANUP(yaml_tree_free_p) struct yaml *root = NULL;
	if (!yaml_read(data, len, where, &root, err) || !yaml_is(root, YAML_SEQUENCE, where, "the approvals file", err))
		return false;
	if (root->count > APPROVALS_MOST)
		return err_set(err, ERR_TOO_BIG, where, "more than %d approvals", APPROVALS_MOST);
	CLEANUP(approvals_free_p) struct approvals *approvals = xcalloc(1, sizeof *approvals);
	approvals->all = xcalloc(root->count + 1, sizeof *approvals->all);
	for (size_t i = 0; i < root->count; i++) {
		approvals->count++;
		if (!read_approval(root->items[i], where, &approvals->all[i], err))
			return false;
	}
	*ret_approvals = approvals;
	approvals = NULL;
	return true;
}

void approvals_free(struct approvals *approvals) {
	if (!approvals)
		return;
	for (size_t i = 0; i < approvals->count; i++) {
		free(approvals->all[i].probe);
		free(approvals->all[i].by);
		free(approvals->all[i].until);
		free(approvals->all[i].why);
	}
	free(approvals->all);
	free(approvals);
}

bool approvals_find(const struct approvals *approvals, const char *name, int64_t now, const char *file,
		    const struct approval **ret_approval, struct err *err) {
	const struct approval *ended = NULL;
	for (size_t i = 0; i < approvals->count; i++) {
		const struct approval *approval = &approvals->all[i];
		if (!covers(approval->probe, name))
			continue;
		if (now < approval->ends) {
			*ret_approval = approval;
			return true;
		}
		if (!ended || approval->ends > ended->ends)
			ended = approval;
	}
	return ended ? err_set(err, ERR_UNAPPROVED, name, "approval by %s ended on %s", ended->by, ended->until)
		     : err_set(err, ERR_UNAPPROVED, name, "no approval in %s", file);
}

size_t approvals_count(const struct approvals *approvals) { return approvals->count; }

const struct approval *approvals_at(const struct approvals *approvals, size_t index) {
	return index < approvals->count ? &approvals->all[index] : NULL;
}
