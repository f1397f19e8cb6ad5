#include "core/volume.h"

#include "core/mounts.h"
#include "core/text.h"

struct walk {
	const struct sources *fetched;
	struct names *names; /* NULL: the names are in, say what is there */
	struct volume *volume;
	struct err *err;
};

/* Begin anew: a walk that names sources leaves half a description behind. */
static struct walk walk_begin(const struct sources *fetched, struct names *names, struct volume *volume,
			      struct err *err) {
	volume_done(volume);
	volume->source = xstrdup("");
	volume->chain = json_array();
	return (struct walk){.fetched = fetched, .names = names, .volume = volume, .err = err};
}

void volume_done(struct volume *volume) {
	free(volume->source);
	free(volume->plain);
	json_decref(volume->chain);
	*volume = (struct volume){0};
}

static void want(struct walk *walk, const char *name) {
	if (walk->names)
		names_add(walk->names, name);
}

/* The source under this name, NULL when absent. */
static bool look(struct walk *walk, const char *name, const struct source **ret_source) {
	want(walk, name);
	return source_maybe(walk->fetched, name, ret_source, walk->err);
}

/* "/sys/devices/.../vda" for link:path; NULL when absent. */
static bool look_link(struct walk *walk, const char *path, const char **ret_target) {
	CLEANUP(free_ptr) char *name = xasprintf("link:%s", path);
	json_t *link = NULL;
	want(walk, name);
	if (!source_maybe_json(walk->fetched, name, &link, walk->err))
		return false;
	*ret_target = NULL;
	return !link || json_get_string(link, "target", name, ret_target, walk->err);
}

/* The entries of a folder; NULL when absent. */
static bool look_folder(struct walk *walk, const char *path, json_t **ret_entries) {
	CLEANUP(free_ptr) char *name = xasprintf("dir:%s", path);
	want(walk, name);
	return source_maybe_json(walk->fetched, name, ret_entries, walk->err);
}

/* The first line of /sys/class/block/DEVICE/FILE, trimmed; NULL when absent. The caller frees. */
static bool look_attribute(struct walk *walk, const char *device, const char *file, char **ret_text) {
	CLEANUP(free_ptr) char *name = xasprintf("file:/sys/class/block/%s/%s", device, file);
	const struct source *source = NULL;
	if (!look(walk, name, &source))
		return false;
	*ret_text = NULL;
	if (source) {
		char *text = xstrndup(buf_str(&source->bytes), strcspn(buf_str(&source->bytes), "\n"));
		*ret_text = xstrdup(text_trim(text));
		free(text);
	}
	return true;
}

