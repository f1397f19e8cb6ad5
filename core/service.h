/* A service as the running manager has it, from "unit:" (core/source.h). */
#pragma once

#include "core/check.h"

struct service {
	bool is_loaded;  /* the manager knows it; masked and broken ones it does not run count as not loaded */
	bool is_active;  /* and runs, not waiting to be started again after a failure */
	bool is_enabled; /* boot starts it by its own unit file */
	int64_t started; /* seconds; when its main process was started; 0: never, or not by this manager */
};

void service_ask(const char *unit, struct names *names);
MUST_CHECK bool service_read(const struct sources *fetched, const char *unit, struct service *ret_service,
			     struct err *err);
