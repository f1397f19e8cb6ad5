#include "core/who_place.h"

#include <string.h>

#define WAYS_MOST 16
#define DEPTH_MOST 128
#define MOVES_MOST 256 /* of a place; of more the place is said less */

/* One step: this name is looked up in this folder. Behind the last one stands the end, which has no name. */
struct step {
	struct who_inode inode; /* now; 0: there is none, or it is not told */
	char *name;             /* owned; NULL: the end */
};

struct way {
	struct step steps[DEPTH_MOST + 1];
	size_t count; /* with the end */
};

/* An inode came to be step `step` of a way, or ceased to be it. */
struct move {
	size_t way, step;
	struct who_inode inode;
	struct who_when when;
	bool is_gone;
};

struct who_place {
	struct way *ways[WAYS_MOST]; /* owned */
	size_t way_count;
	struct move moves[MOVES_MOST];
	size_t move_count;
};

static int digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

bool who_dev_read(const char *text, size_t len, uint64_t *ret_dev) {
	uint64_t parts[2] = {0};
	size_t part = 0, digits = 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == ':' && part == 0 && digits > 0) {
			part = 1;
			digits = 0;
		} else if (digit(text[i]) >= 0 && digits < 8) {
			parts[part] = parts[part] << 4 | (uint64_t)digit(text[i]);
			digits++;
		} else {
			return false;
		}
	}
	*ret_dev = parts[0] << 32 | parts[1];
	return part == 1 && digits > 0;
}

static bool is_same(struct who_inode one, struct who_inode other) {
	return one.number != 0 && one.number == other.number && one.dev == other.dev;
}

/* ["fe:00",inode]; anything else is none. */
static struct who_inode inode_of(const json_t *value) {
	struct who_inode inode = {0};
	const char *dev = json_string_value(json_array_get(value, 0));
	json_int_t number = json_integer_value(json_array_get(value, 1));
	if (!dev || number <= 0 || !who_dev_read(dev, strlen(dev), &inode.dev))
		return (struct who_inode){0};
	inode.number = (uint64_t)number;
	return inode;
}

static struct way *way_of(const json_t *value) {
	struct way *way = xcalloc(1, sizeof *way);
	const json_t *step;
	size_t i;
	json_array_foreach(json_object_get(value, "steps"), i, step) {
		const char *name = json_string_value(json_array_get(step, 1));
		if (!name || i == DEPTH_MOST)
			return way; /* no end */
		way->steps[way->count++] = (struct step){inode_of(json_array_get(step, 0)), xstrdup(name)};
	}
	way->steps[way->count++] = (struct step){inode_of(json_object_get(value, "end")), NULL};
	return way;
}

struct who_place *who_place_new(const json_t *value) {
	struct who_place *place = xcalloc(1, sizeof *place);
	const json_t *way;
	size_t i;
	json_array_foreach(value, i, way) {
		if (place->way_count == WAYS_MOST)
			break;
		place->ways[place->way_count++] = way_of(way);
	}
	return place;
}

void who_place_free(struct who_place *place) {
	if (!place)
		return;
	for (size_t w = 0; w < place->way_count; w++) {
		for (size_t i = 0; i < place->ways[w]->count; i++)
			free(place->ways[w]->steps[i].name);
		free(place->ways[w]);
	}
	free(place);
}

bool who_place_is_known(const struct who_place *place) { return place->way_count > 0; }

/* Before 0: one is earlier. */
static int compare(struct who_when one, struct who_when other) {
	if (one.at_ms != other.at_ms)
		return one.at_ms < other.at_ms ? -1 : 1;
	return one.serial < other.serial ? -1 : one.serial > other.serial;
}

/* By the last move of the inode before, else the next one after, else by what is there now. */
static bool was_there(const struct who_place *place, size_t way, size_t step, struct who_inode inode,
		      struct who_when when) {
	const struct move *before = NULL, *after = NULL;
	for (size_t i = 0; i < place->move_count; i++) {
		const struct move *move = &place->moves[i];
		if (move->way != way || move->step != step || !is_same(move->inode, inode))
			continue;
		if (compare(move->when, when) <= 0 && (!before || compare(before->when, move->when) <= 0))
			before = move;
		if (compare(move->when, when) > 0 && (!after || compare(move->when, after->when) < 0))
			after = move;
	}
	if (before)
		return !before->is_gone;
	return after ? after->is_gone : is_same(place->ways[way]->steps[step].inode, inode);
}

/* Before the event itself: an entry that comes or goes does so in a folder that is there before and after. */
static bool is_step(const struct who_place *place, size_t way, size_t step, struct who_inode folder, const char *name,
		    struct who_when when) {
	const char *own = place->ways[way]->steps[step].name;
	return own && !strcmp(own, name) && was_there(place, way, step, folder, when);
}

bool who_place_has_entry(const struct who_place *place, struct who_inode folder, const char *name,
			 struct who_when when) {
	for (size_t w = 0; w < place->way_count; w++)
		for (size_t i = 0; i < place->ways[w]->count; i++)
			if (is_step(place, w, i, folder, name, when))
				return true;
	return false;
}

static bool add_move(struct who_place *place, const struct move *move) {
	for (size_t i = 0; i < place->move_count; i++) {
		const struct move *other = &place->moves[i];
		if (other->way == move->way && other->step == move->step && is_same(other->inode, move->inode) &&
		    compare(other->when, move->when) == 0 && other->is_gone == move->is_gone)
			return false;
	}
	if (place->move_count == MOVES_MOST)
		return false;
	place->moves[place->move_count++] = *move;
	return true;
}

bool who_place_learn(struct who_place *place, struct who_inode folder, const char *name, struct who_inode inode,
		     struct who_when when, bool is_gone) {
	bool is_new = false;
	for (size_t w = 0; w < place->way_count && inode.number; w++)
		for (size_t i = 0; i + 1 < place->ways[w]->count; i++)
			if (is_step(place, w, i, folder, name, when)) {
				const struct move move = {w, i + 1, inode, when, is_gone};
				is_new |= add_move(place, &move);
			}
	return is_new;
}

bool who_place_is_end(const struct who_place *place, struct who_inode inode, struct who_when when) {
	for (size_t w = 0; w < place->way_count; w++)
		if (place->ways[w]->count > 0 && !place->ways[w]->steps[place->ways[w]->count - 1].name &&
		    was_there(place, w, place->ways[w]->count - 1, inode, when))
			return true;
	return false;
}

bool who_place_has_end(const struct who_place *place) {
	for (size_t i = 0; i < place->move_count; i++)
		if (!place->ways[place->moves[i].way]->steps[place->moves[i].step].name)
			return true;
	for (size_t w = 0; w < place->way_count; w++)
		if (place->ways[w]->count > 0 && place->ways[w]->steps[place->ways[w]->count - 1].inode.number)
			return true;
	return false;
}
