/* vouch doctor: the units as systemd has them, and what was laid over them. */
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/named.h"
#include "core/text.h"

#define DROPIN_LARGEST 65536

/* must_run: once the host is enrolled. */
static const struct unit_row {
	const char *name;
	bool must_run;
} units[] = {
	{"vouchd.service", true},
	{"vouch-enrol.service", false},
	{"vouch-ship.service", true},
	{"vouch-sealer.socket", true},
	{"vouch-sealer.service", false},
	{"vouch-broker-fs.socket", true},
	{"vouch-broker-fs.service", false},
	{"vouch-broker-net.socket", true},
	{"vouch-broker-net.service", false},
	{"vouch-broker-audit.socket", true},
	{"vouch-broker-audit.service", false},
	{"vouch-broker-audit-notices.socket", true},
	{"vouch-broker-audit-notices.service", false},
	{"vouch-broker-ptrace.socket", true},
	{"vouch-broker-ptrace.service", false},
	{"vouch-prober.socket", true},
	{"vouch-prober.service", false},
};

static bool read_units(struct doctor *doctor, struct sources *set) {
	CLEANUP(json_decref_p) json_t *names = json_array();
	const struct host here = {0};
	struct err err;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		CLEANUP(free_ptr) char *name = xasprintf("unit:%s", units[i].name);
		json_array_append_new(names, json_string(name));
	}
	if (named_read(&here, names, set, &err))
		return true;
	doctor_say_err(doctor, DOCTOR_UNSEEN, NULL, &err);
	return false;
}

/* The unit's properties, a new reference, or NULL and why. */
static json_t *unit_of(const struct sources *set, const char *unit, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("unit:%s", unit);
	json_t *object = NULL;
	for (size_t i = 0; i < sources_count(set); i++) {
		const struct source *source = sources_at(set, i);
		if (strcmp(source->name, name) != 0)
			continue;
		if (!source->err.code)
			return json_read(source->bytes.data, source->bytes.len, 1 << 20, name, &object, err) ? object
													     : NULL;
		*err = source->err;
		return NULL;
	}
	(void)err_set(err, ERR_UNPROVED, name, "it was not read");
	return NULL;
}

static const char *text_of(const json_t *unit, const char *name) {
	const char *text = json_string_value(json_object_get(unit, name));
	return text ? text : "";
}

/* Its file was replaced since it was started: what runs is the version before. */
static bool runs_old_file(const json_t *unit) {
	const json_int_t pid = json_integer_value(json_object_get(unit, "MainPID"));
	char target[4096];
	if (pid <= 0)
		return false;
	CLEANUP(free_ptr) char *link = xasprintf("/proc/%lld/exe", (long long)pid);
	const ssize_t len = readlink(link, target, sizeof target - 1);
	if (len < 0)
		return false;
	target[len] = '\0';
	return text_ends(target, " (deleted)");
}

/* In an image the unit of the first boot does it, at each boot. */
static void say_enabled(struct doctor *doctor, const json_t *vouchd, const json_t *enrol) {
	const char *state = text_of(vouchd, "UnitFileState");
	if (strcmp(state, "enabled") != 0 && (!enrol || strcmp(text_of(enrol, "UnitFileState"), "enabled") != 0))
		doctor_say(doctor, DOCTOR_WARNING, "systemctl enable vouchd",
			   "vouchd.service is %s: nobody starts it at the next boot", *state ? state : "not there");
}

