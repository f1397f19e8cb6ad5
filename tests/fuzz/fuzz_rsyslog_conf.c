/* rsyslog's configuration, old and new form, as one file. */
#include "core/rsyslog_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	struct source *source = sources_add(set, "file:" RSYSLOG_CONF);
	struct rsyslog_conf conf = {0};
	struct err err;
	buf_add(&source->bytes, data, size);
	if (rsyslog_conf_read(set, NULL, &conf, &err))
		rsyslog_conf_done(&conf);
	CLEANUP(names_free_p) struct names *names = names_new();
	if (rsyslog_conf_read(set, names, &conf, &err))
		rsyslog_conf_done(&conf);
	return 0;
}
