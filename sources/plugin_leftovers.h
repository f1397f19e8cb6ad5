/* What a plugin left behind: processes that became this one's children when their parents ended (it is their
 * subreaper), and the children of those. */
#pragma once

/* Ends and reaps every child that this process has. Those that are stuck in the kernel are given up on. */
void plugin_end_leftovers(void);
