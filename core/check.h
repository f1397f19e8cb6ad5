/* A check looks; it never judges. It opens nothing, runs nothing, logs nothing: it names the sources it needs and
 * parses what it is handed. One file in checks/ holds one `const struct check check_NAME`; the build makes the table
 * from the file names. */
#pragma once

#include "core/source.h"

/* How a value stands in JSON, and how a policy may compare it. */
enum value_type {
	VALUE_STRING,   /* string */
	VALUE_INT,      /* integer */
	VALUE_BOOL,     /* true, false */
	VALUE_DURATION, /* integer seconds; written "90d" in policies */
	VALUE_SIZE,     /* integer bytes; "4G", "512M", "64K" in policies */
	VALUE_MODE,     /* string of octal digits, "0640"; at_most means: no bit that the limit lacks */
	VALUE_TIME,     /* RFC 3339 string in UTC */
	VALUE_STRINGS,  /* array of strings */
};

enum privacy {
	PRIVACY_PUBLIC,
	PRIVACY_PERSONAL, /* names of people, addresses, key comments */
	PRIVACY_SECRET,   /* presence only; a check never puts the value into a row */
};

struct check_param {
	const char *name; /* NULL ends the list */
	enum value_type type;
	bool required;
	const char *about; /* one sentence; names the default where there is one */
};

struct check_field {
	const char *name; /* NULL ends the list */
	enum value_type type;
	const char *unit; /* NULL, or "s", "bytes", "us" */
	const char *about;
	enum privacy privacy;
	bool is_volatile; /* moves by itself (counters, ages): judged, but left out of the state tree */
};

/* What a check saw: an array of objects, one a row, members as the fields declare (null or left out: not there). Rows
 * are in a stable order: two looks at the same state give equal rows. No rows after a successful look means that there
 * was nothing; a look that failed never ends here but as an error. */
struct observation {
	json_t *rows; /* new reference */
};

/* A growing list of source names. Names already in it are not added again. */
struct names;
void names_add(struct names *names, const char *name);
void names_addf(struct names *names, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* kind and path as a pattern that stands for this name alone. */
void names_add_pattern(struct names *patterns, const char *kind, const char *path);
struct names *names_new(void);
void names_free(struct names *names);
DEFINE_CLEANUP(struct names, names_free)
/* Makes a list small that is kept for long: in two pieces of memory instead of one a name. */
void names_pack(struct names *names);
size_t names_count(const struct names *names);
const char *names_at(const struct names *names, size_t index);

struct check {
	const char *name;  /* equals the file's name */
	const char *about; /* one sentence */
	const struct check_param *params;
	const struct check_field *fields;
	/* Shell-style patterns (fnmatch without flags) of every source name that sources() may ever add; NULL ends.
	 * They are the allow list: a name that matches none is not fetched and comes back denied. */
	const char *const *patterns;
	/* NULL: the patterns, whatever the parameters. Else what of them these parameters (complete) ask for on a host
	 * where files lie where they usually do: for the helpers' list of what may be opened, which is the narrower
	 * the better. What lies elsewhere is denied there until the administrator adds it. */
	void (*paths)(const json_t *params, struct names *patterns);
	/* Add the names needed, given what was fetched so far; called again until nothing is new, at most 8 times.
	 * Params are complete (typed, defaults filled in by the policy). Must tolerate absent and failed sources. */
	void (*sources)(const json_t *params, const struct sources *fetched, struct names *names);
	/* Look. False: the look failed, *err says which source and why (one of the seven codes). */
	bool (*run)(const json_t *params, const struct sources *fetched, struct observation *ret_observation,
		    struct err *err);
};

#define CHECK_PASSES 8

/* The table that the build makes from checks/; NULL ends it, sorted by name. (It is handed around as a parameter: core
 * does not know checks/.) */
extern const struct check *const checks_all[];
/* NULL when there is none of this name. */
const struct check *check_find(const struct check *const *checks, const char *name);
const struct check_field *check_field_find(const struct check *check, const char *name);
const struct check_param *check_param_find(const struct check *check, const char *name);

/* Parameters, typed already: a value or the given default when it is left out. */
const char *param_string(const json_t *params, const char *name, const char *otherwise);
int64_t param_int(const json_t *params, const char *name, int64_t otherwise);
bool param_bool(const json_t *params, const char *name, bool otherwise);
/* The i-th of a VALUE_STRINGS parameter, NULL behind the end. */
const char *param_strings_at(const json_t *params, const char *name, size_t index);
/* Whether a text is one of them; NULL is none. */
bool param_strings_have(const json_t *params, const char *name, const char *text);

/* The names of the value types as policies and pages write them: "string", "int", "bool", "duration", ... */
const char *value_type_name(enum value_type type);
bool value_type_from_name(const char *name, enum value_type *ret_type);
