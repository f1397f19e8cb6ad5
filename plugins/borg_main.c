/* The plugin borg: plugins/backup.h. */
#include "plugins/backup.h"

int main(int argc, char **argv) { return backup_main(&backup_borg, argc, argv); }
