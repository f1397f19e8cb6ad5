/* What an operator has the collector do to evidence, as statements of its own line (docs/FORMAT.md 1.2). The verbs
 * `erase`, `revoke` and `import` hand an order to the collector that runs in the folder, over DIR/orders.sock, which is
 * the owner's alone; where none runs they carry it out themselves. */
#pragma once

#include <event2/event.h>

#include "collector/collector.h"

#define ORDER_LARGEST 65536

/* {"do":"erase","host":ID|"statement":DIGEST,"rules":[...]?,"before":TIME?,"retention","reason","by"}, answered with
 * {"statements":[digest...],"bodies":n,"results":n};
 * {"do":"revoke","host":ID,"from":TIME?,"reason","by"}, answered with {"statements":[digest]};
 * {"do":"import",...}: collector/import.h.
 * False: ERR_MALFORMED, ERR_ABSENT (nothing is meant by it), and nothing was done. */
MUST_CHECK bool order_do(struct collector *collector, const json_t *order, int64_t now, json_t **ret_answer,
			 struct err *err);

/* The socket of a running collector. */
struct order_socket;
MUST_CHECK bool order_socket_open(struct event_base *base, const char *folder, struct collector *collector,
				  struct order_socket **ret_socket, struct err *err);
void order_socket_free(struct order_socket *socket);
DEFINE_CLEANUP(struct order_socket, order_socket_free)
/* Asks who listens there. ERR_ABSENT: nobody does; otherwise the collector's own error. */
MUST_CHECK bool order_socket_ask(const char *folder, const json_t *order, json_t **ret_answer, struct err *err);
