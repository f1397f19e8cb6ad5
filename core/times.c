#include "core/times.h"

#include "core/text.h"

#define YEAR_1 (-62135596800LL)
#define YEAR_9999_END 253402300799LL
#define LONGEST (100LL * 366 * 86400)

/* Not time(2): its coarse clock may lag behind the times that the kernel gives to files, by a second at the turn of
 * one. */
int64_t times_now(void) {
	struct timespec now;
	if (clock_gettime(CLOCK_REALTIME, &now) != 0)
		abort(); /* there is no Linux without this clock */
	return (int64_t)now.tv_sec;
}

char *times_format(int64_t instant, char text[TIMES_TEXT]) {
	time_t bounded = instant < YEAR_1 ? YEAR_1 : instant > YEAR_9999_END ? YEAR_9999_END : instant;
	struct tm parts;
	gmtime_r(&bounded, &parts);
	/* strftime()'s %Y does not pad. */
	snprintf(text, TIMES_TEXT, "%04u-", (unsigned)(parts.tm_year + 1900) % 10000);
	strftime(text + 5, TIMES_TEXT - 5, "%m-%dT%H:%M:%SZ", &parts);
	return text;
}

static bool digits(const char *text, size_t len, int *ret_value) {
	int value = 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (text[i] - '0');
	}
	*ret_value = value;
	return true;
}

bool times_parse(const char *text, int64_t *ret_instant) {
	struct tm parts = {0};
	if (strlen(text) != TIMES_TEXT - 1 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
	    text[16] != ':' || text[19] != 'Z')
		return false;
	if (!digits(text, 4, &parts.tm_year) || !digits(text + 5, 2, &parts.tm_mon) ||
	    !digits(text + 8, 2, &parts.tm_mday) || !digits(text + 11, 2, &parts.tm_hour) ||
	    !digits(text + 14, 2, &parts.tm_min) || !digits(text + 17, 2, &parts.tm_sec))
		return false;
	if (parts.tm_year == 0)
		return false;
	parts.tm_year -= 1900;
	parts.tm_mon -= 1;
	struct tm asked = parts;
	time_t instant = timegm(&parts);
	/* timegm() normalises 31 February to March: the fields must come back as they were given. */
	if (parts.tm_mon != asked.tm_mon || parts.tm_mday != asked.tm_mday || parts.tm_hour != asked.tm_hour ||
	    parts.tm_min != asked.tm_min || parts.tm_sec != asked.tm_sec)
		return false;
	*ret_instant = instant;
	return true;
}

bool times_parse_day(const char *text, int64_t *ret_instant) {
	char midnight[TIMES_TEXT];
	if (strlen(text) != 10)
		return times_parse(text, ret_instant);
	snprintf(midnight, sizeof midnight, "%.10sT00:00:00Z", text);
	return times_parse(midnight, ret_instant);
}

static const struct {
	char unit;
	int64_t seconds;
} units[] = {{'w', 604800}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};

bool times_parse_duration(const char *text, int64_t *ret_seconds) {
	size_t len = strlen(text);
	char number[24];
	unsigned long long value;
	if (!strcmp(text, "0")) {
		*ret_seconds = 0;
		return true;
	}
	if (len < 2 || len > sizeof number)
		return false;
	memcpy(number, text, len - 1);
	number[len - 1] = '\0';
	if (!text_to_u64(number, LONGEST, &value))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (units[i].unit == text[len - 1] && (int64_t)value <= LONGEST / units[i].seconds) {
			*ret_seconds = (int64_t)value * units[i].seconds;
			return true;
		}
	return false;
}

char *times_format_duration(int64_t seconds, char text[24]) {
	for (size_t i = 1; i < ARRAY_LEN(units); i++)
		if (seconds % units[i].seconds == 0 && seconds != 0) {
			snprintf(text, 24, "%lld%c", (long long)(seconds / units[i].seconds), units[i].unit);
			return text;
		}
	snprintf(text, 24, "%s", "0s");
	return text;
}
