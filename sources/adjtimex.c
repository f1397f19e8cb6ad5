/* adjtimex: what the kernel thinks of its clock, read and not set. state is what the call returns (TIME_OK 0 to
 * TIME_ERROR 5), status the STA_ bits, maxerror and esterror microseconds, offset in the unit that STA_NANO says, freq
 * as timex(2) scales it. Reading needs no capability, so no helper does it: the filter of one
 * that may use CAP_DAC_READ_SEARCH stays without the calls that set clocks. */
#include <sys/timex.h>

#include <errno.h>

#include "sources/fetch.h"
#include "sources/kind.h"

static bool look_adjtimex(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	struct timex clock = {.modes = 0};
	int state = adjtimex(&clock);
	if (state < 0)
		return err_errno(err, errno, ERR_UNREADABLE, ask->name, "adjtimex");
	CLEANUP(json_decref_p)
	json_t *value = json_pack("{s:i,s:i,s:I,s:I,s:I,s:I,s:i,s:I}", "state", state, "status", clock.status,
				  "maxerror", (json_int_t)clock.maxerror, "esterror", (json_int_t)clock.esterror,
				  "offset", (json_int_t)clock.offset, "freq", (json_int_t)clock.freq, "tai", clock.tai,
				  "time", (json_int_t)clock.time.tv_sec);
	return answer_json(ask, value, ret_answer, err);
}

const struct kind kind_adjtimex = {.prefix = "adjtimex:",
				   .is_whole = true,
				   .is_volatile = true,
				   .deadline_ms = FETCH_DEADLINE_MS,
				   .look = look_adjtimex};
