/* The plugin restic: plugins/backup.h. */
#include "plugins/backup.h"

int main(int argc, char **argv) { return backup_main(&backup_restic, argc, argv); }
