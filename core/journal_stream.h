/* Where words go. */
#pragma once

#include <stdbool.h>

/* Whether the standard error is the journal's: systemd names in JOURNAL_STREAM the device and inode of what it opened;
 * a redirection since makes it another. systemd.exec(5). */
bool journal_stream_is_ours(void);
