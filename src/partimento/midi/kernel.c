/* A MIDI file to sorted notes, pedal and marks in one walk over its bytes.
 *
 * events.py, pairing.py and assembly.py say the same in numpy and are what this is tested against. Whatever is
 * damaged or merely rare is refused here, and they read the file or name the reason. A sound file is walked as the
 * standard describes it. All memory comes from the caller; nothing is kept between calls.
 */
#include <stdint.h>
#include <string.h>

#define INTERFACE 2 /* of all kernels, as in compiled.py */
#define MAX_TICK 0x7FFFFFFF
#define KEYS 2048 /* channel and pitch, or channel and program, of one track chunk */
#define DIGIT 11  /* bits that one pass of the sort looks at */
#define MOST_BYTES (1 << 28)
#define NONE (-1)

enum { META = 0xFF, NAME = 0x03, PORT = 0x21, END_OF_TRACK = 0x2F, TEMPO = 0x51, METRE = 0x58, KEY = 0x59 };
enum { PROGRAM = 0x100, TRACK = 0x101 }; /* beside the types of meta events in mark.type */
enum { CONTROL = 0xB0, PEDAL = 64, DRUM_CHANNEL = 9 };

struct note {
    int32_t onset, end;
    int32_t next; /* the note of the same key that began after this one and is open; later the number of the track */
    int32_t kind; /* track chunk, channel (4 bits), program (7 bits) */
    uint8_t pitch, velocity;
};
struct sorted { int32_t onset, note; };
struct mark { int32_t type, chunk, tick, first, second; };

/* What `midi_read` found; the caller's buffer begins with it. Offsets are in words of 32 bits from its beginning. */
struct found {
    int32_t notes, chunks, marks, marks_at, pedals, pedal_tick_at, pedal_value_at, pedal_group_at;
    int32_t notes_at, sorted_at;
};

struct walk {
    const uint8_t *data;
    struct note *note;
    struct sorted *sorted, *spare; /* in the order of the ends, then by onset */
    struct mark *mark;
    int32_t *pedal_tick, *pedal_value, *pedal_group;
    int64_t begun, ended, marks, pedals, tracks;
    int64_t most_notes, most_marks, most_pedals;
    int32_t first_open[KEYS], last_open[KEYS]; /* open notes of each key, oldest first */
    int32_t program[16];
};

static int add_mark(struct walk *w, int32_t type, int32_t chunk, int64_t tick, int64_t first, int64_t second)
{
    if (w->marks >= w->most_marks) return 0;
    w->mark[w->marks++] = (struct mark){type, chunk, (int32_t)tick, (int32_t)first, (int32_t)second};
    return 1;
}

static int begin_note(struct walk *w, int32_t chunk, int64_t tick, int channel, int pitch, int velocity)
{
    int32_t number = (int32_t)w->begun, key = channel << 7 | pitch;
    if (w->begun >= w->most_notes) return 0;
    struct note *note = &w->note[w->begun++];
    note->onset = (int32_t)tick;
    note->end = NONE;
    note->next = NONE;
    note->kind = chunk << 11 | channel << 7 | w->program[channel];
    note->pitch = (uint8_t)pitch;
    note->velocity = (uint8_t)velocity;
    if (w->first_open[key] == NONE) w->first_open[key] = number;
    else w->note[w->last_open[key]].next = number;
    w->last_open[key] = number;
    return 1;
}

/* The rule of pairing.py. No note is looked at more than twice: one that stays is dropped or ended by the next end. */
static void end_notes(struct walk *w, int64_t tick, int key)
{
    int32_t at = w->first_open[key];
    int any = 0;
    while (at != NONE && w->note[at].onset < tick) {
        w->note[at].end = (int32_t)tick;
        w->sorted[w->ended++] = (struct sorted){w->note[at].onset, at};
        at = w->note[at].next;
        any = 1;
    }
    w->first_open[key] = any ? at : NONE;
}

/* A number of one to four bytes at *at, or -1. */
static int64_t variable_length(const uint8_t *data, int64_t *at, int64_t stop)
{
    int64_t value = 0;
    for (int count = 0; count < 4 && *at < stop; count++) {
        uint8_t octet = data[(*at)++];
        value = value << 7 | (octet & 0x7F);
        if (octet < 0x80) return value;
    }
    return -1;
}

