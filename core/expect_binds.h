/* What an expectation leaves open. A waiver's value is one, and must not hold of whatever else is observed. */
#pragma once

#include "core/expect.h"

/* Whether it says something of every row of the view, so that a further row can break it: `every`, bare fields, or a
 * `count` of all rows do; `some`, `none` and `not` do not. */
bool expect_binds(const struct expect *expect, size_t view);
/* Whether it is about this view at all. */
bool expect_is_about(const struct expect *expect, size_t view);
/* Whether one field at least of those that `of` names is named; also where that names none. */
bool expect_shares_field(const struct expect *expect, const struct expect *of);
/* Whether the field is named, as the rule writes it ("view.field" with several views). */
bool expect_names(const struct expect *expect, const char *field);
