/* What cloud-init did when this boot began, and what it is told about passwords: its records in /run (status.json,
 * result.json), its configuration, and the user data that it was given. Of user data only counts are told. */
#include "core/dropin.h"
#include "core/etc.h"
#include "core/lines.h"
#include "core/row.h"
#include "core/text.h"

#define CONFIG "file:/etc/cloud/cloud.cfg"
#define FOLDER "/etc/cloud/cloud.cfg.d"
#define STATUS "file:/run/cloud-init/status.json"
#define RESULT "file:/run/cloud-init/result.json"
#define USER_DATA "file:/var/lib/cloud/instance/user-data.txt"
#define RECORD_LARGEST (1U << 20)

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{"installed", VALUE_BOOL, NULL, "Whether there is an /etc/cloud/cloud.cfg; the rest is there only then.",
	 PRIVACY_PUBLIC, false},
	{"disabled", VALUE_BOOL, NULL, "Whether it is told not to run, or found no cloud to run for.", PRIVACY_PUBLIC,
	 false},
	{"done", VALUE_BOOL, NULL, "Whether it came to its end in this boot.", PRIVACY_PUBLIC, false},
	{"errors", VALUE_INT, NULL, "How many errors it wrote down.", PRIVACY_PUBLIC, false},
	{"recoverable", VALUE_INT, NULL, "How many warnings and worse that it went on from, where it counts them.",
	 PRIVACY_PUBLIC, false},
	{"password_login", VALUE_BOOL, NULL,
	 "Whether ssh_pwauth lets passwords in, by configuration or user data; not there where neither says so.",
	 PRIVACY_PUBLIC, false},
	{"password_file", VALUE_STRING, NULL, "The file that says so last.", PRIVACY_PUBLIC, false},
	{"passwords", VALUE_INT, NULL, "How many settings of passwords the configuration holds.", PRIVACY_PUBLIC,
	 false},
	{"secrets", VALUE_INT, NULL, "How many settings of passwords and private keys the user data holds.",
	 PRIVACY_PUBLIC, false},
	{0},
};

static const char *const disabling[] = {"stat:/etc/cloud/cloud-init.disabled", "stat:/run/cloud-init/disabled"};
static const char *const patterns[] = {CONFIG,
				       "dir:" FOLDER,
				       "file:" FOLDER "/*.cfg",
				       STATUS,
				       RESULT,
				       USER_DATA,
				       "stat:/etc/cloud/cloud-init.disabled",
				       "stat:/run/cloud-init/disabled",
				       ETC_SOURCE,
				       NULL};

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	static const char *const fixed[] = {CONFIG, STATUS, RESULT, USER_DATA, ETC_SOURCE};
	CLEANUP(names_free_p) struct names *paths = names_new();
	struct err ignored;
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		names_add(names, fixed[i]);
	for (size_t i = 0; i < ARRAY_LEN(disabling); i++)
		names_add(names, disabling[i]);
	pathglob_ask(FOLDER "/*.cfg", fetched, names);
	if (pathglob_list(FOLDER "/*.cfg", fetched, paths, &ignored))
		for (size_t i = 0; i < names_count(paths); i++)
			names_addf(names, "file:%s", names_at(paths, i));
}

/* The "v1" of a record, which lives in *ret_whole; NULL where there is no record. */
static bool read_record(const struct sources *fetched, const char *name, json_t **ret_whole, json_t **ret_v1,
			struct err *err) {
	const struct source *source;
	*ret_v1 = NULL;
	if (!source_maybe(fetched, name, &source, err))
		return false;
	if (!source)
		return true;
	if (!json_read(buf_str(&source->bytes), source->bytes.len, RECORD_LARGEST, name, ret_whole, err)) {
		err->code = ERR_MALFORMED;
		return false;
	}
	return json_get_object(*ret_whole, "v1", name, ret_v1, err);
}

/* {"WARNING": ["..."], ...} */
static int64_t recoverable_of(const json_t *stage) {
	const char *level;
	json_t *list;
	int64_t count = 0;
	json_object_foreach(json_object_get(stage, "recoverable_errors"), level, list) count +=
		(int64_t)json_array_size(list);
	return count;
}

/* Stages with what each began and finished at; "stage" is the one under way, null behind the last. */
static bool add_status(json_t *row, const struct sources *fetched, struct err *err) {
	CLEANUP(json_decref_p) json_t *status_whole = NULL;
	CLEANUP(json_decref_p) json_t *result_whole = NULL;
	json_t *status, *result, *stage;
	const char *name;
	int64_t errors = 0, recoverable = 0;
	if (!read_record(fetched, STATUS, &status_whole, &status, err) ||
	    !read_record(fetched, RESULT, &result_whole, &result, err))
		return false;
	json_object_foreach(status, name, stage) {
		errors += (int64_t)json_array_size(json_object_get(stage, "errors"));
		recoverable += recoverable_of(stage);
	}
	int64_t told = (int64_t)json_array_size(json_object_get(result, "errors"));
	row_bool(row, "done", result && status && json_is_null(json_object_get(status, "stage")));
	if (status || result)
		row_int(row, "errors", errors > told ? errors : told);
	row_int(row, "recoverable", recoverable);
	return true;
}

