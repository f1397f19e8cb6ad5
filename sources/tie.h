/* The tie to one hand: its socket, and its process where it is ours. */
#pragma once

#include <systemd/sd-event.h>

#include "sources/kind.h"

struct tie {
	int socket; /* -1: none */
	pid_t pid;  /* 0: a helper's hand */
	int pidfd;
};
#define TIE_NONE ((struct tie){.socket = -1, .pidfd = -1})

/* A process that looks at these kinds. 0, or an errno and what *ret_tie holds is to be cut all the same. */
int tie_fork(const struct kind *const *kinds, struct tie *ret_tie);
/* To a helper's socket, without waiting. As above; EAGAIN: its queue of connections is full. */
int tie_connect(const char *path, struct tie *ret_tie);
/* Begins to end a process, where it is ours: so that several die side by side before each is waited for. */
void tie_kill(const struct tie *tie);
/* Closes and ends it; what is stuck in the kernel is reaped by the loop, whenever it dies. */
void tie_cut(struct tie *tie, sd_event *event);
