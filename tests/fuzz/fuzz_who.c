/* Logs that others write into: whatever they say, who is named is named by records of the log, and no more than fit. */
#include <stdint.h>
#include <stdlib.h>

#include "core/who.h"
#include "core/who_dpkg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int64_t local(int year, int month, int day, int hour, int minute, int second) {
	return ((((int64_t)year * 12 + month) * 31 + day) * 24 + hour) * 3600 + (int64_t)minute * 60 + second;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const struct who_target targets[] = {
		{WHO_FILE, "/etc/app/one.conf"}, {WHO_ENTRIES, "/etc/app"}, {WHO_TREE, "/"},
		{WHO_UNIT, "ssh.service"},       {WHO_NETFILTER, ""},       {WHO_AUDIT, ""}};
	static const char ways[] = "{\"/etc/app/one.conf\":[{\"steps\":[[[\"fe:00\",2],\"etc\"],[null,\"app\"],"
				   "[[\"fe:00\",10985970],\"one.conf\"]],\"end\":[\"fe:00\",10986050]}],"
				   "\"/etc/app\":[{\"steps\":[],\"end\":[\"fe:00\",10985970]}],"
				   "\"/etc/app/two words.conf\":[7,{\"steps\":[[1,2],3]}]}";
	CLEANUP(json_decref_p) json_t *places = json_loads(ways, 0, NULL);
	const struct who_asked asked = {targets, ARRAY_LEN(targets), places, 0, INT64_MAX};
	CLEANUP(who_found_done) struct who_found found = {0};
	CLEANUP(buf_done) struct buf bytes = {0};
	char *user = NULL;
	int64_t uid;
	struct err err;
	who_audit((const char *)data, size, &asked, &found);
	if (json_array_size(found.by) > WHO_MOST || json_array_size(found.wanted) > WHO_WANTED_MOST ||
	    !json_canonical(found.by, &bytes, &err))
		abort();
	CLEANUP(json_decref_p) json_t *packages = who_dpkg((const char *)data, size, local, 0, INT64_MAX);
	if (json_array_size(packages) > WHO_PACKAGES_MOST)
		abort();
	if (who_apt((const char *)data, size, local, 1795334422, &user, &uid) && (!user || uid < 0))
		abort();
	free(user);
	(void)who_dpkg_lists((const char *)data, size, "/etc/app/one.conf");
	return 0;
}
