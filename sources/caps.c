#include "sources/caps.h"

#include <endian.h>
#include <linux/capability.h>

#include "core/buf.h"
#include "core/capabilities.h"

/* struct vfs_ns_cap_data, of which the older forms are the beginning. */
struct caps {
	uint64_t permitted, inheritable;
	bool is_effective;
	uint32_t root; /* 0: the host's */
};

static uint32_t word(const unsigned char *bytes, size_t index) {
	uint32_t value;
	memcpy(&value, bytes + index * sizeof value, sizeof value);
	return le32toh(value);
}

static bool read_caps(const unsigned char *bytes, size_t len, struct caps *caps) {
	static const struct {
		uint32_t revision;
		size_t size;
	} forms[] = {{VFS_CAP_REVISION_1, XATTR_CAPS_SZ_1},
		     {VFS_CAP_REVISION_2, XATTR_CAPS_SZ_2},
		     {VFS_CAP_REVISION_3, XATTR_CAPS_SZ_3}};
	uint32_t magic = len >= sizeof magic ? word(bytes, 0) : 0;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		if ((magic & VFS_CAP_REVISION_MASK) != forms[i].revision || len != forms[i].size)
			continue;
		bool is_long = i > 0;
		*caps = (struct caps){.permitted = word(bytes, 1) | (is_long ? (uint64_t)word(bytes, 3) << 32 : 0),
				      .inheritable = word(bytes, 2) | (is_long ? (uint64_t)word(bytes, 4) << 32 : 0),
				      .is_effective = magic & VFS_CAP_FLAGS_EFFECTIVE,
				      .root = i == 2 ? word(bytes, 5) : 0};
		return true;
	}
	return false;
}

/* Those that are in exactly these sets. */
static void write_group(const struct caps *caps, bool is_inheritable, bool is_permitted, struct buf *text) {
	bool any = false;
	for (unsigned i = 0; i < 64; i++) {
		if (((caps->inheritable >> i) & 1) != is_inheritable || ((caps->permitted >> i) & 1) != is_permitted)
			continue;
		buf_adds(text, any ? "," : text->len ? " " : "");
		if (capability_name(i))
			buf_addf(text, "cap_%s", capability_name(i));
		else
			buf_addf(text, "%u", i);
		any = true;
	}
	if (any)
		buf_addf(text, "=%s%s%s", caps->is_effective ? "e" : "", is_inheritable ? "i" : "",
			 is_permitted ? "p" : "");
}

char *caps_text(const void *data, size_t len) {
	struct caps caps;
	CLEANUP(buf_done) struct buf text = {0};
	if (!read_caps(data, len, &caps))
		return NULL;
	write_group(&caps, true, true, &text);
	write_group(&caps, false, true, &text);
	write_group(&caps, true, false, &text);
	if (text.len == 0)
		buf_adds(&text, "=");
	if (caps.root)
		buf_addf(&text, " [rootid=%u]", (unsigned)caps.root);
	return buf_take(&text);
}
