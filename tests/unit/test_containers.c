/* What container specifications are reduced to. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "sources/containers.h"

static const char plain[] =
	"{\"ociVersion\":\"1.1.0\",\"process\":{\"env\":[\"PASSWORD=hunter2\"],\"args\":[\"secret-argu"
	"ment\"],\"capabilities\":{\"bounding\":[\"CAP_SETUID\",\"CAP_CHOWN\"]},\"noNewPrivileges\":"
	"true},\"root\":{\"path\":\"r\",\"readonly\":true},\"mounts\":[{\"destination\":\"/proc\",\"type"
	"\":\"proc\",\"source\":\"proc\"},{\"destination\":\"/data\",\"source\":\"/srv/data\",\"options\":"
	"[\"rbind\"]},{\"destination\":\"/s\",\"source\":\"/var/run/docker.sock\",\"options\":[\"rbind"
	"\"]}],\"linux\":{\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"},{\"allow\":tr"
	"ue,\"type\":\"c\",\"major\":1,\"minor\":3,\"access\":\"rwm\"}]},\"namespaces\":[{\"type\":\"mount"
	"\"},{\"type\":\"network\"},{\"type\":\"uts\"},{\"type\":\"ipc\"},{\"type\":\"pid\"},{\"type\":\"user"
	"\"}],\"seccomp\":{\"defaultAction\":\"x\"}}}";
static const char privileged[] =
	"{\"ociVersion\":\"1.1.0\",\"process\":{\"env\":[\"PASSWORD=hunter2\"],\"args\":[\"secret-argu"
	"ment\"],\"capabilities\":{\"bounding\":[\"CAP_SETUID\",\"CAP_CHOWN\"]},\"noNewPrivileges\":"
	"false},\"root\":{},\"mounts\":[{\"source\":\"/\",\"destination\":\"/host\"}],\"linux\":{\"resou"
	"rces\":{\"devices\":[{\"allow\":true,\"access\":\"rwm\"}]},\"namespaces\":[{\"type\":\"mount\"}"
	",{\"type\":\"uts\"},{\"type\":\"ipc\"}]}}";

static char *reduced(const char *text) {
	struct err err;
	CLEANUP(json_decref_p) json_t *value = NULL;
	CLEANUP(buf_done) struct buf bytes = {0};
	if (!containers_spec(text, strlen(text), "spec", &value, &err))
		fail_msg("%s", err.why);
	assert_true(json_canonical(value, &bytes, &err));
	return xstrdup(buf_str(&bytes));
}

static void usual_container_is_told_without_its_secrets(void **state) {
	CLEANUP(free_ptr) char *text = reduced(plain);
	assert_string_equal(text, "{\"caps\":[\"CAP_CHOWN\",\"CAP_SETUID\"],\"devices\":false,\"host\":[],"
				  "\"mounts\":[\"/var/run/docker.sock\"],\"no_new_privileges\":true,\"seccomp\":true,"
				  "\"user_namespace\":true,\"writable\":false}");
}

static void privileged_container_shows_what_it_has(void **state) {
	CLEANUP(free_ptr) char *text = reduced(privileged);
	assert_string_equal(text, "{\"caps\":[\"CAP_CHOWN\",\"CAP_SETUID\"],\"devices\":true,\"host\":[\"network\","
				  "\"pid\"],\"mounts\":[\"/\"],\"no_new_privileges\":false,\"seccomp\":false,"
				  "\"user_namespace\":false,\"writable\":true}");
}

static void refused(const char *text, size_t len) {
	struct err err;
	json_t *value = NULL;
	assert_false(containers_spec(text, len, "spec", &value, &err));
	assert_int_equal(err.code, ERR_MALFORMED);
	assert_null(value);
}

static void what_is_no_specification_is_malformed(void **state) {
	CLEANUP(free_ptr) char *large = xcalloc(1, CONTAINER_SPEC_LARGEST + 2);
	refused("", 0);
	refused("{}", 2);
	refused("{\"process\":{}}", 14);
	refused(plain, strlen(plain) - 1);
	memset(large, ' ', CONTAINER_SPEC_LARGEST + 1);
	memcpy(large, plain, strlen(plain));
	refused(large, CONTAINER_SPEC_LARGEST + 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(usual_container_is_told_without_its_secrets),
		cmocka_unit_test(privileged_container_shows_what_it_has),
		cmocka_unit_test(what_is_no_specification_is_malformed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