/* Returns whether it is as it has to be. */
static bool say_unit(struct doctor *doctor, const struct unit_row *row, const json_t *unit) {
	CLEANUP(free_ptr) char *log = xasprintf("journalctl -u %s", row->name);
	CLEANUP(free_ptr) char *start = xasprintf("systemctl start %s", row->name);
	CLEANUP(free_ptr) char *restart = xasprintf("systemctl restart %s", row->name);
	const char *active = text_of(unit, "ActiveState");
	const bool must_run = row->must_run && doctor->enrolment;
	const enum doctor_level before = doctor->worst;
	doctor->worst = DOCTOR_OK;
	CLEANUP(free_ptr) char *unmask = xasprintf("systemctl unmask %s", row->name);
	if (!strcmp(text_of(unit, "LoadState"), "masked") && !strcmp(row->name, "vouch-ship.service"))
		doctor_say(doctor, DOCTOR_WARNING, "vouch-ship --to FOLDER, or systemctl unmask vouch-ship",
			   "vouch-ship.service is masked: what is sealed has to be carried to the collector");
	else if (!strcmp(text_of(unit, "LoadState"), "masked"))
		doctor_say(doctor, DOCTOR_PROBLEM, unmask, "%s is masked", row->name);
	else if (strcmp(text_of(unit, "LoadState"), "loaded") != 0)
		doctor_say(doctor, DOCTOR_PROBLEM, "install vouch whole", "%s: %s", row->name,
			   text_of(unit, "LoadState"));
	else if (!strcmp(active, "failed"))
		doctor_say(doctor, DOCTOR_PROBLEM, log, "%s has failed: %s", row->name, text_of(unit, "Result"));
	else if (must_run && strcmp(active, "active") != 0 && strcmp(active, "activating") != 0)
		doctor_say(doctor, DOCTOR_PROBLEM, start, "%s is %s", row->name, active);
	if (json_is_true(json_object_get(unit, "NeedDaemonReload")))
		doctor_say(doctor, DOCTOR_WARNING, "systemctl daemon-reload",
			   "%s was changed on the disk since systemd read it", row->name);
	if (runs_old_file(unit))
		doctor_say(doctor, DOCTOR_WARNING, restart, "%s runs a program whose file was replaced since",
			   row->name);
	const bool is_well = doctor->worst == DOCTOR_OK;
	if (before > doctor->worst)
		doctor->worst = before;
	return is_well;
}

void doctor_units(struct doctor *doctor) {
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	size_t well = 0;
	struct err err;
	if (!read_units(doctor, set))
		return;
	CLEANUP(json_decref_p) json_t *vouchd = unit_of(set, "vouchd.service", &err);
	CLEANUP(json_decref_p) json_t *enrol = unit_of(set, "vouch-enrol.service", &err);
	if (vouchd && doctor->enrolment)
		say_enabled(doctor, vouchd, enrol);
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		CLEANUP(json_decref_p) json_t *unit = unit_of(set, units[i].name, &err);
		if (!unit) {
			doctor_say_err(doctor, DOCTOR_UNSEEN, NULL, &err);
			return; /* and so of the others */
		}
		well += say_unit(doctor, &units[i], unit);
	}
	if (well == ARRAY_LEN(units))
		doctor_say(doctor, DOCTOR_OK, NULL, "%zu units are as they have to be", well);
}

/* --- what was laid over them -------------------------------------------------------------------------------------- */

/* With these a helper sees another host than this one, and says nothing of it. */
static const char *const blinding[] = {
	"BindPaths",
	"BindReadOnlyPaths",
	"CapabilityBoundingSet",
	"DynamicUser",
	"ExecPaths",
	"InaccessiblePaths",
	"MountImages",
	"NoExecPaths",
	"PrivateDevices",
	"PrivateNetwork",
	"PrivateTmp",
	"PrivateUsers",
	"ProcSubset",
	"ProtectClock",
	"ProtectHome",
	"ProtectKernelLogs",
	"ProtectKernelModules",
	"ProtectProc",
	"ProtectSystem",
	"RootDirectory",
	"RootImage",
	"TemporaryFileSystem",
	"User",
};

static void read_dropin(struct doctor *doctor, const char *unit, const char *path) {
	CLEANUP(buf_done) struct buf bytes = {0};
	struct err err;
	if (!file_read(path, DROPIN_LARGEST, &bytes, &err)) {
		doctor_say_err(doctor, DOCTOR_WARNING, NULL, &err);
		return;
	}
	const char *at = buf_str(&bytes);
	for (unsigned number = 1; *at; number++) {
		const size_t len = strcspn(at, "\n");
		CLEANUP(free_ptr) char *line = xstrndup(at, len);
		char *key = text_trim(line), *equals = strchr(key, '=');
		if (equals) {
			*equals = '\0';
			if (text_is_one_of(text_trim(key), blinding, ARRAY_LEN(blinding)))
				doctor_say(doctor, DOCTOR_WARNING, "take it out, unless you know that it hides nothing",
					   "%s:%u: %s= changes what %s sees of this host", path, number, key, unit);
		}
		at += len + (at[len] == '\n');
	}
}

void doctor_dropins(struct doctor *doctor) {
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	struct err ignored;
	if (!read_units(doctor, set))
		return;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		CLEANUP(json_decref_p) json_t *unit = NULL;
		size_t index;
		json_t *path;
		if (!text_starts(units[i].name, "vouch-broker-") || !text_ends(units[i].name, ".service") ||
		    !(unit = unit_of(set, units[i].name, &ignored)))
			continue;
		json_array_foreach(json_object_get(unit, "DropInPaths"), index, path)
			read_dropin(doctor, units[i].name, json_string_value(path));
	}
}
