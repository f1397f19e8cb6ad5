#include "sources/bus.h"

#include "core/text.h"

#define SYSTEM_BUS "unix:path=/run/dbus/system_bus_socket"

int bus_open(sd_event *event, sd_bus **ret_bus) {
	sd_bus *bus = NULL;
	int error = sd_bus_new(&bus);
	if (error >= 0)
		error = sd_bus_set_address(bus, SYSTEM_BUS);
	if (error >= 0)
		error = sd_bus_set_bus_client(bus, 1);
	if (error >= 0)
		error = sd_bus_start(bus);
	if (error >= 0)
		error = sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL);
	if (error < 0)
		sd_bus_close_unref(bus);
	else
		*ret_bus = bus;
	return error < 0 ? error : 0;
}

enum err_code bus_error_code(const char *name) {
	static const struct {
		const char *prefix;
		enum err_code code;
	} meanings[] = {
		{"org.freedesktop.DBus.Error.AccessDenied", ERR_DENIED},
		{"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", ERR_DENIED},
		{"org.freedesktop.DBus.Error.Timeout", ERR_TIMEOUT},
		/* Nobody is there to ask. */
		{"org.freedesktop.DBus.Error.ServiceUnknown", ERR_UNPROVED},
		{"org.freedesktop.DBus.Error.NameHasNoOwner", ERR_UNPROVED},
		{"org.freedesktop.DBus.Error.NoReply", ERR_UNPROVED},
		{"org.freedesktop.DBus.Error.Disconnected", ERR_UNPROVED},
		{"org.freedesktop.DBus.Error.Spawn.", ERR_UNPROVED},
		{"org.freedesktop.DBus.Error.FileNotFound", ERR_UNPROVED},
	};
	for (size_t i = 0; i < ARRAY_LEN(meanings); i++)
		if (text_starts(name, meanings[i].prefix))
			return meanings[i].code;
	return ERR_UNREADABLE;
}
