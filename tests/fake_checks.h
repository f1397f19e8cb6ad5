/* Checks that look at nothing, for tests of what stands above checks. */
#pragma once

#include "core/check.h"

static const struct check fake_file = {
	.name = "file",
	.about = "Files.",
	.params =
		(const struct check_param[]){
			{"path", VALUE_STRING, true, "Path."},
			{"patterns", VALUE_STRINGS, false, "Patterns."},
			{"depth", VALUE_INT, false, "Depth."},
			{"show", VALUE_BOOL, false, "Whether to show text."},
			{NULL, VALUE_STRING, false, NULL},
		},
	.fields =
		(const struct check_field[]){
			{"path", VALUE_STRING, NULL, "Path.", PRIVACY_PUBLIC, false},
			{"mode", VALUE_MODE, NULL, "Mode.", PRIVACY_PUBLIC, false},
			{"uid", VALUE_INT, NULL, "Owner.", PRIVACY_PUBLIC, false},
			{"owner", VALUE_STRING, NULL, "Owner's name.", PRIVACY_PERSONAL, false},
			{"size", VALUE_SIZE, "bytes", "Size.", PRIVACY_PUBLIC, false},
			{"age", VALUE_DURATION, "s", "Age.", PRIVACY_PUBLIC, true},
			{"changed", VALUE_TIME, NULL, "Time.", PRIVACY_PUBLIC, false},
			{"token", VALUE_STRING, NULL, "Secret.", PRIVACY_SECRET, false},
			{"tags", VALUE_STRINGS, NULL, "Tags.", PRIVACY_PUBLIC, false},
			{"exists", VALUE_BOOL, NULL, "Whether it is there.", PRIVACY_PUBLIC, false},
			{"sticky", VALUE_BOOL, NULL, "Sticky.", PRIVACY_PUBLIC, false},
			{NULL, VALUE_STRING, NULL, NULL, PRIVACY_PUBLIC, false},
		},
};

static const struct check fake_sysctl = {
	.name = "sysctl",
	.about = "Kernel settings.",
	.params =
		(const struct check_param[]){
			{"key", VALUE_STRING, true, "Name."},
			{NULL, VALUE_STRING, false, NULL},
		},
	.fields =
		(const struct check_field[]){
			{"key", VALUE_STRING, NULL, "Name.", PRIVACY_PUBLIC, false},
			{"running", VALUE_STRING, NULL, "Value now.", PRIVACY_PUBLIC, false},
			{"persistent", VALUE_STRING, NULL, "Value at boot.", PRIVACY_PUBLIC, false},
			{NULL, VALUE_STRING, NULL, NULL, PRIVACY_PUBLIC, false},
		},
};

static const struct check fake_viewer = {
	.name = "viewer",
	.about = "A check with a field named view.",
	.params = (const struct check_param[]){{NULL, VALUE_STRING, false, NULL}},
	.fields =
		(const struct check_field[]){
			{"view", VALUE_STRING, NULL, "View.", PRIVACY_PUBLIC, false},
			{NULL, VALUE_STRING, NULL, NULL, PRIVACY_PUBLIC, false},
		},
};

static const struct check *const fake_checks[] = {&fake_file, &fake_sysctl, &fake_viewer, NULL};
