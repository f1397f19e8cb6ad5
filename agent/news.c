#include "agent/news.h"

#include "core/buf.h"

struct news {
	struct names *next, *names; /* that changed: for the round to come, and what led to the present one */
	struct names *verdicts;     /* a sentence each */
};

struct news *news_new(void) {
	struct news *news = xcalloc(1, sizeof *news);
	*news = (struct news){names_new(), names_new(), names_new()};
	return news;
}

void news_free(struct news *news) {
	if (!news)
		return;
	names_free(news->next);
	names_free(news->names);
	names_free(news->verdicts);
	free(news);
}

void news_changed(struct news *news, const char *name) { names_add(news->next, name); }

void news_begin(struct news *news) {
	names_free(news->names);
	names_free(news->verdicts);
	news->names = news->next;
	news->next = names_new();
	news->verdicts = names_new();
}

void news_verdict(struct news *news, const char *rule, const char *before, const char *now) {
	if (before && strcmp(before, now) != 0)
		names_addf(news->verdicts, "%s is %s (was %s)", rule, now, before);
}

bool news_has_verdicts(const struct news *news) { return names_count(news->verdicts) > 0; }

static void add_list(struct buf *text, const char *before, const struct names *names, size_t most) {
	size_t count = names_count(names);
	for (size_t i = 0; i < count && i < most; i++)
		buf_addf(text, "%s%s", i ? ", " : before, names_at(names, i));
	if (count > most)
		buf_addf(text, " and %zu more", count - most);
}

char *news_text(const struct news *news, const char *trigger, size_t looked, size_t of) {
	struct buf text = {0};
	buf_adds(&text, trigger);
	if (!strcmp(trigger, "change"))
		add_list(&text, " of ", news->names, NEWS_NAMES_MOST);
	buf_addf(&text, ": %zu of %zu rules looked at", looked, of);
	add_list(&text, "; ", news->verdicts, NEWS_VERDICTS_MOST);
	return buf_take(&text);
}
