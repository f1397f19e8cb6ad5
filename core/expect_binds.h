/* What an expectation leaves open. A waiver's value is one, and must not hold of whatever else is observed. */
#pragma once

#include "core/expect_odd.h"

/* Whether it says something of every row of the view, so that a further row can break it: `every` and bare fields do;
 * `some`, `none` and `not` do not. A `count` of all rows does where `of` names no field of theirs, or where it is none.
 */
bool expect_binds(const struct expect *expect, const struct expect *of, size_t view);
/* Whether it is about this view at all. */
bool expect_is_about(const struct expect *expect, size_t view);
/* Whether one field at least of those that `of` names is named, and what is said of it does not hold of whatever it may
 * be; also where that names none. */
bool expect_shares_field(const struct expect *expect, const struct expect *of, const struct expect_odd *odd);
/* Whether the field is named, as the rule writes it ("view.field" with several views). */
bool expect_names(const struct expect *expect, const char *field);
