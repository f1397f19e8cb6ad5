#include "sources/bus.h"

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
