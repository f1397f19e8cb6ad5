#include "core/rpm.h"

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool is_separator(char c) { return c && !is_digit(c) && !is_letter(c) && c != '~' && c != '^'; }

static int sign(int value) { return (value > 0) - (value < 0); }

/* Of two runs of the same kind; both are moved behind theirs. */
static int compare_runs(const char **a, const char **b, bool (*is_of)(char c)) {
	if (is_of == is_digit) {
		*a += strspn(*a, "0");
		*b += strspn(*b, "0");
	}
	size_t first = 0, second = 0;
	while (is_of((*a)[first]))
		first++;
	while (is_of((*b)[second]))
		second++;
	int order = is_of == is_digit && first != second ? (first > second ? 1 : -1)
							 : sign(memcmp(*a, *b, first < second ? first : second));
	if (order == 0)
		order = (first > second) - (first < second);
	*a += first;
	*b += second;
	return order;
}

/* What "~" and "^" say here; false: neither stands here. */
static bool compare_marks(const char **a, const char **b, int *ret_order) {
	char first = **a, second = **b;
	if (first != '~' && second != '~' && first != '^' && second != '^')
		return false;
	*ret_order = 0;
	if (first == '~' || second == '~')
		*ret_order = first != '~' ? 1 : second != '~' ? -1 : 0;
	else if (first != second) /* "^" is later than the end, earlier than anything else */
		*ret_order = first == '^' ? (second ? -1 : 1) : (first ? 1 : -1);
	*a += first == second;
	*b += first == second;
	return true;
}

int rpm_part_compare(const char *a, const char *b) {
	int order = 0;
	while (*a || *b) {
		while (is_separator(*a))
			a++;
		while (is_separator(*b))
			b++;
		if (compare_marks(&a, &b, &order)) {
			if (order)
				return order;
			continue;
		}
		if (!*a || !*b)
			break;
		bool is_number = is_digit(*a);
		if (is_number != is_digit(*b))
			return is_number ? 1 : -1;
		order = compare_runs(&a, &b, is_number ? is_digit : is_letter);
		if (order)
			return order;
	}
	return (*a != '\0') - (*b != '\0');
}

static const char *part_of(const json_t *package, const char *key) {
	const char *text = json_string_value(json_object_get(package, key));
	return text ? text : "";
}

int rpm_package_compare(const json_t *a, const json_t *b) {
	json_int_t first = json_integer_value(json_object_get(a, "epoch"));
	json_int_t second = json_integer_value(json_object_get(b, "epoch"));
	int order = (first > second) - (first < second);
	if (!order)
		order = rpm_part_compare(part_of(a, "version"), part_of(b, "version"));
	return order ? order : rpm_part_compare(part_of(a, "release"), part_of(b, "release"));
}

char *rpm_package_version(const json_t *package) {
	const json_t *epoch = json_object_get(package, "epoch");
	CLEANUP(free_ptr) char *prefix = xasprintf("%lld:", (long long)json_integer_value(epoch));
	return xasprintf("%s%s-%s", epoch ? prefix : "", part_of(package, "version"), part_of(package, "release"));
}
