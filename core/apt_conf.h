/* apt's configuration, apt.conf(5): nested scopes, "a::b" names, lists, comments, #clear. */
#pragma once

#include "core/check.h"

#define APT_CONF_MOST 20000 /* items */
#define APT_CONF_DEEPEST 64 /* scopes in each other */

struct apt_conf;
struct apt_conf *apt_conf_new(void);
void apt_conf_free(struct apt_conf *conf);
DEFINE_CLEANUP(struct apt_conf, apt_conf_free)
/* What a text adds to it, and takes away. Malformed where apt would refuse it; a file that it #includes is unproved:
 * nobody reads that here. */
MUST_CHECK bool apt_conf_add(struct apt_conf *conf, const char *where, const char *text, size_t len, struct err *err);
/* The value of "APT::Periodic::Enable", in any case; NULL: not set. Borrowed until something is added. */
const char *apt_conf_get(const struct apt_conf *conf, const char *name);
/* What apt takes a value for: yes, true, with, on, enable, 1; no, false, without, off, disable, 0; else the default. */
bool apt_conf_bool(const struct apt_conf *conf, const char *name, bool otherwise);
/* Whether it is true, or true for one of the programs ("Binary::apt::NAME"). */
bool apt_conf_any_bool(const struct apt_conf *conf, const char *name);
/* The first value that is set for all programs or for one, of a setting or of a list's items; NULL: none. */
const char *apt_conf_any(const struct apt_conf *conf, const char *name);
/* The index-th item of a list, "NAME::" or named; NULL behind the end. Empty ones are left out. */
const char *apt_conf_at(const struct apt_conf *conf, const char *name, size_t index);
/* Of a word: 1, 0, or -1 for neither. */
int apt_bool(const char *word);

/* The host's: /etc/apt/apt.conf.d (names without a dot, or with .conf behind it) by name, then /etc/apt/apt.conf. A
 * missing file is not there; /etc/apt itself is named by APT_ETC. */
#define APT_ETC "stat:/etc/apt"
void apt_conf_ask(const struct sources *fetched, struct names *names);
void apt_conf_paths(struct names *patterns);
MUST_CHECK bool apt_conf_read(const struct sources *fetched, struct apt_conf **ret_conf, struct err *err);
/* Whether a name in one of apt's folders counts: letters, digits and _ - . : alone, no dot in front, and this suffix
 * (".list"), or none at all where may_be_plain. */
bool is_apt_name(const char *name, const char *suffix, bool may_be_plain);