/* Number the tracks of a chunk whose whole notes are w->sorted[from...], by channel and program, and mark them. */
static int number_tracks(struct walk *w, int32_t chunk, int64_t from)
{
    int32_t *number = w->first_open; /* no longer needed for this chunk */
    memset(number, 0, sizeof w->first_open);
    for (int64_t i = from; i < w->ended; i++) number[w->note[w->sorted[i].note].kind & (KEYS - 1)] = 1;
    for (int32_t kind = 0; kind < KEYS; kind++) {
        if (!number[kind]) continue;
        number[kind] = (int32_t)w->tracks++;
        if (!add_mark(w, TRACK, chunk, 0, kind >> 7, kind & 127)) return 0;
    }
    for (int64_t i = from; i < w->ended; i++) {
        struct note *note = &w->note[w->sorted[i].note];
        note->next = number[note->kind & (KEYS - 1)];
    }
    return 1;
}

static int walk_track(struct walk *w, int32_t chunk, int64_t at, int64_t stop)
{
    const uint8_t *data = w->data;
    int64_t tick = 0, from = w->ended;
    int two = 0, one = 0; /* running status: of two data bytes, and of one where that was the event before */
    int has_notes = 0;
    memset(w->program, 0, sizeof w->program);
    while (at < stop) {
        int64_t delta = data[at] < 0x80 ? data[at++] : variable_length(data, &at, stop);
        if (delta < 0 || at >= stop) return 0;
        tick += delta;
        if (tick > MAX_TICK) return 0;
        int status = data[at];
        if (status < 0x80) {
            status = one ? one : two;
            if (!status) return 0;
        } else {
            at++;
            one = 0;
        }
        if (status < 0xC0 || (status & 0xF0) == 0xE0) {
            two = status;
            if (stop - at < 2 || (data[at] | data[at + 1]) >= 0x80) return 0;
            int channel = status & 15, first = data[at], second = data[at + 1];
            at += 2;
            if (status < 0xA0) {
                if (!has_notes) memset(w->first_open, 0xFF, sizeof w->first_open); /* NONE everywhere */
                has_notes = 1;
                if (status < 0x90 || !second) {
                    end_notes(w, tick, channel << 7 | first);
                } else if (!begin_note(w, chunk, tick, channel, first, second)) {
                    return 0;
                }
            } else if ((status & 0xF0) == CONTROL && first == PEDAL) {
                if (w->pedals >= w->most_pedals) return 0;
                w->pedal_tick[w->pedals] = (int32_t)tick;
                w->pedal_value[w->pedals] = second;
                w->pedal_group[w->pedals++] = chunk << 4 | channel;
            }
        } else if (status < 0xE0) {
            one = status;
            if (at >= stop || data[at] >= 0x80) return 0;
            if (status < 0xD0) {
                w->program[status & 15] = data[at];
                if (!add_mark(w, PROGRAM, chunk, tick, status & 15, data[at])) return 0;
            }
            at++;
        } else if (status == 0xF0 || status == 0xF7 || status == META) {
            int type = status != META ? NONE : at < stop ? data[at++] : NONE;
            int64_t length = variable_length(data, &at, stop);
            if (length < 0 || length > stop - at) return 0;
            if (type == END_OF_TRACK) break;
            if (type == NAME || type == PORT || type == TEMPO || type == METRE || type == KEY) {
                if (!add_mark(w, type, chunk, tick, at, length)) return 0;
            }
            at += length;
        } else {
            return 0;
        }
    }
    return w->ended == from || number_tracks(w, chunk, from);
}

static int64_t big_endian(const uint8_t *data, int count)
{
    int64_t value = 0;
    for (int i = 0; i < count; i++) value = value << 8 | data[i];
    return value;
}

/* Number of track chunks walked, or -1. */
static int32_t walk_chunks(struct walk *w, int64_t length)
{
    int64_t place = 8 + big_endian(w->data + 4, 4), count = big_endian(w->data + 10, 2);
    int32_t chunks = 0;
    while (place + 8 <= length && chunks < count) {
        const uint8_t *name = w->data + place;
        int64_t size = big_endian(name + 4, 4);
        for (int i = 0; i < 4; i++) {
            int letter = name[i] | 0x20;
            if (!(letter >= 'a' && letter <= 'z') && !(name[i] >= '0' && name[i] <= '9')) return NONE;
        }
        if (!memcmp(name, "MTrk", 4)) {
            if (place + 8 + size > length || !walk_track(w, chunks, place + 8, place + 8 + size)) return NONE;
            chunks++;
        }
        place += 8 + size;
    }
    return chunks;
}