/* "key: value" of any depth, a list's dash before it passed over; NULL where the line is none. */
static char *setting_at(char *line, char **ret_value) {
	char *key = line + strspn(line, " \t-");
	char *colon = strchr(key, ':');
	if (*key == '#' || !colon || (colon[1] && !strchr(" \t\r", colon[1])))
		return NULL;
	*colon = '\0';
	*ret_value = text_trim(colon + 1);
	return text_trim(key);
}

static bool is_password(const char *key) {
	static const char *const keys[] = {"password", "passwd", "plain_text_passwd", "hashed_passwd", "chpasswd"};
	return text_is_one_of(key, keys, ARRAY_LEN(keys));
}

/* YAML by its lines: settings of the top begin at the margin, and configurations use anchors, which core/yaml.h does
 * not take. */
static bool read_settings(json_t *row, const struct source *source, int64_t *passwords, struct err *err) {
	static const char *const on[] = {"true", "True", "TRUE", "yes",     "Yes",  "YES",
					 "on",   "On",   "1",    "\"yes\"", "'yes'"};
	static const char *const off[] = {"false", "False", "FALSE", "no",     "No",  "NO",
					  "off",   "Off",   "0",     "\"no\"", "'no'"};
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	char *line, *key, *value;
	while ((line = lines_next(&lines))) {
		bool is_top = *line != ' ' && *line != '\t' && *line != '-';
		*passwords += strstr(line, "PRIVATE KEY-----") && strstr(line, "-----BEGIN");
		if (!(key = setting_at(line, &value)))
			continue;
		*passwords += is_password(key);
		if (!is_top || strcmp(key, "ssh_pwauth") != 0)
			continue;
		bool is_on = text_is_one_of(value, on, ARRAY_LEN(on));
		if (!is_on && !text_is_one_of(value, off, ARRAY_LEN(off)))
			continue; /* unchanged */
		row_bool(row, "password_login", is_on);
		row_text(row, "password_file", source_path(source));
	}
	return lines_ok(&lines, err);
}

static bool add_settings(json_t *row, const struct sources *fetched, const struct source *main_file, struct err *err) {
	CLEANUP(names_free_p) struct names *paths = names_new();
	const struct source *source;
	int64_t passwords = 0;
	if (!read_settings(row, main_file, &passwords, err) || !pathglob_list(FOLDER "/*.cfg", fetched, paths, err))
		return false;
	for (size_t i = 0; i < names_count(paths); i++) {
		CLEANUP(free_ptr) char *name = xasprintf("file:%s", names_at(paths, i));
		if (!source_maybe(fetched, name, &source, err) ||
		    (source && !read_settings(row, source, &passwords, err)))
			return false;
	}
	row_int(row, "passwords", passwords);
	return true;
}

/* What is packed, or several parts in one, is not taken apart: nothing is said of it then. */
static bool add_user_data(json_t *row, const struct sources *fetched, struct err *err) {
	const struct source *source;
	int64_t secrets = 0;
	if (!source_maybe(fetched, USER_DATA, &source, err))
		return false;
	const char *data = source ? buf_str(&source->bytes) : "";
	if (text_starts(data, "\x1f\x8b") || strstr(data, "Content-Transfer-Encoding: base64"))
		return err_set(err, ERR_UNPROVED, USER_DATA, "is packed, and not looked into");
	if (source && !read_settings(row, source, &secrets, err))
		return false;
	row_int(row, "secrets", secrets);
	return true;
}

static bool is_disabled(const struct sources *fetched, bool *ret_disabled, struct err *err) {
	const struct source *source;
	*ret_disabled = false;
	for (size_t i = 0; i < ARRAY_LEN(disabling); i++) {
		if (!source_maybe(fetched, disabling[i], &source, err))
			return false;
		*ret_disabled |= source != NULL;
	}
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	const struct source *main_file;
	bool disabled;
	json_t *row = row_add(rows);
	if (!etc_maybe(fetched, CONFIG, &main_file, err))
		return false;
	row_bool(row, "installed", main_file != NULL);
	if (main_file) {
		if (!is_disabled(fetched, &disabled, err) || !add_status(row, fetched, err) ||
		    !add_settings(row, fetched, main_file, err) || !add_user_data(row, fetched, err))
			return false;
		row_bool(row, "disabled", disabled);
	}
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_cloud_init = {
	.name = "cloud_init",
	.about = "What cloud-init did when this boot began, and what it is told about passwords.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = sources,
	.run = run,
};
