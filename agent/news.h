/* news: what one line of the log says of a round: what led to it, and which verdicts are others than before. */
#pragma once

#include "core/check.h"

#define NEWS_NAMES_MOST 3
#define NEWS_VERDICTS_MOST 8

struct news;
struct news *news_new(void);
void news_free(struct news *news);
DEFINE_CLEANUP(struct news, news_free)
/* This name may have changed; said of the next round that begins. */
void news_changed(struct news *news, const char *name);
void news_begin(struct news *news);
/* In the round that has begun. before: NULL at the first look, which is no news. */
void news_verdict(struct news *news, const char *rule, const char *before, const char *now);
/* The verdicts of this round that are others than before, in the order in which they were said. */
struct news_verdict {
	char *rule, *before, *now; /* owned by the news, until the next round begins */
};
size_t news_verdict_count(const struct news *news);
const struct news_verdict *news_verdict_at(const struct news *news, size_t index);
/* "change of unit:ssh.service: 3 of 46 rules looked at; net.exposure.dnat is fail (was pass)". The caller's. */
char *news_text(const struct news *news, const char *trigger, size_t looked, size_t of);
