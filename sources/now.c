/* now: the time of day by the host's clock. It is a source of its own because adjtimex(2) is denied in many sandboxes
 * and containers, where the time can be told all the same.
 *
 * A folder that is somebody's disk is judged by the time of who looks: whether its support has ended is a question of
 * today. A folder that was made for a test, or captured, has the time that lies in it, or none. */
#include "core/times.h"
#include "sources/fetch.h"
#include "sources/fixture.h"
#include "sources/kind.h"

static bool look_now(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	if (ask->place && ask->place->fixture && ask->place->fixture->meta)
		return err_set(err, ERR_UNPROVED, ask->name, "not in this folder");
	CLEANUP(json_decref_p) json_t *value = json_pack("{s:I}", "time", (json_int_t)times_now());
	return answer_json(ask, value, ret_answer, err);
}

const struct kind kind_now = {.prefix = "now:",
			      .is_whole = true,
			      .below_root = true,
			      .may_be_kept = true,
			      .is_volatile = true,
			      .deadline_ms = FETCH_DEADLINE_MS,
			      .look = look_now};
