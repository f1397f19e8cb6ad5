/* GRUB's variables, where boot loader entries say $kernelopts or $tuned_params: its environment block (grubenv, lines
 * "name=value") and the lines "set name=value" of its configuration. */
#pragma once

#include "core/source.h"

/* *ret_value: what the file gives the variable last, without quotes, NULL where it does not. The caller frees. */
MUST_CHECK bool grub_value(const struct source *file, const char *name, char **ret_value, struct err *err);
/* The next "$name" that begins a word of text, from *at on; *at is then behind it. The caller frees; NULL: no more.
 * *ret_begin is where it stands. */
char *grub_variable(const char *text, size_t *at, size_t *ret_begin);
