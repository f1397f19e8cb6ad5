#include "verify/manifest.h"

#include "core/times.h"

#define NAME "manifest.json"

static bool are_strings(const json_t *array, const char *what, struct err *err) {
	size_t index;
	const json_t *item;
	json_array_foreach(array, index, item) if (!json_is_string(item)) return err_set(
		err, ERR_MALFORMED, NAME, "a member of \"%s\" is not a string", what);
	return true;
}

static bool read_time(const json_t *object, const char *name, int64_t *ret_instant, struct err *err) {
	const char *text;
	return json_get_string(object, name, NAME, &text, err) &&
	       (times_parse(text, ret_instant) || err_set(err, ERR_MALFORMED, NAME, "\"%s\" is not a time", name));
}

static bool read_query(const json_t *object, struct manifest *manifest, struct err *err) {
	json_t *query;
	if (!json_get_object(object, "query", NAME, &query, err) ||
	    !json_get_array(query, "hosts", NAME, &manifest->hosts, err) ||
	    !json_get_array(query, "controls", NAME, &manifest->controls, err) ||
	    !are_strings(manifest->hosts, "hosts", err) || !are_strings(manifest->controls, "controls", err) ||
	    !read_time(query, "from", &manifest->from, err) || !read_time(query, "to", &manifest->to, err))
		return false;
	return manifest->from < manifest->to ||
	       err_set(err, ERR_MALFORMED, NAME, "the period ends before it begins, or is empty");
}

static bool read_all(struct manifest *manifest, struct err *err) {
	const json_t *object = manifest->object;
	const char *format;
	json_t *rows;
	if (!json_is_object(object))
		return err_set(err, ERR_MALFORMED, NAME, "not a JSON object");
	if (!json_get_string(object, "format", NAME, &format, err))
		return false;
	if (strcmp(format, MANIFEST_FORMAT) != 0)
		return err_set(err, ERR_MALFORMED, NAME, "its format is not " MANIFEST_FORMAT);
	return read_query(object, manifest, err) && json_get_object(object, "rows", NAME, &rows, err) &&
	       json_get_int(rows, "statements", NAME, &manifest->statements, err) &&
	       json_get_int(rows, "hosts", NAME, &manifest->host_count, err) &&
	       json_get_string(object, "origin", NAME, &manifest->origin, err) &&
	       json_get_array(object, "files", NAME, &manifest->files, err);
}

bool manifest_read(const struct package *package, struct manifest *ret_manifest, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(manifest_done) struct manifest manifest = {0};
	if (!package_read(package, NAME, PACKAGE_MANIFEST_LARGEST, &bytes, err) ||
	    !json_read(bytes.data, bytes.len, PACKAGE_MANIFEST_LARGEST, NAME, &manifest.object, err) ||
	    !read_all(&manifest, err))
		return false;
	*ret_manifest = manifest;
	manifest = (struct manifest){0};
	return true;
}

void manifest_done(struct manifest *manifest) {
	json_decref(manifest->object);
	*manifest = (struct manifest){0};
}

/* One file of the list against what is there. */
static bool file_holds(const struct package *package, const json_t *listed, const char *name, struct err *err) {
	int64_t size;
	const char *hex;
	struct hash said, is;
	const struct package_file *file = package_find(package, name);
	if (!json_get_int(listed, "size", name, &size, err) || !json_get_string(listed, "sha256", name, &hex, err))
		return false;
	if (!hash_from_hex(hex, &said))
		return err_set(err, ERR_MALFORMED, name, "\"sha256\" is not a digest");
	if (!file)
		return err_set(err, ERR_REFUSED, name, "the manifest lists it, and it is not there");
	if (file->size != (uint64_t)size)
		return err_set(err, ERR_REFUSED, name, "%llu bytes, the manifest says %lld",
			       (unsigned long long)file->size, (long long)size);
	if (!package_hash(package, name, &is, err))
		return false;
	return hash_equal(&is, &said) || err_set(err, ERR_REFUSED, name, "its digest is not the one of the manifest");
}

static void check_total(const struct manifest *manifest, struct found *found) {
	CLEANUP(buf_done) struct buf bytes = {0};
	const char *total;
	char hex[HASH_HEX];
	struct err err;
	if (!json_canonical(manifest->files, &bytes, &err) ||
	    !json_get_string(manifest->object, "hashTotal", NAME, &total, &err)) {
		found_err(found, FOUND_MANIFEST, NAME, &err);
		return;
	}
	const struct hash is = hash_of(bytes.data, bytes.len);
	if (strcmp(hash_hex(&is, hex), total) != 0)
		found_add(found, FOUND_CONTRADICTION, FOUND_MANIFEST, NAME, "the hash total is not that of the files");
}

static const char *name_at(const struct manifest *manifest, size_t index) {
	return json_string_value(json_object_get(json_array_get(manifest->files, index), "name"));
}

static bool is_sorted(const struct manifest *manifest, struct found *found) {
	for (size_t i = 0; i < json_array_size(manifest->files); i++) {
		const char *name = name_at(manifest, i);
		if (name && (i == 0 || strcmp(name, name_at(manifest, i - 1)) > 0))
			continue;
		found_add(found, FOUND_CONTRADICTION, FOUND_MANIFEST, name ? name : NAME,
			  "files are not sorted by name, or one is listed twice");
		return false;
	}
	return true;
}

static bool is_listed(const struct manifest *manifest, const char *name) {
	size_t low = 0, high = json_array_size(manifest->files);
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const int order = strcmp(name_at(manifest, middle), name);
		if (order == 0)
			return true;
		*(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
	}
	return !strcmp(name, NAME);
}

void manifest_check(const struct manifest *manifest, const struct package *package, struct found *found) {
	size_t index;
	const json_t *listed;
	struct err err;
	if (!is_sorted(manifest, found))
		return;
	json_array_foreach(manifest->files, index,
			   listed) if (!file_holds(package, listed, name_at(manifest, index), &err))
		found_err(found, FOUND_MANIFEST, name_at(manifest, index), &err);
	for (size_t i = 0; i < package_count(package); i++)
		if (!is_listed(manifest, package_at(package, i)->name))
			found_add(found, FOUND_CONTRADICTION, FOUND_MANIFEST, package_at(package, i)->name,
				  "it is there, and the manifest does not list it");
	check_total(manifest, found);
}

bool manifest_wants(const struct manifest *manifest, char *const *controls, size_t count) {
	size_t index;
	const json_t *wanted;
	json_array_foreach(manifest->controls, index,
			   wanted) for (size_t i = 0; i < count;
					i++) if (!strcmp(controls[i], json_string_value(wanted))) return true;
	return json_array_size(manifest->controls) == 0;
}
