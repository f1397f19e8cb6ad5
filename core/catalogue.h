/* The control catalogue: numbers, titles and attributes of a framework's controls, as data
 * (policies/iso27001-2022.yaml), and the map from the 2013 edition. */
#pragma once

#include "core/err.h"
#include "core/yaml.h"

struct control {
	char *id;    /* "A.8.15" */
	char *title; /* "Logging" */
	char *theme; /* Organizational, People, Physical, Technological */
	bool is_new; /* new in the 2022 edition */
	/* Attributes of ISO/IEC 27002:2022, each a list joined by ", ". */
	char *control_type, *properties, *concepts, *capabilities, *domains;
	/* How far a host can answer for it: full, partial, documents; and what only documents can show. NULL: nothing
	 * of it is on hosts. */
	char *coverage, *documents;
};

struct control_move { /* a line of the 2013 map */
	/* relation: one_to_one, merged, split, or new; a new control came from nowhere: from and from_title are "". */
	char *from, *from_title, *to, *relation;
};

struct catalogue {
	char *framework; /* "iso27001:2022" */
	char *title;
	struct control *controls; /* in the standard's order */
	size_t control_count;
	struct control_move *moves;
	size_t move_count;
};

/* From a folder that holds iso27001-2022.yaml, coverage.yaml and iso27001-2013-map.yaml. */
MUST_CHECK bool catalogue_load(const char *folder, struct catalogue **ret_catalogue, struct err *err);
void catalogue_free(struct catalogue *catalogue);
DEFINE_CLEANUP(struct catalogue, catalogue_free)
/* NULL when there is none. */
const struct control *catalogue_find(const struct catalogue *catalogue, const char *id);
/* Compares "A.8.9" before "A.8.10". */
int control_compare(const char *a, const char *b);
