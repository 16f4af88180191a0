/* Notes to performance tokens in one pass: what `events_of` and `ids_from_events` of performance.py say in numpy.
 *
 * They are what this is tested against, and encode whatever is refused here: columns that are not sorted, times too
 * large for 64 bits, silences that take more tokens than the notes. All memory comes from the caller.
 */
#include <math.h>
#include <stdint.h>

#define MAX_TICK 0x7FFFFFFF
#define MOST_TEMPO_US (1 << 28)
#define REFUSED (-1)

enum { DRUM = -1, IGNORED = -2 };
enum { START = 0, END = 1, UNKNOWN = 3, TIME_STEP = 5 };
enum { SEGMENT_MS = 5000, PITCHES = 128, VELOCITIES = 13, FIRST_DRUM = 35, LAST_DRUM = 81 };

/* Steps of the grid for each of 0, 1, ... ms or velocity; the ids at which the ranges begin, first_drum -1 if none. */
struct tables {
    const int64_t *onset, *duration, *velocity;
    int64_t first_note, first_drum, first_duration, first_onset;
};

/* Columns of Notes, and the instrument of each note (DRUM and IGNORED included). */
struct piece {
    const int32_t *onset, *duration, *pitch, *velocity, *track;
    const int64_t *instrument;
    const int32_t *tempo_tick, *tempo_us, *pedal_tick, *pedal_value, *pedal_track;
    int64_t notes, tempos, pedals, tracks, ticks_per_quarter;
};

/* How many of the sorted values are below `wanted`, looked for in doubling steps from a place nearby. */
static int64_t count_below(const int64_t *value, int64_t count, int64_t near, int64_t wanted)
{
    int64_t low, high, step = 1;
    if (near < count && value[near] < wanted) {
        for (low = near + 1; low + step < count && value[low + step] < wanted; step *= 2) low += step + 1;
        high = low + step < count ? low + step : count;
    } else {
        for (high = near; high >= step && value[high - step] >= wanted; step *= 2) high -= step;
        low = high >= step ? high - step + 1 : 0;
    }
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (value[middle] < wanted) low = middle + 1;
        else high = middle;
    }
    return low;
}

/* Time at a tick, in 1 / (1000 * ticks_per_quarter) ms. */
static int64_t scaled_time(const struct piece *p, const int64_t *tempo_tick, const int64_t *passed, int64_t *near,
                           int64_t tick)
{
    if (p->tempos == 1) return tick * p->tempo_us[0];
    *near = count_below(tempo_tick, p->tempos, *near, tick + 1);
    int64_t at = *near > 0 ? *near - 1 : 0;
    return passed[at] + (tick - tempo_tick[at]) * p->tempo_us[at];
}

/* Tempo ticks and the time passed until each. */
static int lay_out_tempos(const struct piece *p, int64_t *tempo_tick, int64_t *passed)
{
    for (int64_t i = 0; i < p->tempos; i++) {
        tempo_tick[i] = p->tempo_tick[i];
        if (p->tempo_us[i] <= 0 || p->tempo_us[i] > MOST_TEMPO_US) return 0;
        if (tempo_tick[i] < (i ? tempo_tick[i - 1] : 0)) return 0;
        passed[i] = i ? passed[i - 1] + (tempo_tick[i] - tempo_tick[i - 1]) * p->tempo_us[i - 1] : 0;
    }
    return 1;
}

/* Ticks at which each track's pedal goes down and comes up by turns; an open one comes up with the last note. */
static int lay_out_pedals(const struct piece *p, int64_t last_end, int64_t *edge, int64_t *edge_at)
{
    int64_t i = 0, count = 0;
    for (int64_t track = 0; track < p->tracks; track++) {
        int64_t from = i;
        edge_at[track] = count;
        for (; i < p->pedals && p->pedal_track[i] == track; i++) {
            if (i > from && p->pedal_tick[i] < p->pedal_tick[i - 1]) return 0;
            if ((p->pedal_value[i] >= 64) != (count - edge_at[track]) % 2) edge[count++] = p->pedal_tick[i];
        }
        if ((count - edge_at[track]) % 2) {
            int64_t down = edge[count - 1];
            edge[count++] = last_end > down ? last_end : down;
        }
    }
    edge_at[p->tracks] = count;
    return i == p->pedals; /* otherwise their tracks are not in order */
}

