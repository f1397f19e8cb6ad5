/* The part of a watch for unit: names, over a connection to the system bus: the unit's own changes, the ends of its
 * jobs, and for all of them reloads, enabled and disabled files and systemd's going and coming. */
#pragma once

#include <systemd/sd-event.h>

#include "sources/watch_part.h"

#define WATCH_UNITS_MOST 400 /* a match each; dbus-daemon has 512 for a connection */

struct watch_units;
struct watch_units *watch_units_new(sd_event *event, const struct watch_ears *ears); /* ears is borrowed */
void watch_units_free(struct watch_units *units);
bool watch_units_takes(const char *name);
void watch_units_add(struct watch_units *units, const char *name);
void watch_units_drop(struct watch_units *units, const char *name);
/* Connect again where the connection is lost, and ask for what was refused. */
void watch_units_retry(struct watch_units *units);
