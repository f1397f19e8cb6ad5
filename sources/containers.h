/* containers: what the containers that run now may do, from the specifications that their runtimes were given (Open
 * Container Initiative, Runtime Specification 1.1, config.json), without environment, arguments and labels.
 *
 * Canonical JSON, sorted by runtime and id:
 * [{"runtime": "containerd/moby" or "crun" or "runc", "id",
 *   "caps": ["CAP_CHOWN"...] - of its bounding set, sorted, "devices": bool - all devices of the host,
 *   "host": ["network","pid"...] - namespaces that it shares with the host, of ipc mount network pid uts,
 *   "user_namespace": bool, "seccomp": bool, "no_new_privileges": bool, "writable": bool - its root is,
 *   "mounts": ["/var/run/docker.sock"...] - of the host's paths that are mounted, those that hand the host over: the
 *   root, sockets of container runtimes and of systemd, /dev, /proc, /sys}...]
 *
 * containerd's (Docker, Kubernetes, nerdctl) are below /run/containerd, or where another containerd has its own
 * (dockerd's, k3s'), those of Podman and CRI-O are in the state of crun or runc below /run. Containers of users
 * (rootless) and of systemd-nspawn, LXC or another runtime are not here.
 */
#pragma once

#include "core/json.h"

#define CONTAINERS_MOST 4096
#define CONTAINER_SPEC_LARGEST (1U << 20) /* bytes of one config.json */

/* What a specification says. New reference. */
MUST_CHECK bool containers_spec(const char *data, size_t len, const char *where, json_t **ret_value, struct err *err);
