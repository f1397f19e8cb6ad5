#include "collector/page.h"

#include <stdarg.h>

#include "core/times.h"

#define REPLACEMENT "\xef\xbf\xbd"

/* Bytes of a character that turns the direction of those behind it (U+202A to U+202E, U+2066 to U+2069), or 0: with one
 * "gpj.exe" reads "exe.jpg". Letters have their direction without it. */
static size_t turns(const char *text) {
	if (!strncmp(text, "\xe2\x80", 2) && (unsigned char)text[2] >= 0xaa && (unsigned char)text[2] <= 0xae)
		return 3;
	if (!strncmp(text, "\xe2\x81", 2) && (unsigned char)text[2] >= 0xa6 && (unsigned char)text[2] <= 0xa9)
		return 3;
	return 0;
}

static void add_escaped(struct buf *html, const char *text) {
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (turns(text)) {
			buf_adds(html, REPLACEMENT);
			text += turns(text) - 1;
			continue;
		}
		switch (c) {
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
			if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
				buf_adds(html, REPLACEMENT);
			else
				buf_add(html, text, 1);
		}
	}
}

static void add_tag(struct page *page, const char *element, va_list attributes) {
	const char *name;
	buf_addf(&page->html, "<%s", element);
	while ((name = va_arg(attributes, const char *))) {
		const char *value = va_arg(attributes, const char *);
		if (!value)
			continue;
		buf_addf(&page->html, " %s=\"", name);
		add_escaped(&page->html, value);
		buf_adds(&page->html, "\"");
	}
	buf_adds(&page->html, ">");
}

static void push(struct page *page, const char *element) {
	if (page->depth == PAGE_DEEPEST)
		abort();
	page->open[page->depth++] = element;
}

void page_open(struct page *page, const char *element, ...) {
	va_list attributes;
	va_start(attributes, element);
	add_tag(page, element, attributes);
	va_end(attributes);
	push(page, element);
}

void page_void(struct page *page, const char *element, ...) {
	va_list attributes;
	va_start(attributes, element);
	add_tag(page, element, attributes);
	va_end(attributes);
}

void page_close(struct page *page) {
	if (page->depth == 0)
		abort();
	buf_addf(&page->html, "</%s>", page->open[--page->depth]);
}

void page_text(struct page *page, const char *text) { add_escaped(&page->html, text); }

void page_textf(struct page *page, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	CLEANUP(free_ptr) char *text = xvasprintf(format, arguments);
	va_end(arguments);
	page_text(page, text);
}

void page_element(struct page *page, const char *element, const char *text, ...) {
	va_list attributes;
	va_start(attributes, text);
	add_tag(page, element, attributes);
	va_end(attributes);
	push(page, element);
	page_text(page, text);
	page_close(page);
}

static void write_head(struct page *page, const char *title) {
	page_open(page, "head", NULL);
	page_void(page, "meta", "charset", "utf-8", NULL);
	page_void(page, "meta", "name", "viewport", "content", "width=device-width, initial-scale=1", NULL);
	page_open(page, "title", NULL);
	page_textf(page, "%s - vouch", title);
	page_close(page);
	page_void(page, "link", "rel", "stylesheet", "href", "/style.css", NULL);
	page_close(page);
}

static void write_bar(struct page *page, const char *reader, bool has_crumb) {
	page_open(page, "header", NULL);
	page_open(page, "nav", NULL);
	if (has_crumb)
		page_element(page, "a", "vouch", "href", "/", "class", "brand", NULL);
	else
		page_element(page, "span", "vouch", "class", "brand", NULL);
	if (reader) {
		page_open(page, "form", "method", "post", "action", "/logout", NULL);
		page_textf(page, "%s ", reader);
		page_element(page, "button", "Log out", "type", "submit", NULL);
		page_close(page);
	}
	page_close(page);
	page_close(page);
}

void page_begin(struct page *page, const char *title, const char *reader, bool has_crumb) {
	buf_adds(&page->html, "<!DOCTYPE html>\n");
	page_open(page, "html", "lang", "en", NULL);
	write_head(page, title);
	page_open(page, "body", NULL);
	write_bar(page, reader, has_crumb);
	page_open(page, "main", NULL);
	page_element(page, "h1", title, NULL);
}

char *page_end(struct page *page, int64_t generated) {
	page_close(page); /* main */
	page_open(page, "footer", NULL);
	page_textf(page, "vouch %s, made ", VOUCH_VERSION);
	page_time(page, generated);
	page_text(page, ". vouch shows evidence and proposes; it does not say that an organisation conforms.");
	while (page->depth > 0)
		page_close(page);
	buf_adds(&page->html, "\n");
	return buf_take(&page->html);
}

void page_done(struct page *page) { buf_done(&page->html); }

void page_time(struct page *page, int64_t instant) {
	char text[TIMES_TEXT];
	if (instant == 0) {
		page_text(page, "\xe2\x80\x93");
		return;
	}
	times_format(instant, text);
	page_open(page, "time", "datetime", text, NULL);
	page_textf(page, "%.10s %.8s UTC", text, text + 11);
	page_close(page);
}

void page_heads(struct page *page, const char *const heads[], size_t count, const char *class) {
	page_open(page, "thead", NULL);
	page_open(page, "tr", NULL);
	for (size_t i = 0; i < count; i++)
		page_element(page, "th", heads[i], "scope", "col", "class", i ? class : NULL, NULL);
	page_close(page);
	page_close(page);
}

void page_state(struct page *page, const char *word) {
	static const struct {
		const char *word, *shape;
	} shapes[] = {
		{"failing", "\xe2\x96\xb2"},       {"fail", "\xe2\x96\xb2"},
		{"error", "\xe2\x9c\x95"},         {"unknown", "?"},
		{"gap", "\xe2\x80\xa6"},           {"operating", "\xe2\x97\x8f"},
		{"pass", "\xe2\x97\x8f"},          {"designed", "\xe2\x97\x90"},
		{"not evaluated", "\xe2\x97\x8b"}, {"waived", "\xe2\x97\x87"},
		{"valid", "\xe2\x97\x8f"},         {"revoked", "\xe2\x9c\x95"},
		{"expired", "\xe2\x80\xa6"},       {"notapplicable", "\xe2\x80\x93"},
		{"notchecked", "\xe2\x97\x8b"},
	};
	const char *shape = "?";
	CLEANUP(free_ptr) char *class = xasprintf("state %s", word);
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
		if (!strcmp(shapes[i].word, word))
			shape = shapes[i].shape;
	page_open(page, "span", "class", class, NULL);
	page_element(page, "span", shape, "class", "shape", "aria-hidden", "true", NULL);
	page_text(page, " ");
	page_element(page, "span", word, "class", "word", NULL);
	page_close(page);
}
