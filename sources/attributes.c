#include "sources/attributes.h"

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core/buf.h"
#include "sources/caps.h"
#include "sources/fixture.h"

#define ACL "system.posix_acl_access"
#define DEFAULT_ACL "system.posix_acl_default"
#define CAPS "security.capability"
#define VERSION 2     /* of the attribute's form (linux/posix_acl_xattr.h); all its numbers are little-endian */
#define LARGEST 65536 /* bytes: XATTR_SIZE_MAX */
#define SMALL 256     /* enough for nearly all */
#define PATH_ROOM (32 + NAME_MAX + 2)

enum tag { TAG_USER = 0x02, TAG_GROUP = 0x08, TAG_MASK = 0x10 };

struct entry {
	uint16_t tag, may;
	uint32_t id;
};

static struct entry entry_at(const unsigned char *bytes) {
	struct entry entry;
	memcpy(&entry, bytes, sizeof entry);
	return (struct entry){le16toh(entry.tag), le16toh(entry.may), le32toh(entry.id)};
}

/* NULL when it is no access list. */
static json_t *parse_acl(const unsigned char *bytes, size_t len) {
	uint32_t version;
	unsigned mask = 7;
	if (len < sizeof version || (len - sizeof version) % sizeof(struct entry) != 0)
		return NULL;
	memcpy(&version, bytes, sizeof version);
	if (le32toh(version) != VERSION)
		return NULL;
	json_t *list = json_array();
	for (size_t at = sizeof version; at < len; at += sizeof(struct entry))
		if (entry_at(bytes + at).tag == TAG_MASK)
			mask = entry_at(bytes + at).may;
	for (size_t at = sizeof version; at < len; at += sizeof(struct entry)) {
		struct entry entry = entry_at(bytes + at);
		unsigned may = entry.may & mask;
		if ((entry.tag != TAG_USER && entry.tag != TAG_GROUP) || !(may & 7))
			continue;
		CLEANUP(free_ptr)
		char *text = xasprintf("%s:%u:%c%c%c", entry.tag == TAG_USER ? "user" : "group", (unsigned)entry.id,
				       may & 4 ? 'r' : '-', may & 2 ? 'w' : '-', may & 1 ? 'x' : '-');
		json_array_append_new(list, json_string(text));
	}
	return list;
}

/* Through /proc because no call takes a descriptor that was opened with O_PATH, or a folder and a name. */
static bool path_of(int at, const char *name, char path[PATH_ROOM]) {
	if (name && strlen(name) > NAME_MAX) {
		errno = ENAMETOOLONG;
		return false;
	}
	snprintf(path, PATH_ROOM, "/proc/self/fd/%d%s%s", at, name ? "/" : "", name ? name : "");
	return true;
}

/* The attribute's length; 0 where there is none, or where the path is gone; -1 and errno. */
static ssize_t read_attribute(const char *path, bool follows, const char *attribute, unsigned char *bytes,
			      size_t size) {
	ssize_t len = follows ? getxattr(path, attribute, bytes, size) : lgetxattr(path, attribute, bytes, size);
	if (len < 0 && errno == ENOENT && access("/proc/self/fd", F_OK) != 0)
		errno = EIO; /* without /proc nothing is seen */
	return len < 0 && (errno == ENODATA || errno == EOPNOTSUPP || errno == ENOENT) ? 0 : len;
}

/* One that is too long for these bytes is read again in full. *object is made when there is something. */
static bool add_attribute(const char *path, bool follows, const char *attribute, const char *key, json_t **object) {
	unsigned char small[SMALL];
	CLEANUP(free_ptr) unsigned char *large = NULL;
	const unsigned char *bytes = small;
	ssize_t len = read_attribute(path, follows, attribute, small, sizeof small);
	if (len < 0 && errno == ERANGE) {
		bytes = large = xmalloc(LARGEST);
		len = read_attribute(path, follows, attribute, large, LARGEST);
	}
	if (len <= 0)
		return len == 0;
	CLEANUP(free_ptr) char *caps = strcmp(key, "caps") ? NULL : caps_text(bytes, (size_t)len);
	CLEANUP(json_decref_p)
	json_t *value = strcmp(key, "caps") ? parse_acl(bytes, (size_t)len) : caps ? json_string(caps) : NULL;
	if (!value) {
		errno = EBADMSG;
		return false;
	}
	if (json_is_array(value) && json_array_size(value) == 0)
		return true;
	*object = *object ? *object : json_object();
	json_object_set(*object, key, value);
	return true;
}

static json_t *from_fixture(const struct fixture *fixture, const char *path) {
	static const char *const keys[] = {"acl", "default_acl", "caps"};
	json_t *object = NULL;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		json_t *value = fixture_attribute(fixture, path, keys[i]);
		if (value)
			object = object ? object : json_object();
		if (value)
			json_object_set(object, keys[i], value);
	}
	return object;
}

bool attributes_read(const struct place *place, int at, const char *name, const char *path, mode_t mode,
		     json_t **ret_object) {
	char proc[PATH_ROOM];
	CLEANUP(json_decref_p) json_t *object = NULL;
	*ret_object = NULL;
	if (S_ISLNK(mode))
		return true;
	if (place->fixture && place->fixture->meta) {
		*ret_object = from_fixture(place->fixture, path);
		return true;
	}
	if (at < 0)
		return true; /* a fixture's that is nowhere else */
	if (!path_of(at, name, proc) || !add_attribute(proc, !name, ACL, "acl", &object) ||
	    (S_ISDIR(mode) && !add_attribute(proc, !name, DEFAULT_ACL, "default_acl", &object)) ||
	    (S_ISREG(mode) && !add_attribute(proc, !name, CAPS, "caps", &object)))
		return false;
	*ret_object = json_incref(object);
	return true;
}

bool attributes_has_caps(const struct place *place, int at, const char *name, const char *path, mode_t mode) {
	char proc[PATH_ROOM];
	errno = 0;
	if (!S_ISREG(mode))
		return false;
	if (place->fixture && place->fixture->meta)
		return fixture_attribute(place->fixture, path, "caps");
	if (at < 0 || !path_of(at, name, proc))
		return false;
	ssize_t len = read_attribute(proc, !name, CAPS, NULL, 0);
	errno = len < 0 ? errno : 0;
	return len > 0;
}
