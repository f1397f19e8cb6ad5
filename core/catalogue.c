#include "core/catalogue.h"

#include "core/file.h"

static bool text_of(const struct yaml *mapping, const char *key, const char *where, const char *what, char **ret_text,
		    struct err *err) {
	const struct yaml *node;
	const char *text;
	if (!yaml_need(mapping, key, where, what, &node, err) || !yaml_string(node, where, key, &text, err))
		return false;
	if (!*text)
		return yaml_fault(err, where, node, "%s is empty", key);
	*ret_text = xstrdup(text);
	return true;
}

/* A list of words, joined by ", ". */
static bool list_of(const struct yaml *mapping, const char *key, const char *where, char **ret_text, struct err *err) {
	const struct yaml *node;
	const char *word;
	CLEANUP(buf_done) struct buf joined = {0};
	if (!yaml_need(mapping, key, where, "a control", &node, err) || !yaml_is(node, YAML_SEQUENCE, where, key, err))
		return false;
	for (size_t i = 0; i < node->count; i++) {
		if (!yaml_string(node->items[i], where, key, &word, err))
			return false;
		buf_addf(&joined, "%s%s", i ? ", " : "", word);
	}
	*ret_text = buf_take(&joined);
	return true;
}

static bool read_control(const struct yaml *node, const char *where, struct control *control, struct err *err) {
	static const char *const known[] = {"id",         "title",    "theme",        "new",     "control_type",
					    "properties", "concepts", "capabilities", "domains", NULL};
	static const char what[] = "a control";
	const struct yaml *is_new;
	return yaml_has_only(node, known, where, what, err) && text_of(node, "id", where, what, &control->id, err) &&
	       text_of(node, "title", where, what, &control->title, err) &&
	       text_of(node, "theme", where, what, &control->theme, err) &&
	       yaml_need(node, "new", where, what, &is_new, err) &&
	       yaml_bool(is_new, where, "new", &control->is_new, err) &&
	       list_of(node, "control_type", where, &control->control_type, err) &&
	       list_of(node, "properties", where, &control->properties, err) &&
	       list_of(node, "concepts", where, &control->concepts, err) &&
	       list_of(node, "capabilities", where, &control->capabilities, err) &&
	       list_of(node, "domains", where, &control->domains, err);
}

static bool read_controls(const struct yaml *root, const char *where, struct catalogue *catalogue, struct err *err) {
	static const char *const root_known[] = {"catalogue", "controls", NULL};
	static const char *const head_known[] = {"framework", "title", NULL};
	const struct yaml *head, *list;
	if (!yaml_has_only(root, root_known, where, "a catalogue", err) ||
	    !yaml_need(root, "catalogue", where, "a catalogue", &head, err) ||
	    !yaml_has_only(head, head_known, where, "catalogue", err) ||
	    !text_of(head, "framework", where, "catalogue", &catalogue->framework, err) ||
	    !text_of(head, "title", where, "catalogue", &catalogue->title, err) ||
	    !yaml_need(root, "controls", where, "a catalogue", &list, err) ||
	    !yaml_is(list, YAML_SEQUENCE, where, "controls", err))
		return false;
	catalogue->controls = xcalloc(list->count, sizeof *catalogue->controls);
	for (size_t i = 0; i < list->count; i++) {
		struct control *control = &catalogue->controls[catalogue->control_count++];
		if (!read_control(list->items[i], where, control, err))
			return false;
		/* In the standard's order, which also means that none is there twice. */
		if (i > 0 && control_compare(control[-1].id, control->id) >= 0)
			return yaml_fault(err, where, list->items[i], "%s does not follow %s", control->id,
					  control[-1].id);
	}
	return true;
}

static bool read_coverage(const struct yaml *node, const char *where, struct catalogue *catalogue, struct err *err) {
	static const char *const known[] = {"control", "host", "documents", NULL};
	static const char *const words[] = {"full", "partial", "documents"};
	static const char what[] = "a coverage";
	CLEANUP(free_ptr) char *id = NULL;
	size_t word = 0;
	if (!yaml_has_only(node, known, where, what, err) || !text_of(node, "control", where, what, &id, err))
		return false;
	struct control *control = (struct control *)(uintptr_t)catalogue_find(catalogue, id);
	if (!control)
		return yaml_fault(err, where, node, "there is no control %s", id);
	if (control->coverage)
		return yaml_fault(err, where, node, "%s stands here already", id);
	if (!text_of(node, "host", where, what, &control->coverage, err) ||
	    !text_of(node, "documents", where, what, &control->documents, err))
		return false;
	while (word < ARRAY_LEN(words) && strcmp(words[word], control->coverage) != 0)
		word++;
	return word < ARRAY_LEN(words) ||
	       yaml_fault(err, where, yaml_get(node, "host"), "there is no word \"%s\" for it", control->coverage);
}

static bool read_coverages(const struct yaml *root, const char *where, struct catalogue *catalogue, struct err *err) {
	static const char *const root_known[] = {"coverage", "controls", NULL};
	const struct yaml *head, *framework, *list;
	if (!yaml_has_only(root, root_known, where, "a coverage file", err) ||
	    !yaml_need(root, "coverage", where, "a coverage file", &head, err) ||
	    !yaml_need(head, "framework", where, "coverage", &framework, err) ||
	    !yaml_need(root, "controls", where, "a coverage file", &list, err) ||
	    !yaml_is(list, YAML_SEQUENCE, where, "controls", err))
		return false;
	if (framework->kind != YAML_SCALAR || strcmp(framework->text, catalogue->framework) != 0)
		return yaml_fault(err, where, framework, "it is of another framework than %s", catalogue->framework);
	for (size_t i = 0; i < list->count; i++)
		if (!read_coverage(list->items[i], where, catalogue, err))
			return false;
	return true;
}

