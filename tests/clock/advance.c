/* advance CLOCK SPOOL SECONDS STEPS: turns the clock of fast_clock.c on, STEPS times by SECONDS, and waits each time
 * until the agent has sealed a round (spool/chain.json was replaced) and shipped all (spool/queue is empty). Prints
 * "sealed N silent M" in the end: steps in which something was sealed and in which nothing was within two seconds.
 * Exits with 1 when the queue does not empty within a minute. CLOCK is made when it is not there. */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define POLL_NS 300000
#define SEALS_WITHIN_MS 2000
#define SHIPS_WITHIN_MS 60000

static char chain[4096], queue[4096];

static void pause_shortly(void) {
	const struct timespec pause = {0, POLL_NS};
	nanosleep(&pause, NULL);
}

static int64_t now_ms(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static bool is_queue_empty(void) {
	DIR *folder = opendir(queue);
	bool is_empty = folder != NULL;
	for (struct dirent *entry; folder && (entry = readdir(folder));)
		is_empty &= entry->d_name[0] == '.';
	if (folder)
		closedir(folder);
	return is_empty;
}

static ino_t chain_inode(void) {
	struct stat status;
	return stat(chain, &status) == 0 ? status.st_ino : 0;
}

static int64_t *map_clock(const char *path) {
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || ftruncate(fd, sizeof(int64_t)) != 0)
		return NULL;
	void *map = mmap(NULL, sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return map == MAP_FAILED ? NULL : map;
}

/* Whether something was sealed; *ret_stuck: and not shipped. */
static bool step(volatile int64_t *clock, int64_t ns, bool *ret_stuck) {
	const ino_t before = chain_inode();
	*clock += ns;
	const int64_t began = now_ms();
	while (chain_inode() == before && now_ms() - began < SEALS_WITHIN_MS)
		pause_shortly();
	*ret_stuck = true;
	while (*ret_stuck && now_ms() - began < SHIPS_WITHIN_MS) {
		pause_shortly();
		*ret_stuck = !is_queue_empty();
	}
	return chain_inode() != before;
}

int main(int argc, char **argv) {
	if (argc != 5) {
		fprintf(stderr, "usage: advance CLOCK SPOOL SECONDS STEPS\n");
		return 2;
	}
	int64_t *clock = map_clock(argv[1]);
	const int64_t ns = strtoll(argv[3], NULL, 10) * 1000000000, steps = strtoll(argv[4], NULL, 10);
	int64_t sealed = 0;
	bool is_stuck = false;
	if (!clock) {
		perror(argv[1]);
		return 2;
	}
	snprintf(chain, sizeof chain, "%.4000s/chain.json", argv[2]);
	snprintf(queue, sizeof queue, "%.4000s/queue", argv[2]);
	int64_t done = 0;
	for (; done < steps && !is_stuck; done++)
		sealed += step(clock, ns, &is_stuck);
	printf("sealed %lld silent %lld\n", (long long)sealed, (long long)(done - sealed));
	return is_stuck ? 1 : 0;
}
