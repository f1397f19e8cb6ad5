/* The message ids of what the services say, by which the journal finds more to say (packaging/catalog/vouch.catalog,
 * journalctl -x) and who watches it finds them. They never change. */
#pragma once

#define NOTICE_FAILING "65b2167acfc6497bba3a7e42dcfce101"           /* a rule fails that did not */
#define NOTICE_WAIVED "30a23c8096a44e248e70b98b831e75dc"            /* a rule fails and is waived */
#define NOTICE_RECOVERED "f33efaab8b754429a4084d77c22ff4fd"         /* a rule passes that did not */
#define NOTICE_UNJUDGED "ff62dda429a04881961b58a6df1476f1"          /* nothing can be said of a rule any more */
#define NOTICE_OTHER "b4eeeab3894a4384b1c5507e1c86a059"             /* a rule is no longer judged */
#define NOTICE_NOT_SEALED "cd5d9aa50f924b8fa30d8331bb228478"        /* a round could not be sealed */
#define NOTICE_SPOOL_FULL "b7f525b755404e8595cc50daa64c459c"        /* the spool is full */
#define NOTICE_NOT_ENROLLED "4af7767aef064fbe86654651b1e50a7a"      /* this host is not enrolled */
#define NOTICE_RELOADED "e7cfd67144ae4ffdac2b796320376f56"          /* the configuration was read anew */
#define NOTICE_RELOAD_FAILED "1fa6a56216284773862cb2dbc5f9a774"     /* the configuration could not be read anew */
#define NOTICE_CLOCK "a872f45a25c54eb5a54004d20f23be17"             /* the clock was set, or the host slept */
#define NOTICE_COLLECTOR_REFUSED "c297646761fc44ea8ee77efcfe98c93b" /* the collector refused statements for good */
#define NOTICE_LOG_CONTRADICTS                                                                                         \
	"a1daa92be3d14b48a089dabc03fdca1c" /* the collector's log contradicts what this host saw */
#define NOTICE_SEALER_REFUSED "8427e862139e49c29204058f4276ee83" /* the sealer refused to sign */
