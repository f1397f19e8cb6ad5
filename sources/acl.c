#include "sources/acl.h"

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core/buf.h"
#include "sources/fixture.h"

#define ATTRIBUTE "system.posix_acl_access"
#define VERSION 2     /* of the attribute's form (linux/posix_acl_xattr.h); all its numbers are little-endian */
#define LARGEST 65536 /* bytes: XATTR_SIZE_MAX */

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

static json_t *parse(const unsigned char *bytes, size_t len) {
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

/* The attribute's length, -1 and errno. Through /proc because no call takes a descriptor that was opened with O_PATH,
 * or a folder and a name. */
static ssize_t read_attribute(int at, const char *name, unsigned char *bytes) {
	char path[32 + NAME_MAX + 2];
	snprintf(path, sizeof path, "/proc/self/fd/%d%s%s", at, name ? "/" : "", name ? name : "");
	ssize_t len = name ? lgetxattr(path, ATTRIBUTE, bytes, LARGEST) : getxattr(path, ATTRIBUTE, bytes, LARGEST);
	if (len < 0 && errno == ENOENT)
		errno = access("/proc/self/fd", F_OK) == 0 ? ENOENT : EIO; /* without /proc nothing is seen */
	return len;
}

static bool is_none(int error) { return error == ENODATA || error == EOPNOTSUPP || error == ENOENT; }

bool acl_read(const struct place *place, int at, const char *name, const char *path, mode_t mode, json_t **ret_list) {
	*ret_list = NULL;
	if (S_ISLNK(mode))
		return true;
	if (name && strlen(name) > NAME_MAX) {
		errno = ENAMETOOLONG;
		return false;
	}
	if (place->fixture && place->fixture->meta) {
		*ret_list = json_incref(fixture_acl(place->fixture, path));
		return true;
	}
	if (at < 0)
		return true; /* a fixture's that is nowhere else */
	CLEANUP(free_ptr) unsigned char *bytes = xmalloc(LARGEST);
	ssize_t len = read_attribute(at, name, bytes);
	if (len < 0)
		return is_none(errno);
	json_t *list = parse(bytes, (size_t)len);
	if (!list) {
		errno = EBADMSG;
		return false;
	}
	if (json_array_size(list) > 0)
		*ret_list = json_incref(list);
	json_decref(list);
	return true;
}
