/* usage: year_package FOLDER [CONTROL]: an audit package of a year of one host, and its trust file as
 * FOLDER.trust.json.
 *
 * A round every quarter of an hour over 111 rules, one of them full and one rotation of the epoch's key each day, a
 * boot each month, a change of five results each hour between nine and five, an anchor each four hours that a witness
 * and a time-stamp authority have signed. For tests/bench/run-verify-year. */
#define KIT_RULES 111
#include "package_kit.h"

#define ROUNDS (365 * 96)
#define DAY_ROUNDS 96
#define CHANGED 5

static void change(struct kit *kit, int round, const char *verdicts[KIT_RULES]) {
	for (int i = 0; i < CHANGED; i++)
		verdicts[(round * 7 + i * 13) % KIT_RULES] = round % 8 < 4 ? "fail" : "pass";
}

static void live_round(struct kit *kit, int round) {
	const char *verdicts[KIT_RULES] = {NULL};
	const int64_t at = KIT_BEGIN + (int64_t)round * KIT_EVERY;
	const int hour = round % DAY_ROUNDS / 4;
	static char boots[13][16];
	for (int i = 0; round == 0 && i < KIT_RULES; i++)
		verdicts[i] = "pass";
	if (round > 0 && round % 4 == 0 && hour >= 9 && hour < 17)
		change(kit, round, verdicts);
	kit_name_checkpoint(kit);
	if (round > 0 && round % (30 * DAY_ROUNDS) == 0) {
		char *boot = boots[round / (30 * DAY_ROUNDS)];
		const char *before = kit->host.boot;
		snprintf(boot, sizeof boots[0], "boot-%d", round);
		kit->host.boot = boot;
		kit_epoch(kit, &kit->host, "boot", before, at - 100);
	} else if (round > 0 && round % DAY_ROUNDS == 0) {
		kit_epoch(kit, &kit->host, "rotation", kit->host.boot, at - 100);
	}
	kit_round(kit, &kit->host, verdicts, ~0U, round % DAY_ROUNDS == 0, at);
	if (round % 16 == 15)
		kit_anchor(kit, at + 60);
}

int main(int argc, char **argv) {
	if (argc < 2)
		return 2;
	struct kit *kit = kit_new(argc > 2 ? argv[2] : NULL);
	char why[1001];
	memset(why, 'w', sizeof why - 1);
	why[sizeof why - 1] = '\0';
	kit->why = why;
	for (int round = 0; round < ROUNDS; round++)
		live_round(kit, round);
	kit->to = KIT_BEGIN + (int64_t)ROUNDS * KIT_EVERY;
	kit_export(kit);
	kit_save(kit, argv[1]);
	CLEANUP(free_ptr) char *trust = kit_text(kit_trust(kit));
	CLEANUP(free_ptr) char *path = xasprintf("%s.trust.json", argv[1]);
	struct err err;
	kit_must(file_write(path, trust, strlen(trust), 0644, &err), &err);
	kit_free(kit);
	return 0;
}
