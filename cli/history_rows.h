/* What was observed before and after a change, for people. */
#pragma once

#include <jansson.h>

/* Prints rows that went and rows that came, as a history entry has them. A row that was there before and after, known
 * by its name, is one line of the fields that differ ("~"); others are "-" and "+". At most 8 lines, each of some 150
 * characters: programs read --json. */
void history_rows(const json_t *gone, const json_t *added);
