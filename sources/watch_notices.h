/* The part of a watch for what the kernel tells by a descriptor of its own: mounts:, nft:ruleset, audit:status and
 * audit:rules. */
#pragma once

#include <systemd/sd-event.h>

#include "sources/watch_part.h"

#define WATCH_MOUNTS "mounts:"

struct watch_notices;
struct watch_notices *watch_notices_new(sd_event *event, const struct watch_ears *ears); /* ears is borrowed */
void watch_notices_free(struct watch_notices *notices);
bool watch_notices_takes(const char *name);
void watch_notices_add(struct watch_notices *notices, const char *name);
void watch_notices_drop(struct watch_notices *notices, const char *name);
/* Ask again for those that could not be had. */
void watch_notices_retry(struct watch_notices *notices);
