/* watch:nft:ruleset, watch:audit:status and watch:audit:rules: a socket on which the kernel says that its rules have
 * changed. The look only opens it and joins the one group; what comes in is read by who asked, and nothing is judged by
 * it: it is a reason to look. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "sources/fetch.h"
#include "sources/kind.h"
#include "sources/namespace.h"

/* The group carries every record of the audit log; whoever gets this socket is to hear of the configuration alone, and
 * cannot take the filter off. A filter's loads are in network order, a message's header is in the host's. */
static bool filter_records(int opened) {
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(AUDIT_CONFIG_CHANGE), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {.len = ARRAY_LEN(code), .filter = code};
	int on = 1;
	return setsockopt(opened, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0 &&
	       setsockopt(opened, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof on) == 0;
}

/* filter: NULL, or what is set before the first message can come. */
static bool open_group(const struct ask *ask, int protocol, int group, bool (*filter)(int opened),
		       struct answer *ret_answer, struct err *err) {
	struct sockaddr_nl address = {.nl_family = AF_NETLINK};
	CLEANUP(close_fd) int opened = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	if (opened < 0)
		return err_errno(err, errno, ERR_UNREADABLE, ask->name, "socket");
	if (filter && !filter(opened))
		return err_errno(err, errno, ERR_UNREADABLE, ask->name, "filter");
	if (bind(opened, (struct sockaddr *)&address, sizeof address) != 0 ||
	    setsockopt(opened, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
		return err_errno(err, errno, ERR_UNREADABLE, ask->name, "join the group");
	*ret_answer = (struct answer){.is_file = true, .file = opened};
	opened = -1;
	return true;
}

static bool look_notify_nft(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	return namespace_is_hosts_net(ask->name, err) &&
	       open_group(ask, NETLINK_NETFILTER, NFNLGRP_NFTABLES, NULL, ret_answer, err);
}

/* The kernel sends audit's records into the network namespace of the first process alone; elsewhere one joins, and
 * never hears anything. So a helper of its own hears: the one that asks for status and rules has no network. */
static bool look_notify_audit(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	return namespace_is_hosts_net(ask->name, err) &&
	       open_group(ask, NETLINK_AUDIT, AUDIT_NLGRP_READLOG, filter_records, ret_answer, err);
}

const struct kind kind_notify_nft = {.prefix = "watch:nft:ruleset",
				     .is_whole = true,
				     .helper = HELPER_NET,
				     .deadline_ms = FETCH_DEADLINE_MS,
				     .look = look_notify_nft};
const struct kind kind_notify_audit = {.prefix = "watch:audit:",
				       .helper = HELPER_AUDIT_NOTICES,
				       .deadline_ms = FETCH_DEADLINE_MS,
				       .look = look_notify_audit};
