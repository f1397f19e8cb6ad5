#include "agent/schedule.h"

uint64_t schedule_next(uint64_t first, uint64_t last, uint64_t every) {
	return first + ((last - first + SCHEDULE_SLACK_US) / every + 1) * every;
}
