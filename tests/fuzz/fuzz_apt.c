/* apt's and dnf's configuration, over any text. */
#include <stdint.h>

#include "core/apt_conf.h"
#include "core/apt_sources.h"
#include "core/dnf_repos.h"

static void read_conf(const char *text, size_t size) {
	CLEANUP(apt_conf_free_p) struct apt_conf *conf = apt_conf_new();
	struct err err;
	if (!apt_conf_add(conf, "fuzz", text, size, &err) && !err_is_of_look(err.code))
		abort();
	apt_conf_any_bool(conf, "APT::Get::AllowUnauthenticated");
	for (size_t i = 0; apt_conf_at(conf, "APT", i); i++)
		if (!*apt_conf_at(conf, "APT", i))
			abort();
}

static void read_sources(const char *text, size_t size) {
	CLEANUP(json_decref_p) json_t *list = json_array();
	CLEANUP(buf_done) struct buf bytes = {0};
	struct err err;
	json_t *source;
	size_t i;
	if (!apt_sources_list("fuzz", text, size, list, &err) || !apt_sources_deb822("fuzz", text, size, list, &err))
		err.code = ERR_NONE;
	json_array_foreach(list, i, source) {
		CLEANUP(free_ptr) char *host = uri_host(json_string_value(json_object_get(source, "uri")));
		if (!host)
			abort();
	}
	if (!json_canonical(list, &bytes, &err))
		abort();
}

static void read_repositories(const uint8_t *data, size_t size) {
	static char name[] = "file:/fuzz";
	CLEANUP(json_decref_p) json_t *list = json_array();
	struct source source = {.name = name};
	struct dnf_main main = {0};
	struct err err;
	buf_add(&source.bytes, data, size);
	if (dnf_main_read(&source, &main, &err) && !dnf_repos_read(&source, &main, list, &err) &&
	    !err_is_of_look(err.code))
		abort();
	buf_done(&source.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	CLEANUP(free_ptr) char *text = xstrndup((const char *)data, size);
	read_conf(text, strlen(text));
	read_sources((const char *)data, size);
	read_repositories(data, size);
	return 0;
}
