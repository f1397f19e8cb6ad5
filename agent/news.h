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
/* Whether a verdict is another than before. */
bool news_has_verdicts(const struct news *news);
/* "change of unit:ssh.service: 3 of 46 rules looked at; net.exposure.dnat is fail (was pass)". The caller's. */
char *news_text(const struct news *news, const char *trigger, size_t looked, size_t of);
