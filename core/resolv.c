#include "core/resolv.h"

#include <arpa/inet.h>

#include "core/lines.h"
#include "core/text.h"

/* inet_aton also takes "10.1" and "0x0a.1", as glibc's resolver does; "fe80::1%eth0" keeps its scope. */
static bool usual_form(const char *word, char form[80]) {
	struct in_addr v4;
	struct in6_addr v6;
	if (inet_aton(word, &v4))
		return inet_ntop(AF_INET, &v4, form, INET6_ADDRSTRLEN) != NULL;
	CLEANUP(free_ptr) char *bare = xstrndup(word, strcspn(word, "%"));
	const char *scope = strchr(word, '%');
	if (inet_pton(AF_INET6, bare, &v6) != 1 || !inet_ntop(AF_INET6, &v6, form, INET6_ADDRSTRLEN) ||
	    (scope && strlen(scope) > 16))
		return false;
	snprintf(form + strlen(form), 20, "%s", scope ? scope : "");
	return true;
}

bool resolv_servers(const struct source *source, json_t **ret_servers, struct err *err) {
	CLEANUP(json_decref_p) json_t *servers = json_array();
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	char *line;
	while ((line = lines_next(&lines))) {
		static const char keyword[] = "nameserver";
		char *rest = line + strlen(keyword), form[80];
		if (!text_starts(line, keyword) || (*rest != ' ' && *rest != '\t'))
			continue;
		const char *word = text_word(&rest);
		if (word && usual_form(word, form))
			json_array_append_new(servers, json_text(form));
	}
	if (!lines_ok(&lines, err))
		return false;
	*ret_servers = json_incref(servers);
	return true;
}

bool resolv_is_loopback(const char *address) {
	return text_starts(address, "127.") || !strcmp(address, "::1") || !strcmp(address, "0.0.0.0") ||
	       !strcmp(address, "::") || text_starts(address, "::ffff:127.");
}
