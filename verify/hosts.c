#include "verify/hosts.h"

static void free_line(struct line *line) {
	for (size_t i = 0; i < line->boot_count; i++)
		free(line->boots[i]);
	free(line->boots);
	free(line->boot);
	free(line->purpose);
	EVP_PKEY_free(line->enrolled);
	EVP_PKEY_free(line->epoch);
	free(line->epochs);
	free(line->gaps);
	free(line->events);
	free(line->current.slots);
	free(line);
}

static void free_host(struct host *host) {
	for (size_t i = 0; i < host->line_count; i++)
		free_line(host->lines[i]);
	for (size_t i = 0; i < host->rule_count; i++) {
		timeline_done(&host->rules[i]->timeline);
		free(host->rules[i]->id);
		free(host->rules[i]);
	}
	for (size_t i = 0; i < host->judged_count && i < HOSTS_KEPT_MOST; i++)
		json_decref(host->judged[i].policies);
	free(host->judged);
	free(host->lines);
	free(host->rules);
	free(host->id);
	free(host->name);
	free(host);
}

void hosts_done(struct hosts *hosts) {
	for (size_t i = 0; i < hosts->count; i++)
		free_host(hosts->items[i]);
	free(hosts->items);
	*hosts = (struct hosts){0};
}

static size_t place_of_host(const struct hosts *hosts, const char *id) {
	size_t low = 0, high = hosts->count;
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		if (strcmp(hosts->items[middle]->id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct host *hosts_find(const struct hosts *hosts, const char *id) {
	const size_t place = place_of_host(hosts, id);
	return place < hosts->count && !strcmp(hosts->items[place]->id, id) ? hosts->items[place] : NULL;
}

struct host *hosts_add(struct hosts *hosts, const char *id, const char *name) {
	const size_t place = place_of_host(hosts, id);
	struct host *host = xcalloc(1, sizeof *host);
	host->id = xstrdup(id);
	host->name = xstrdup(name);
	hosts->items = xreallocarray(hosts->items, hosts->count + 1, sizeof(struct host *));
	memmove(hosts->items + place + 1, hosts->items + place, (hosts->count - place) * sizeof(struct host *));
	hosts->items[place] = host;
	hosts->count++;
	return host;
}

struct line *host_begin(struct host *host) {
	struct line *line = xcalloc(1, sizeof *line);
	line->host = host;
	line->lower = INT64_MIN;
	host->lines = xreallocarray(host->lines, host->line_count + 1, sizeof(struct line *));
	host->lines[host->line_count++] = line;
	return line;
}

struct host_rule *host_rule(struct host *host, const char *rule, int64_t from, int64_t to) {
	size_t low = 0, high = host->rule_count;
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const int order = strcmp(host->rules[middle]->id, rule);
		if (order == 0)
			return host->rules[middle];
		*(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
	}
	struct host_rule *made = xcalloc(1, sizeof *made);
	made->id = xstrdup(rule);
	made->timeline = timeline_over(from, to);
	host->rules = xreallocarray(host->rules, host->rule_count + 1, sizeof(struct host_rule *));
	memmove(host->rules + low + 1, host->rules + low, (host->rule_count - low) * sizeof(struct host_rule *));
	host->rules[low] = made;
	host->rule_count++;
	return made;
}

void host_judged(struct host *host, int64_t at, json_t *policies) {
	if (host->judged_count++ >= HOSTS_KEPT_MOST)
		return;
	host->judged = xreallocarray(host->judged, host->judged_count, sizeof *host->judged);
	host->judged[host->judged_count - 1] = (struct host_judged){at, json_incref(policies)};
}

void line_event(struct line *line, const char *what, int64_t at) {
	if (line->event_count++ >= HOSTS_KEPT_MOST)
		return;
	line->events = xreallocarray(line->events, line->event_count, sizeof *line->events);
	line->events[line->event_count - 1] = (struct line_event){at, line->sequence, what};
}

void line_gap(struct line *line, const struct line_gap *gap) {
	if (line->gap_count++ >= HOSTS_KEPT_MOST)
		return;
	line->gaps = xreallocarray(line->gaps, line->gap_count, sizeof *line->gaps);
	line->gaps[line->gap_count - 1] = *gap;
}

void line_forget(struct line *line, int64_t at) {
	struct current *current = &line->current;
	for (size_t i = 0; current->ruleset && i < current->ruleset->count; i++) {
		struct slot *slot = &current->slots[i];
		if (slot->rule)
			timeline_forget(&slot->rule->timeline, at);
		*slot = (struct slot){.rule = slot->rule};
	}
	current->is_complete = false;
}
