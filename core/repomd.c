#include "core/repomd.h"

#include <string.h>

#define EARLIEST 946684800LL  /* 2000: a smaller revision is a mere number */
#define LATEST 253402300799LL /* the end of 9999 */

/* The number in the element that begins here, -1: none. */
static long long number_in(const char *element) {
	const char *text = strchr(element, '>');
	long long value = 0;
	size_t len = text ? strspn(text + 1, "0123456789") : 0;
	if (len == 0 || len > 12 || (text[1 + len] != '<' && text[1 + len] != '.'))
		return -1;
	for (size_t i = 1; i <= len; i++)
		value = value * 10 + (text[i] - '0');
	return value >= EARLIEST && value <= LATEST ? value : -1;
}

bool repomd_read(const char *where, const char *text, struct repomd *ret_repomd, struct err *err) {
	struct repomd repomd = {.made = -1};
	const char *revision = strstr(text, "<revision>");
	if (!strstr(text, "<repomd") || !strstr(text, "</repomd>"))
		return err_set(err, ERR_MALFORMED, where, "no <repomd> in it");
	if (revision)
		repomd.made = number_in(revision);
	bool is_made = repomd.made >= 0;
	for (const char *at = text; !is_made && (at = strstr(at, "<timestamp>")); at++)
		repomd.made = number_in(at) > repomd.made ? number_in(at) : repomd.made;
	repomd.has_updateinfo = strstr(text, "type=\"updateinfo\"") != NULL;
	*ret_repomd = repomd;
	return true;
}
