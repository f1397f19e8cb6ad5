#include "agent/news.h"

#include "core/buf.h"

struct news {
	struct names *next, *names; /* that changed: for the round to come, and what led to the present one */
	struct news_verdict *verdicts;
	size_t verdict_count;
};

struct news *news_new(void) {
	struct news *news = xcalloc(1, sizeof *news);
	*news = (struct news){.next = names_new(), .names = names_new()};
	return news;
}

static void drop_verdicts(struct news *news) {
	for (size_t i = 0; i < news->verdict_count; i++) {
		free(news->verdicts[i].rule);
		free(news->verdicts[i].before);
		free(news->verdicts[i].now);
	}
	free(news->verdicts);
	news->verdicts = NULL;
	news->verdict_count = 0;
}

void news_free(struct news *news) {
	if (!news)
		return;
	names_free(news->next);
	names_free(news->names);
	drop_verdicts(news);
	free(news);
}

void news_changed(struct news *news, const char *name) { names_add(news->next, name); }

void news_begin(struct news *news) {
	names_free(news->names);
	drop_verdicts(news);
	news->names = news->next;
	news->next = names_new();
}

void news_verdict(struct news *news, const char *rule, const char *before, const char *now) {
	if (!before || !strcmp(before, now))
		return;
	news->verdicts = xreallocarray(news->verdicts, news->verdict_count + 1, sizeof *news->verdicts);
	news->verdicts[news->verdict_count++] = (struct news_verdict){xstrdup(rule), xstrdup(before), xstrdup(now)};
}

size_t news_verdict_count(const struct news *news) { return news->verdict_count; }

const struct news_verdict *news_verdict_at(const struct news *news, size_t index) { return &news->verdicts[index]; }

static void add_more(struct buf *text, size_t count, size_t most) {
	if (count > most)
		buf_addf(text, " and %zu more", count - most);
}

static void add_names(struct buf *text, const struct names *names) {
	size_t count = names_count(names);
	for (size_t i = 0; i < count && i < NEWS_NAMES_MOST; i++)
		buf_addf(text, "%s%s", i ? ", " : " of ", names_at(names, i));
	add_more(text, count, NEWS_NAMES_MOST);
}

static void add_verdicts(struct buf *text, const struct news *news) {
	for (size_t i = 0; i < news->verdict_count && i < NEWS_VERDICTS_MOST; i++) {
		const struct news_verdict *verdict = &news->verdicts[i];
		buf_addf(text, "%s%s is %s (was %s)", i ? ", " : "; ", verdict->rule, verdict->now, verdict->before);
	}
	add_more(text, news->verdict_count, NEWS_VERDICTS_MOST);
}

char *news_text(const struct news *news, const char *trigger, size_t looked, size_t of) {
	struct buf text = {0};
	buf_adds(&text, trigger);
	if (!strcmp(trigger, "change"))
		add_names(&text, news->names);
	buf_addf(&text, ": %zu of %zu rules looked at", looked, of);
	add_verdicts(&text, news);
	return buf_take(&text);
}
