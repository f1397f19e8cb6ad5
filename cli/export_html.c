#include "cli/export_html.h"

static const char style[] =
	":root{color-scheme:light dark;--ink:#1b1f24;--soft:#59636e;--line:#d5dae0;--back:#fff;--band:#f4f6f8;"
	"--link:#0b5cad;--bad:#a8071a;--warn:#7a4d00;--good:#0f6b3a}\n"
	"@media(prefers-color-scheme:dark){:root{--ink:#e4e8ec;--soft:#9aa5b1;--line:#39424c;--back:#14181c;"
	"--band:#1d2329;--link:#79b8ff;--bad:#ff9a94;--warn:#f0c674;--good:#7ddba3}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0;font:15px/1.5 system-ui,'DejaVu Sans',sans-serif;color:var(--ink);background:var(--back)}\n"
	"main{max-width:76rem;margin:0 auto;padding:.6rem 1.2rem 3rem}\n"
	"h1{font-size:1.5rem;margin:1rem 0 .4rem}h2{font-size:1.2rem;margin:2.2rem 0 .4rem}"
	"h3{font-size:1rem;margin:1.4rem 0 .2rem}\n"
	".lead{max-width:52rem}a{color:var(--link)}\n"
	"table{border-collapse:collapse;width:100%;margin:.6rem 0 1rem}\n"
	"caption{text-align:left;font-weight:600;padding:.3rem 0}\n"
	"th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid var(--line);"
	"overflow-wrap:anywhere}\n"
	"thead th{border-bottom:2px solid var(--line);font-weight:600;overflow-wrap:normal}tbody th{font-weight:400}\n"
	".facts th{width:8rem;color:var(--soft)}\n"
	"code,pre{font:13px/1.45 ui-monospace,'DejaVu Sans Mono',monospace}\n"
	"pre{margin:.3rem 0 0;padding:.4rem .5rem;background:var(--band);white-space:pre-wrap;overflow-wrap:anywhere}\n"
	"b,.n,a code,td>code[title],.lead "
	"code{white-space:nowrap}.w{min-width:5rem}.r{min-width:13rem}.pass{color:var(--good)}.fail,.error{color:var(--"
	"bad)}.unknown,."
	"erased{color:var(--warn)}"
	"\n"
	"@media(max-width:46rem){main{padding:.4rem .8rem 2rem}thead{position:absolute;left:-9999px}"
	"tbody tr{display:block;border-bottom:2px solid var(--line);padding:.4rem 0}"
	"tbody th,tbody td{display:block;border:0;padding:.1rem 0}.facts th{width:auto}"
	"[data-l]::before{content:attr(data-l) \": \";color:var(--soft)}}\n"
	"@media print{:root{color-scheme:light;--ink:#000;--soft:#444;--line:#999;--back:#fff;--band:#f4f4f4;"
	"--link:#000;--bad:#000;--warn:#000;--good:#000}body{font-size:10pt}code,pre{font-size:8.5pt}"
	".n{white-space:normal}main{max-width:none;padding:0}tr,h2,h3{break-inside:avoid}h2,h3{break-after:avoid}thead{"
	"display:"
	"table-header-group}}\n";

static void add_escaped(struct buf *html, const char *text) {
	for (; *text; text++) {
		switch (*text) {
		case '&':
			buf_adds(html, "&amp;");
			break;
		case '<':
			buf_adds(html, "&lt;");
			break;
		case '>':
			buf_adds(html, "&gt;");
			break;
		case '"':
			buf_adds(html, "&quot;");
			break;
		case '\'':
			buf_adds(html, "&#39;");
			break;
		default:
			buf_add(html, text, 1);
		}
	}
}

void html_addf(struct buf *html, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	for (const char *at = format; *at;) {
		if (at[0] == '%' && at[1] == 's') {
			add_escaped(html, va_arg(arguments, const char *));
			at += 2;
		} else {
			buf_add(html, at++, 1);
		}
	}
	va_end(arguments);
}

void html_begin(struct buf *html, const char *title) {
	html_addf(html,
		  "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
		  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
		  "'unsafe-inline'\">\n"
		  "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
		  "<meta name=\"referrer\" content=\"no-referrer\">\n<title>%s</title>\n",
		  title);
	buf_adds(html, "<style>\n");
	buf_adds(html, style);
	buf_adds(html, "</style></head>\n<body><main>\n");
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

const char **html_sorted(const json_t *object) {
	const size_t count = json_object_size(object);
	const char **keys = xcalloc(count + 1, sizeof *keys);
	const char *key;
	json_t *value;
	size_t at = 0;
	json_object_foreach((json_t *)object, key, value) keys[at++] = key;
	qsort(keys, count, sizeof *keys, by_text);
	return keys;
}
