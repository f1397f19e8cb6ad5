/* now: the time of day by the host's clock. It is a source of its own because adjtimex(2) is denied in many sandboxes
 * and containers, where the time can be told all the same. */
#include "core/times.h"
#include "sources/fetch.h"
#include "sources/kind.h"

static bool look_now(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	CLEANUP(json_decref_p) json_t *value = json_pack("{s:I}", "time", (json_int_t)times_now());
	return answer_json(ask, value, ret_answer, err);
}

const struct kind kind_now = {
	.prefix = "now:", .is_whole = true, .is_volatile = true, .deadline_ms = FETCH_DEADLINE_MS, .look = look_now};
