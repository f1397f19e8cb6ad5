/* What a sealed policy does to those below it, by its own text, for readers who know none of its checks. */
#pragma once

#include "core/json.h"
#include "core/yaml.h"

#define OVERLAY_NAMES_MOST 4096 /* in one list; further ones are not named */

/* {"replaces","disables","enables": [rule...], "sets": ["rule.parameter"...]}, in the text's order; a list that would
 * be empty is not there. New reference. */
json_t *overlay_text_changes(const struct yaml *policy);
