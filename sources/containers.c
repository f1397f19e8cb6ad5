#include "sources/containers.h"

#include <errno.h>
#include <fcntl.h>

#include "core/text.h"
#include "sources/fetch.h"
#include "sources/folder.h"

/* Where a containerd keeps what runs, a folder for each of its namespaces: the system's, the one that dockerd starts
 * where there is none, those of k3s and of MicroK8s. */
static const char *const containerds[] = {"/run/containerd/io.containerd.runtime.v2.task",
					  "/run/docker/containerd/daemon/io.containerd.runtime.v2.task",
					  "/run/k3s/containerd/io.containerd.runtime.v2.task",
					  "/var/snap/microk8s/common/run/containerd/io.containerd.runtime.v2.task"};

static int by_text(const void *left, const void *right) {
	return strcmp(json_string_value(*(json_t *const *)left), json_string_value(*(json_t *const *)right));
}

/* The strings of a list, sorted; what is no string is left out. New reference. */
static json_t *sorted_strings(const json_t *list) {
	json_t *result = json_array(), *one;
	CLEANUP(free_ptr) json_t **items = xcalloc(json_array_size(list) + 1, sizeof(json_t *));
	size_t count = 0, i;
	json_array_foreach(list, i, one) if (json_is_string(one)) items[count++] = one;
	if (count > 0)
		qsort(items, count, sizeof(json_t *), by_text);
	for (i = 0; i < count; i++)
		json_array_append(result, items[i]);
	return result;
}

static const json_t *below(const json_t *object, const char *one, const char *two) {
	return json_object_get(json_object_get(object, one), two);
}

static bool has_namespace(const json_t *spec, const char *type) {
	json_t *one;
	size_t i;
	json_array_foreach((json_t *)(uintptr_t)below(spec, "linux", "namespaces"), i, one) {
		const char *name = json_string_value(json_object_get(one, "type"));
		if (name && !strcmp(name, type))
			return true;
	}
	return false;
}

/* A rule that lets everything through and is about no device in particular. */
static bool has_all_devices(const json_t *spec) {
	const json_t *devices = json_object_get(below(spec, "linux", "resources"), "devices");
	json_t *one;
	size_t i;
	json_array_foreach((json_t *)(uintptr_t)devices, i, one) {
		const char *type = json_string_value(json_object_get(one, "type"));
		const json_t *major = json_object_get(one, "major");
		bool is_any = (!type || !*type || !strcmp(type, "a")) && (!major || json_integer_value(major) == -1);
		if (json_is_true(json_object_get(one, "allow")) && is_any)
			return true;
	}
	return false;
}

static bool hands_over(const char *source) {
	static const char *const whole[] = {"/", "/dev", "/proc", "/sys", "/run", "/var/run", "/etc", "/root", "/boot"};
	static const char *const sockets[] = {"/docker.sock", "/containerd.sock", "/crio.sock",
					      "/podman.sock", "/private",         "/system_bus_socket"};
	if (text_is_one_of(source, whole, ARRAY_LEN(whole)))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(sockets); i++)
		if (text_ends(source, sockets[i]))
			return true;
	return false;
}

/* A mount of the file system "proc" has the source "proc"; a bind mount has a path, and says so. */
static json_t *mounts_of(const json_t *spec) {
	CLEANUP(json_decref_p) json_t *list = json_array();
	json_t *one;
	size_t i;
	json_array_foreach((json_t *)(uintptr_t)json_object_get(spec, "mounts"), i, one) {
		json_t *source = json_object_get(one, "source");
		if (json_is_string(source) && json_string_value(source)[0] == '/' &&
		    hands_over(json_string_value(source)))
			json_array_append(list, source);
	}
	return sorted_strings(list);
}

bool containers_spec(const char *data, size_t len, const char *where, json_t **ret_value, struct err *err) {
	static const char *const shared[] = {"ipc", "mount", "network", "pid", "uts"};
	CLEANUP(json_decref_p) json_t *spec = NULL;
	if (!json_read(data, len, CONTAINER_SPEC_LARGEST, where, &spec, err))
		return err_set(err, ERR_MALFORMED, where, "not JSON");
	if (!json_is_object(json_object_get(spec, "process")) || !json_is_object(json_object_get(spec, "linux")))
		return err_set(err, ERR_MALFORMED, where, "not the specification of a container");
	CLEANUP(json_decref_p) json_t *host = json_array();
	for (size_t i = 0; i < ARRAY_LEN(shared); i++)
		if (!has_namespace(spec, shared[i]))
			json_array_append_new(host, json_string(shared[i]));
	const json_t *caps = json_object_get(below(spec, "process", "capabilities"), "bounding");
	const json_t *seccomp = below(spec, "linux", "seccomp"), *readonly = below(spec, "root", "readonly");
	*ret_value = json_pack("{s:o,s:b,s:O,s:b,s:b,s:b,s:b,s:o}", "caps", sorted_strings(caps), "devices",
			       has_all_devices(spec), "host", host, "user_namespace", has_namespace(spec, "user"),
			       "seccomp", json_is_object(seccomp), "no_new_privileges",
			       json_is_true(below(spec, "process", "noNewPrivileges")), "writable",
			       !json_is_true(readonly), "mounts", mounts_of(spec));
	return true;
}