/* By onset, those of one onset as they stand: least significant digits first, as many as the last tick has. */
static void sort_by_onset(struct walk *w)
{
    int32_t last = 0, start[1 << DIGIT];
    for (int64_t i = 0; i < w->ended; i++) last = w->sorted[i].onset > last ? w->sorted[i].onset : last;
    for (int shift = 0; shift < 31 && last >> shift; shift += DIGIT) {
        int32_t mask = (1 << DIGIT) - 1, sum = 0;
        memset(start, 0, sizeof start);
        for (int64_t i = 0; i < w->ended; i++) start[w->sorted[i].onset >> shift & mask]++;
        for (int32_t digit = 0; digit <= mask; digit++) {
            int32_t count = start[digit];
            start[digit] = sum;
            sum += count;
        }
        for (int64_t i = 0; i < w->ended; i++) w->spare[start[w->sorted[i].onset >> shift & mask]++] = w->sorted[i];
        struct sorted *swap = w->sorted;
        w->sorted = w->spare;
        w->spare = swap;
    }
}

/* Places in the caller's buffer. Most notes have an end of their own; two data bytes make three bytes at least. */
static int64_t lay_out(struct walk *w, struct found *found, int64_t length)
{
    int64_t at = sizeof *found / sizeof(int32_t);
    w->most_notes = length / 6 + 64;
    w->most_marks = length / 8 + 64;
    w->most_pedals = length / 3;
    found->notes_at = (int32_t)at;
    found->sorted_at = (int32_t)(at += w->most_notes * 5);
    found->marks_at = (int32_t)(at += w->most_notes * 4);
    found->pedal_tick_at = (int32_t)(at += w->most_marks * 5);
    found->pedal_value_at = (int32_t)(at += w->most_pedals);
    found->pedal_group_at = (int32_t)(at += w->most_pedals);
    return at + w->most_pedals;
}

int32_t kernel_interface(void) { return INTERFACE; }

/* Words that the caller's buffer must have for a file of so many bytes; -1 if it is too large. */
int64_t midi_words(int64_t length)
{
    struct walk w;
    struct found found;
    return length < 0 || length > MOST_BYTES ? NONE : lay_out(&w, &found, length);
}

/* Read a file of `length` bytes, its header checked, into midi_words(length) words. Returns 0 if it is refused, or 1. */
int32_t midi_read(const uint8_t *data, int64_t length, int32_t *words)
{
    struct found found = {0};
    struct walk w;
    if (length < 14 || length > MOST_BYTES) return 0;
    lay_out(&w, &found, length);
    w.data = data;
    w.begun = w.ended = w.tracks = 0;
    w.note = (struct note *)(words + found.notes_at);
    w.sorted = (struct sorted *)(words + found.sorted_at);
    w.spare = w.sorted + w.most_notes;
    w.mark = (struct mark *)(words + found.marks_at);
    w.pedal_tick = words + found.pedal_tick_at;
    w.pedal_value = words + found.pedal_value_at;
    w.pedal_group = words + found.pedal_group_at;
    w.marks = w.pedals = 0;
    found.chunks = walk_chunks(&w, length);
    if (found.chunks == NONE || !w.ended) return 0;
    sort_by_onset(&w);
    found.notes = (int32_t)w.ended;
    found.marks = (int32_t)w.marks;
    found.pedals = (int32_t)w.pedals;
    found.sorted_at = (int32_t)((int32_t *)w.sorted - words);
    memcpy(words, &found, sizeof found);
    return 1;
}

/* The notes that `midi_read` left in `words`, as columns of found.notes each: onset, duration, pitch, velocity,
 * program, track one after another, and whether they are drums. */
void midi_columns(const int32_t *words, int32_t *columns, uint8_t *is_drum)
{
    struct found found;
    memcpy(&found, words, sizeof found);
    const struct note *notes = (const struct note *)(words + found.notes_at);
    const struct sorted *sorted = (const struct sorted *)(words + found.sorted_at);
    int64_t count = found.notes;
    for (int64_t i = 0; i < count; i++) {
        const struct note *note = &notes[sorted[i].note];
        columns[i] = note->onset;
        columns[count + i] = note->end - note->onset;
        columns[2 * count + i] = note->pitch;
        columns[3 * count + i] = note->velocity;
        columns[4 * count + i] = note->kind & 127;
        columns[5 * count + i] = note->next;
        is_drum[i] = (note->kind >> 7 & 15) == DRUM_CHANNEL;
    }
}