static const char *last_part(const char *path) {
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static bool unproved(struct walk *walk, const char *where, const char *why) {
	return err_set(walk->err, ERR_UNPROVED, where, "%s", why);
}

/* ---- the disk at the end ---- */

static bool is_hypervisors_name(const char *device) { return text_starts(device, "vd") || text_starts(device, "xvd"); }

static bool is_hypervisors_maker(const char *maker) {
	static const char *const makers[] = {"QEMU", "VMware", "Msft", "Google", "Amazon", "Virtual", "nvme_card"};
	for (size_t i = 0; maker && i < ARRAY_LEN(makers); i++)
		if (strstr(maker, makers[i]))
			return true;
	return false;
}

/* The processor says so itself on x86: the flag "hypervisor". */
static bool look_processor(struct walk *walk, bool *ret_is_guest) {
	const struct source *source = NULL;
	if (!look(walk, "file:/proc/cpuinfo", &source))
		return false;
	const char *flags = source ? strstr(buf_str(&source->bytes), "\nflags") : NULL;
	const char *flag = flags ? strstr(flags, " hypervisor") : NULL;
	*ret_is_guest = flag && !memchr(flags + 1, '\n', (size_t)(flag - flags - 1));
	return true;
}

static bool walk_disk(struct walk *walk, const char *device) {
	CLEANUP(free_ptr) char *vendor = NULL;
	CLEANUP(free_ptr) char *model = NULL;
	bool is_guest = false;
	if (!look_attribute(walk, device, "device/vendor", &vendor) ||
	    !look_attribute(walk, device, "device/model", &model) || !look_processor(walk, &is_guest))
		return false;
	struct volume *volume = walk->volume;
	volume->has_plain = true;
	volume->is_virtual |=
		is_guest || is_hypervisors_name(device) || is_hypervisors_maker(vendor) || is_hypervisors_maker(model);
	if (!volume->plain)
		volume->plain = xstrdup(device);
	return true;
}

/* ---- the layers above it ---- */

static bool is_encrypting(const char *uuid) {
	return uuid && text_starts(uuid, "CRYPT-") && !text_starts(uuid, "CRYPT-VERITY") &&
	       !text_starts(uuid, "CRYPT-INTEGRITY");
}

/* "dm-0 CRYPT-LUKS2" of uuid "CRYPT-LUKS2-0f3c...-name"; "dm-1 LVM". */
static void add_to_chain(struct walk *walk, const char *device, const char *uuid) {
	size_t len = uuid ? strcspn(uuid, "-") : 0;
	if (uuid && text_starts(uuid, "CRYPT-"))
		len += 1 + strcspn(uuid + len + 1, "-");
	CLEANUP(free_ptr) char *text = xasprintf("%s%s%.*s", device, len ? " " : "", (int)len, uuid ? uuid : "");
	json_array_append_new(walk->volume->chain, json_text(text));
}

static bool walk_memory(struct walk *walk, const char *device) {
	CLEANUP(free_ptr) char *backing = NULL;
	if (!look_attribute(walk, device, "backing_dev", &backing))
		return false;
	if (backing && strcmp(backing, "none") != 0)
		return unproved(walk, device, "this zram device writes back to a disk, which is not followed");
	walk->volume->has_memory = true;
	return true;
}

static bool walk_device(struct walk *walk, const char *device, unsigned depth);

static bool walk_slaves(struct walk *walk, const json_t *slaves, unsigned depth) {
	size_t i;
	const json_t *slave;
	json_array_foreach(slaves, i, slave) {
		const char *name = json_string_value(json_object_get(slave, "name"));
		if (name && !walk_device(walk, name, depth + 1) && !walk->names)
			return false;
	}
	return true;
}

/* A partition lies in its disk's folder. */
static bool walk_partition(struct walk *walk, const char *path, const char *device, unsigned depth) {
	CLEANUP(free_ptr) char *folder = xstrdup(path ? path : "");
	char *slash = strrchr(folder, '/');
	if (!slash)
		return unproved(walk, device, "nothing says which disk this partition is of");
	*slash = '\0';
	return walk_device(walk, last_part(folder), depth + 1);
}

static bool hides_its_carrier(const char *device) {
	static const char *const prefixes[] = {"loop", "nbd", "rbd", "drbd"};
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (text_starts(device, prefixes[i]))
			return true;
	return false;
}

/* All that a layer may need is named at once: each pass goes one layer down. */
static void want_layer(struct walk *walk, const char *device) {
	static const char *const files[] = {"dm/uuid", "partition", "device/vendor", "device/model"};
	for (size_t i = 0; walk->names && i < ARRAY_LEN(files); i++)
		names_addf(walk->names, "file:/sys/class/block/%s/%s", device, files[i]);
	want(walk, "file:/proc/cpuinfo");
}

static bool walk_device(struct walk *walk, const char *device, unsigned depth) {
	if (depth > VOLUME_DEEPEST)
		return unproved(walk, device, "more layers of block devices than are followed");
	if (text_starts(device, "zram") || text_starts(device, "ram")) {
		add_to_chain(walk, device, NULL);
		return walk_memory(walk, device);
	}
	CLEANUP(free_ptr) char *uuid = NULL;
	CLEANUP(free_ptr) char *partition = NULL;
	CLEANUP(free_ptr) char *path = xasprintf("/sys/class/block/%s", device);
	CLEANUP(free_ptr) char *below = xasprintf("%s/slaves", path);
	json_t *slaves = NULL;
	const char *place = NULL;
	want_layer(walk, device);
	bool is_link_seen = look_link(walk, path, &place), is_folder_seen = look_folder(walk, below, &slaves);
	if (!is_link_seen || !is_folder_seen || !look_attribute(walk, device, "dm/uuid", &uuid) ||
	    !look_attribute(walk, device, "partition", &partition))
		return false;
	if (!place)
		return unproved(walk, path, "there is no such block device to see");
	add_to_chain(walk, device, uuid);
	if (is_encrypting(uuid)) {
		walk->volume->has_encrypted = true;
		return true;
	}
	if (json_array_size(slaves) > 0)
		return walk_slaves(walk, slaves, depth);
	if (partition)
		return walk_partition(walk, place, device, depth);
	if (uuid || hides_its_carrier(device))
		return unproved(walk, device, "what carries this device cannot be seen from here");
	return walk_disk(walk, device);
}

/* ---- file systems ---- */

/* The folder of /sys/fs/btrfs whose devices include this one lists them all. */
static bool find_btrfs(struct walk *walk, const json_t *systems, const char *device, json_t **ret_members) {
	size_t i, j;
	const json_t *entry, *member;
	json_array_foreach(systems, i, entry) {
		const char *id = json_string_value(json_object_get(entry, "name"));
		if (!id || strlen(id) != 36)
			continue;
		CLEANUP(free_ptr) char *path = xasprintf("/sys/fs/btrfs/%s/devices", id);
		json_t *members = NULL;
		if (!look_folder(walk, path, &members)) {
			if (walk->names)
				continue;
			return false;
		}
		json_array_foreach(members, j, member) {
			const char *name = json_string_value(json_object_get(member, "name"));
			if (name && !strcmp(name, device)) {
				*ret_members = members;
				return true;
			}
		}
	}
	return unproved(walk, "dir:/sys/fs/btrfs", "no btrfs there has the device that is mounted");
}

static bool walk_btrfs(struct walk *walk, const char *source) {
	const char *path = NULL;
	json_t *systems = NULL, *members = NULL;
	if (!text_starts(source, "/dev/"))
		return unproved(walk, source, "a btrfs whose source is no device");
	bool is_link_seen = look_link(walk, source, &path);
	if (!look_folder(walk, "/sys/fs/btrfs", &systems) || !is_link_seen)
		return false;
	if (!path)
		return unproved(walk, source, "the mounted device is not there any more");
	return find_btrfs(walk, systems, last_part(path), &members) && walk_slaves(walk, members, 0);
}

static bool walk_number(struct walk *walk, const char *number) {
	CLEANUP(free_ptr) char *path = xasprintf("/sys/dev/block/%s", number);
	const char *target = NULL;
	if (!look_link(walk, path, &target))
		return false;
	if (!target)
		return unproved(walk, path, "there is no such block device to see");
	return walk_device(walk, last_part(target), 0);
}

/* XFS and ext4 may keep their journal on a device of its own. */
static bool has_other_device(const json_t *mount) {
	static const char *const options[] = {"logdev", "rtdev", "journal_path", "journal_dev"};
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (mount_value(mount, options[i]))
			return true;
	return false;
}

static bool walk_mount(struct walk *walk, const json_t *mount) {
	static const char *const memory[] = {"tmpfs", "ramfs", "devtmpfs", "rootfs"};
	const char *type = mount_text(mount, "type"), *number = mount_text(mount, "dev");
	free(walk->volume->source);
	walk->volume->source = xstrdup(mount_text(mount, "source"));
	json_array_append_new(walk->volume->chain, json_text(type));
	if (text_is_one_of(type, memory, ARRAY_LEN(memory))) {
		walk->volume->has_memory = true;
		return true;
	}
	if (has_other_device(mount))
		return unproved(walk, mount_text(mount, "target"),
				"a part of this file system lies on another device, which is not followed");
	if (!strcmp(type, "btrfs"))
		return walk_btrfs(walk, mount_text(mount, "source"));
	if (!text_starts(number, "0:"))
		return walk_number(walk, number);
	return err_set(walk->err, ERR_UNPROVED, mount_text(mount, "target"),
		       "what carries a file system of type %s cannot be seen from here", type);
}

bool volume_of_path(const struct sources *fetched, struct names *names, const char *path, struct volume *volume,
		    struct err *err) {
	struct walk walk = walk_begin(fetched, names, volume, err);
	const char *resolved = NULL;
	const json_t *table = NULL;
	want(&walk, "mounts:");
	if (!look_link(&walk, path, &resolved) || !mounts_need(fetched, &table, err))
		return false;
	const json_t *mount = mounts_holding(table, resolved ? resolved : path);
	return mount ? walk_mount(&walk, mount) : unproved(&walk, "mounts:", "the table has no root");
}

bool volume_of_device(const struct sources *fetched, struct names *names, const char *path, struct volume *volume,
		      struct err *err) {
	struct walk walk = walk_begin(fetched, names, volume, err);
	const char *resolved = NULL;
	if (!look_link(&walk, path, &resolved))
		return false;
	free(volume->source);
	volume->source = xstrdup(path);
	return walk_device(&walk, last_part(resolved ? resolved : path), 0);
}

bool volume_of_number(const struct sources *fetched, struct names *names, const char *number, struct volume *volume,
		      struct err *err) {
	struct walk walk = walk_begin(fetched, names, volume, err);
	return walk_number(&walk, number);
}

bool volume_is_seen(const struct volume *volume, struct err *err) {
	if (!volume->has_plain || !volume->is_virtual)
		return true;
	return err_set(
		err, ERR_UNPROVED, volume->plain,
		"a virtual disk that this guest does not encrypt; whether its hypervisor or cloud does cannot be "
		"seen from here");
}

/* Each file by its name: links lead from a disk to its controller, and from there to every device of that bus. */
void volume_paths(struct names *patterns) {
	static const char *const all[] = {"mounts:",
					  "link:/dev/*",
					  "link:/sys/dev/block/*",
					  "link:/sys/class/block/*",
					  "dir:/sys/class/block/*/slaves",
					  "file:/sys/class/block/*/dm/uuid",
					  "file:/sys/class/block/*/partition",
					  "file:/sys/class/block/*/device/vendor",
					  "file:/sys/class/block/*/device/model",
					  "file:/sys/class/block/*/backing_dev",
					  "dir:/sys/fs/btrfs*",
					  "file:/proc/cpuinfo"};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		names_add(patterns, all[i]);
}
