/* The part of a watch for what has a path: file: dir: stat: link: tree: shadow:, by one inotify instance to which hands
 * add the watches (watch_way.c). */
#pragma once

#include <systemd/sd-event.h>

#include "sources/watch_part.h"

#define WATCH_PATHS_MOST 4096 /* names; those behind are not watched */

struct watch_paths;
/* ears is borrowed. Where the kernel gives no inotify instance, every name is unwatched. */
struct watch_paths *watch_paths_new(sd_event *event, const struct watch_ears *ears);
void watch_paths_free(struct watch_paths *paths);
/* Whether a name is watched by its path: below /proc and /sys, and for trees that keep a few bits only, it is not. */
bool watch_paths_takes(const char *name);
void watch_paths_add(struct watch_paths *paths, const char *name);
void watch_paths_drop(struct watch_paths *paths, const char *name);
/* Look at all ways again: what lies on them may have been mounted over. */
void watch_paths_again(struct watch_paths *paths);
/* Ask again for those that could not be asked for. */
void watch_paths_retry(struct watch_paths *paths);
/* No hand looks at a way, and none is to. */
bool watch_paths_is_settled(const struct watch_paths *paths);