static bool read_move(const struct yaml *node, const char *where, const struct catalogue *catalogue,
		      struct control_move *move, struct err *err) {
	static const char *const known[] = {"from", "from_title", "to", "relation", NULL};
	static const char *const relations[] = {"one_to_one", "merged", "split", "new"};
	static const char what[] = "a move";
	if (!yaml_has_only(node, known, where, what, err) || !text_of(node, "to", where, what, &move->to, err) ||
	    !text_of(node, "relation", where, what, &move->relation, err))
		return false;
	if (!catalogue_find(catalogue, move->to))
		return yaml_fault(err, where, node, "there is no control %s", move->to);
	size_t i = 0;
	while (i < ARRAY_LEN(relations) && strcmp(relations[i], move->relation) != 0)
		i++;
	if (i == ARRAY_LEN(relations))
		return yaml_fault(err, where, yaml_get(node, "relation"), "there is no relation \"%s\"",
				  move->relation);
	if (strcmp(move->relation, "new") != 0)
		return text_of(node, "from", where, what, &move->from, err) &&
		       text_of(node, "from_title", where, what, &move->from_title, err);
	if (yaml_get(node, "from") || yaml_get(node, "from_title"))
		return yaml_fault(err, where, node, "a control that is new came from nowhere");
	move->from = xstrdup("");
	move->from_title = xstrdup("");
	return true;
}

static bool read_moves(const struct yaml *root, const char *where, struct catalogue *catalogue, struct err *err) {
	static const char *const root_known[] = {"map", "moves", NULL};
	static const char *const head_known[] = {"from", "to", NULL};
	const struct yaml *head, *list;
	CLEANUP(free_ptr) char *from = NULL;
	CLEANUP(free_ptr) char *to = NULL;
	if (!yaml_has_only(root, root_known, where, "a map", err) ||
	    !yaml_need(root, "map", where, "a map", &head, err) ||
	    !yaml_has_only(head, head_known, where, "map", err) || !text_of(head, "from", where, "map", &from, err) ||
	    !text_of(head, "to", where, "map", &to, err) || !yaml_need(root, "moves", where, "a map", &list, err) ||
	    !yaml_is(list, YAML_SEQUENCE, where, "moves", err))
		return false;
	if (strcmp(to, catalogue->framework) != 0)
		return yaml_fault(err, where, head, "the map leads to %s, the catalogue is %s", to,
				  catalogue->framework);
	catalogue->moves = xcalloc(list->count, sizeof *catalogue->moves);
	for (size_t i = 0; i < list->count; i++)
		if (!read_move(list->items[i], where, catalogue, &catalogue->moves[catalogue->move_count++], err))
			return false;
	return true;
}

static bool read_file(const char *folder, const char *name, struct catalogue *catalogue,
		      bool (*read)(const struct yaml *root, const char *where, struct catalogue *catalogue,
				   struct err *err),
		      struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(yaml_tree_free_p) struct yaml *root = NULL;
	return file_read(path, YAML_LARGEST, &bytes, err) && yaml_read(bytes.data, bytes.len, path, &root, err) &&
	       read(root, path, catalogue, err);
}

bool catalogue_load(const char *folder, struct catalogue **ret_catalogue, struct err *err) {
	struct catalogue *catalogue = xcalloc(1, sizeof *catalogue);
	if (!read_file(folder, "iso27001-2022.yaml", catalogue, read_controls, err) ||
	    !read_file(folder, "coverage.yaml", catalogue, read_coverages, err) ||
	    !read_file(folder, "iso27001-2013-map.yaml", catalogue, read_moves, err)) {
		catalogue_free(catalogue);
		return false;
	}
	*ret_catalogue = catalogue;
	return true;
}

static void control_done(struct control *control) {
	free(control->id);
	free(control->title);
	free(control->theme);
	free(control->control_type);
	free(control->properties);
	free(control->concepts);
	free(control->capabilities);
	free(control->domains);
	free(control->coverage);
	free(control->documents);
}

void catalogue_free(struct catalogue *catalogue) {
	if (!catalogue)
		return;
	for (size_t i = 0; i < catalogue->control_count; i++)
		control_done(&catalogue->controls[i]);
	for (size_t i = 0; i < catalogue->move_count; i++) {
		free(catalogue->moves[i].from);
		free(catalogue->moves[i].from_title);
		free(catalogue->moves[i].to);
		free(catalogue->moves[i].relation);
	}
	free(catalogue->controls);
	free(catalogue->moves);
	free(catalogue->framework);
	free(catalogue->title);
	free(catalogue);
}

const struct control *catalogue_find(const struct catalogue *catalogue, const char *id) {
	for (size_t i = 0; i < catalogue->control_count; i++)
		if (!strcmp(catalogue->controls[i].id, id))
			return &catalogue->controls[i];
	return NULL;
}

/* GNU's order of versions is the standard's: runs of digits compare as numbers. */
int control_compare(const char *a, const char *b) { return strverscmp(a, b); }