static int64_t clipped(int64_t value, int64_t most) { return value < 0 ? 0 : value > most ? most : value; }

/* Ids from START to END; returns how many, or -1. `only` is an instrument, or IGNORED for all that have tokens. `work`
 * has room for 2 * tempos + pedals + 3 * tracks + 1 numbers. */
int64_t performance_ids(const struct piece *p, const struct tables *tables, int64_t only, int64_t keep_silence,
                        int64_t *work, int64_t *ids, int64_t room)
{
    int64_t *tempo_tick = work, *passed = tempo_tick + p->tempos, *edge_at = passed + p->tempos;
    int64_t *near_edge = edge_at + p->tracks + 1, *edge = near_edge + p->tracks;
    int64_t last_end = 0, near_onset = 0, near_end = 0, first = 0, segment = 0, begun = 0, at = 0;
    double resolution = 1000.0 * (double)p->ticks_per_quarter;
    for (int64_t i = 0; i < p->notes; i++) {
        int64_t end = (int64_t)p->onset[i] + p->duration[i];
        if (p->onset[i] < (i ? p->onset[i - 1] : 0) || p->duration[i] < 0 || end > MAX_TICK) return REFUSED;
        if (p->track[i] < 0 || p->track[i] >= p->tracks) return REFUSED;
        last_end = end > last_end ? end : last_end;
    }
    if (p->tempos < 1 || p->ticks_per_quarter < 1 || room < 2) return REFUSED;
    if (!lay_out_tempos(p, tempo_tick, passed) || !lay_out_pedals(p, last_end, edge, edge_at)) return REFUSED;
    for (int64_t track = 0; track < p->tracks; track++) near_edge[track] = 0;
    int64_t last_change = p->tempos > 1 ? p->tempo_us[p->tempos - 1] - p->tempo_us[p->tempos - 2] : 0;
    ids[at++] = START;
    for (int64_t i = 0; i < p->notes; i++) {
        int64_t instrument = p->instrument[i], pitch = p->pitch[i], track = p->track[i];
        if (only == IGNORED ? instrument == IGNORED : instrument != only) continue;
        int64_t onset = p->onset[i], end = onset + p->duration[i];
        int64_t edges = edge_at[track + 1] - edge_at[track];
        if (edges) {
            int64_t place = count_below(edge + edge_at[track], edges, near_edge[track], end);
            near_edge[track] = place;
            if (place % 2) end = edge[edge_at[track] + place]; /* the pedal is down until then */
        }
        int64_t start = scaled_time(p, tempo_tick, passed, &near_onset, onset);
        int64_t lasting = scaled_time(p, tempo_tick, passed, &near_end, end) - start;
        if (!begun && !keep_silence) first = start;
        begun = 1;
        if (onset > tempo_tick[p->tempos - 1]) lasting += (onset - tempo_tick[p->tempos - 1]) * last_change;
        int64_t onset_ms = (int64_t)rint((double)(start - first) / resolution);
        int64_t duration_ms = (int64_t)rint((double)lasting / resolution);
        if (onset_ms < 0) return REFUSED;
        for (; segment < onset_ms / SEGMENT_MS && at < room; segment++) ids[at++] = TIME_STEP;
        if (room - at < 4) return REFUSED;
        if (instrument == DRUM) {
            if (tables->first_drum < 0) return REFUSED;
            ids[at++] = pitch >= FIRST_DRUM && pitch <= LAST_DRUM ? tables->first_drum + pitch - FIRST_DRUM : UNKNOWN;
        } else if (pitch < 0 || pitch >= PITCHES) {
            ids[at++] = UNKNOWN;
        } else {
            int64_t velocity = tables->velocity[clipped(p->velocity[i], 127)];
            ids[at++] = tables->first_note + (instrument * PITCHES + pitch) * VELOCITIES + velocity;
        }
        ids[at++] = tables->first_onset + tables->onset[onset_ms % SEGMENT_MS];
        if (instrument != DRUM) ids[at++] = tables->first_duration + tables->duration[clipped(duration_ms, SEGMENT_MS)];
    }
    ids[at++] = END;
    return at;
}
