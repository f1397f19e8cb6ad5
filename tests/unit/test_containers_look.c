/* Containers of each containerd that a host may have: what runs under one that is not looked for would be nothing. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/file.h"
#include "sources/containers.h"
#include "sources/fixture.h"
#include "tests/unit/fetching.h"

static const char spec[] = "{\"linux\":{\"namespaces\":[{\"type\":\"pid\"}]},\"process\":{\"noNewPrivileges\":true},"
			   "\"root\":{\"readonly\":true}}";

static void one_container_below(const char *state) {
	CLEANUP(folder_remove) char *root = folder_make();
	CLEANUP(free_ptr) char *folder = xasprintf("%s%s/io.containerd.runtime.v2.task/moby/0123", root, state);
	CLEANUP(free_ptr) char *path = file_join(folder, "config.json");
	CLEANUP(json_decref_p) json_t *list = NULL;
	struct answer answer = {0};
	struct err err;
	assert_true(file_make_folder(folder, 0755, &err) && file_write(path, spec, strlen(spec), 0644, &err));
	CLEANUP(close_fd) int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct fixture fixture = {.root = fd};
	const struct place place = {.root = fd, .fixture = &fixture};
	const struct ask ask = {.name = "containers:", .place = &place, .deadline_us = UINT64_MAX};
	assert_true(kind_containers.look(&ask, &answer, &err));
	assert_true(json_read(answer.bytes.data, answer.bytes.len, SOURCE_LARGEST, "answer", &list, &err));
	answer_done(&answer);
	assert_int_equal(json_array_size(list), 1);
	const json_t *one = json_array_get(list, 0);
	assert_string_equal(json_string_value(json_object_get(one, "runtime")), "containerd/moby");
	assert_string_equal(json_string_value(json_object_get(one, "id")), "0123");
}

static void the_systems_containerd(void **state) { one_container_below("/run/containerd"); }
static void the_one_that_dockerd_starts(void **state) { one_container_below("/run/docker/containerd/daemon"); }
static void the_one_of_k3s(void **state) { one_container_below("/run/k3s/containerd"); }
static void the_one_of_microk8s(void **state) { one_container_below("/var/snap/microk8s/common/run/containerd"); }

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_systems_containerd),
		cmocka_unit_test(the_one_that_dockerd_starts),
		cmocka_unit_test(the_one_of_k3s),
		cmocka_unit_test(the_one_of_microk8s),
	};
	return cmocka_run_group_tests_name("containers_look", tests, NULL, NULL);
}