/* Where a container that ended between the listing and now is left out. */
static bool add_container(const struct ask *ask, json_t *list, const char *path, const char *runtime, const char *id,
			  bool *ret_is_there, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	json_t *value;
	CLEANUP(close_fd) int fd = place_open(ask->place, path, O_RDONLY | O_NONBLOCK);
	*ret_is_there = fd >= 0 || errno != ENOENT;
	if (!*ret_is_there)
		return true;
	if (fd < 0)
		return err_errno(err, errno, ERR_UNREADABLE, path, "open");
	if (json_array_size(list) == CONTAINERS_MOST)
		return err_set(err, ERR_UNREADABLE, ask->name, "more than %d containers", CONTAINERS_MOST);
	if (!kind_read_fd(fd, path, CONTAINER_SPEC_LARGEST, &bytes, err) ||
	    !containers_spec(bytes.data, bytes.len, path, &value, err))
		return false;
	json_object_set_new(value, "runtime", json_string(runtime));
	json_object_set_new(value, "id", json_string(id));
	json_array_append_new(list, value);
	return true;
}

/* The entries of a folder; none where it is not there. */
static bool list_folder(const struct ask *ask, const char *path, struct folder *ret_folder, struct err *err) {
	CLEANUP(close_fd) int fd = -1;
	*ret_folder = (struct folder){0};
	if (!folder_open(ask, path, &fd, err))
		return err->code == ERR_ABSENT;
	return folder_read(ask, fd, path, ret_folder, err);
}

static bool add_containerd(const struct ask *ask, json_t *list, const char *state, struct err *err) {
	CLEANUP(folder_done) struct folder spaces = {0};
	if (!list_folder(ask, state, &spaces, err))
		return false;
	for (size_t i = 0; i < spaces.count; i++) {
		CLEANUP(folder_done) struct folder tasks = {0};
		CLEANUP(free_ptr) char *space = xasprintf("%s/%s", state, spaces.entries[i].name);
		CLEANUP(free_ptr) char *runtime = xasprintf("containerd/%s", spaces.entries[i].name);
		if (!list_folder(ask, space, &tasks, err))
			return false;
		for (size_t k = 0; k < tasks.count; k++) {
			CLEANUP(free_ptr) char *path = xasprintf("%s/%s/config.json", space, tasks.entries[k].name);
			bool is_there;
			if (!add_container(ask, list, path, runtime, tasks.entries[k].name, &is_there, err))
				return false;
		}
	}
	return true;
}

/* crun and runc keep a folder for each that runs; its specification is with who asked for it. */
static bool add_runtime(const struct ask *ask, json_t *list, const char *runtime, struct err *err) {
	static const char *const bundles[] = {"/var/lib/containers/storage/overlay-containers",
					      "/run/containers/storage/overlay-containers"};
	CLEANUP(folder_done) struct folder running = {0};
	CLEANUP(free_ptr) char *state = xasprintf("/run/%s", runtime);
	if (!list_folder(ask, state, &running, err))
		return false;
	for (size_t i = 0; i < running.count; i++) {
		bool is_there = false;
		if (strcmp(running.entries[i].type, "dir") != 0)
			continue;
		for (size_t k = 0; k < ARRAY_LEN(bundles) && !is_there; k++) {
			CLEANUP(free_ptr)
			char *path = xasprintf("%s/%s/userdata/config.json", bundles[k], running.entries[i].name);
			if (!add_container(ask, list, path, runtime, running.entries[i].name, &is_there, err))
				return false;
		}
		if (!is_there)
			return err_set(err, ERR_UNPROVED, ask->name,
				       "the specification of %s's container %s is not found", runtime,
				       running.entries[i].name);
	}
	return true;
}

static bool look_containers(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	CLEANUP(json_decref_p) json_t *list = json_array();
	for (size_t i = 0; i < ARRAY_LEN(containerds); i++)
		if (!add_containerd(ask, list, containerds[i], err))
			return false;
	return add_runtime(ask, list, "crun", err) && add_runtime(ask, list, "runc", err) &&
	       answer_json(ask, list, ret_answer, err);
}

const struct kind kind_containers = {.prefix = "containers:",
				     .is_whole = true,
				     .helper = HELPER_FS,
				     .deadline_ms = FETCH_DEADLINE_MS,
				     .look = look_containers};
