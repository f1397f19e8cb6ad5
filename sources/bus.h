/* The system bus, at its one standard place: an environment variable must not lead to another. */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "core/err.h"

/* A connection of its own on this loop, to be sd_bus_close_unref()ed; 0, or a negative errno. */
int bus_open(sd_event *event, sd_bus **ret_bus);
/* What an error of the bus ("org.freedesktop.DBus.Error.AccessDenied") means for a look. */
enum err_code bus_error_code(const char *name);
