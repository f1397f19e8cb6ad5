/* The settings for people, made from the one table (agent/settings.h): nothing of a key is written down twice. */
#pragma once

#include "core/buf.h"

/* One line of vouchd --help for each key; appended, as all of these. */
void settings_help(struct buf *text);
/* vouchd.yaml.5, as docs/man has it. */
void settings_man(struct buf *text);
/* A configuration that says nothing: each key with its default, in comments. */
void settings_example(struct buf *text);
