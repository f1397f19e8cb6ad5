/* What a plugin printed, and the name of its run, over any bytes: JSON gives flat rows with plain keys, text gives
 * text; a name that is one is made again from its parts. */
#include <stdlib.h>
#include <string.h>

#include "core/plugin_call.h"
#include "core/plugin_output.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void read_output(const char *text) {
	CLEANUP(plugin_output_done) struct plugin_output output = {0};
	CLEANUP(json_decref_p) json_t *source = json_pack("{s:i,s:s}", "exit", 0, "output", text);
	CLEANUP(buf_done) struct buf bytes = {0};
	struct err err;
	if (!source || !plugin_output_read(source, "fuzz", &output, &err))
		return;
	if (output.is_json == (output.text != NULL) || json_array_size(output.items) > PLUGIN_LINES_MOST ||
	    json_array_size(output.perf) > PLUGIN_PERF_MOST || !json_canonical(output.items, &bytes, &err) ||
	    !json_canonical(output.perf, &bytes, &err))
		abort();
}

static void read_name(const char *text) {
	CLEANUP(plugin_call_done) struct plugin_call call = {0};
	CLEANUP(plugin_call_done) struct plugin_call again = {0};
	CLEANUP(json_decref_p) json_t *arguments = json_array();
	struct err err;
	if (!plugin_call_read(text, &call, &err))
		return;
	for (size_t i = 0; call.arguments[i]; i++)
		if (json_array_append_new(arguments, json_string(call.arguments[i])) != 0)
			return; /* no UTF-8: no parameter of a policy */
	CLEANUP(free_ptr) char *name = plugin_source(call.name, arguments);
	if (!plugin_call_read(name, &again, &err) || strcmp(call.name, again.name) != 0)
		abort();
	for (size_t i = 0; call.arguments[i] || again.arguments[i]; i++)
		if (!call.arguments[i] || !again.arguments[i] || strcmp(call.arguments[i], again.arguments[i]) != 0)
			abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
	CLEANUP(free_ptr) char *text = xstrndup((const char *)data, size);
	read_output(text);
	read_name(text);
	return 0;
}
