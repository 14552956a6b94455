/* The floor: the same model breadth first in C, one 64-bit word for a state, open addressing, one thread, and no way back to the beginning.
 *   cc -O2 -DB=brokers -DE=epochs -DF=faults -DC=crashes lease.c
 * Prints one line of JSON; "distinct" must be what spin stores. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UP, DOWN, RESTARTING };
enum { IDLE, LEADER, CHOSEN, SENT };
enum { NOBODY = 2 };

typedef struct {
    uint8_t mode[B], fence[B];
    uint8_t role[2], epoch_of[2], target[2], sent_to[2], sent_epoch[2];
    uint8_t holder, epoch, faults, crashes;
} state;

static uint64_t *table, *found, mask = (1 << 16) - 1, count, generated, room = 1 << 16;

static inline uint64_t put(uint64_t word, int bits, uint64_t value) {
    return word << bits | value;
}

static inline uint64_t take(uint64_t *word, int bits) {
    uint64_t value = *word & ((1u << bits) - 1);
    *word >>= bits;
    return value;
}

/* Never 0, which marks a free place. */
static uint64_t pack(const state *s) {
    uint64_t word = 1;
    for (int i = 0; i < B; i++) {
        word = put(put(word, 2, s->mode[i]), 3, s->fence[i]);
    }
    for (int h = 0; h < 2; h++) {
        word = put(put(put(word, 2, s->role[h]), 3, s->epoch_of[h]), 2, s->target[h]);
        word = put(put(word, 3, s->sent_to[h]), 3, s->sent_epoch[h]);
    }
    return put(put(put(put(word, 2, s->holder), 3, s->epoch), 3, s->faults), 2, s->crashes);
}

static void unpack(uint64_t word, state *s) {
    s->crashes = take(&word, 2);
    s->faults = take(&word, 3);
    s->epoch = take(&word, 3);
    s->holder = take(&word, 2);
    for (int h = 1; h >= 0; h--) {
        s->sent_epoch[h] = take(&word, 3);
        s->sent_to[h] = take(&word, 3);
        s->target[h] = take(&word, 2);
        s->epoch_of[h] = take(&word, 3);
        s->role[h] = take(&word, 2);
    }
    for (int i = B - 1; i >= 0; i--) {
        s->fence[i] = take(&word, 3);
        s->mode[i] = take(&word, 2);
    }
}

static uint64_t spread(uint64_t word) {
    word = (word ^ word >> 32) * 0xd6e8feb86659fd93ull;
    word = (word ^ word >> 32) * 0xd6e8feb86659fd93ull;
    return word ^ word >> 32;
}

static void place(uint64_t word) {
    uint64_t slot = spread(word) & mask;
    while (table[slot]) {
        slot = (slot + 1) & mask;
    }
    table[slot] = word;
}

static void *must(void *memory) {
    if (!memory) {
        fputs("out of memory\n", stderr);
        exit(3);
    }
    return memory;
}

static void add(const state *s) {
    uint64_t word = pack(s);
    generated++;
    for (uint64_t slot = spread(word) & mask; table[slot]; slot = (slot + 1) & mask) {
        if (table[slot] == word) {
            return;
        }
    }
    place(word);
    if (count == room) {
        found = must(realloc(found, (room *= 2) * sizeof *found));
    }
    found[count++] = word;
    if (count * 2 > mask) {
        free(table);
        mask = mask * 2 + 1;
        table = must(calloc(mask + 1, sizeof *table));
        for (uint64_t i = 0; i < count; i++) {
            place(found[i]);
        }
    }
}

#define WHEN(guard, effect) \
    if (guard) {            \
        state t = s;        \
        effect;             \
        add(&t);            \
    }

static void healer(state s, int h) {
    WHEN(s.role[h] == IDLE && s.holder == NOBODY && s.epoch < E, t.epoch++; t.holder = h; t.epoch_of[h] = t.epoch;
         t.role[h] = LEADER)
    WHEN(s.holder == h, t.holder = NOBODY)
    WHEN(s.role[h] == LEADER && s.holder != h, t.role[h] = IDLE; t.epoch_of[h] = 0; t.target[h] = 0)
    WHEN(s.role[h] == CHOSEN && !s.sent_to[h], t.sent_to[h] = t.target[h] + 1; t.sent_epoch[h] = t.epoch_of[h];
         t.role[h] = SENT)
    WHEN(
        s.sent_to[h], int b = t.sent_to[h] - 1;
        if (t.sent_epoch[h] >= t.fence[b]) {
            t.fence[b] = t.sent_epoch[h];
            t.mode[b] = RESTARTING;
        } t.sent_to[h] = 0;
        t.sent_epoch[h] = 0)
    WHEN(s.sent_to[h], t.sent_to[h] = 0; t.sent_epoch[h] = 0)
    WHEN(s.role[h] == SENT && !s.sent_to[h] && s.mode[s.target[h]] != RESTARTING, t.role[h] = LEADER; t.target[h] = 0)
    WHEN(s.role[h] != IDLE && s.crashes < C, t.crashes++; t.role[h] = IDLE; t.epoch_of[h] = 0; t.target[h] = 0)
}

static void broker(state s, int b) {
    WHEN(s.mode[b] == UP && s.faults < F, t.faults++; t.mode[b] = DOWN)
    WHEN(s.mode[b] == RESTARTING, t.mode[b] = UP)
    for (int h = 0; h < 2; h++) {
        WHEN(s.role[h] == LEADER && s.mode[b] == DOWN, t.target[h] = b; t.role[h] = CHOSEN)
    }
}

int main(void) {
    state s;
    memset(&s, 0, sizeof s);
    s.holder = NOBODY;
    table = must(calloc(mask + 1, sizeof *table));
    found = must(malloc(room * sizeof *found));
    add(&s);
    generated = 0;
    for (uint64_t i = 0; i < count; i++) {
        unpack(found[i], &s);
        for (int h = 0; h < 2; h++) {
            healer(s, h);
        }
        for (int b = 0; b < B; b++) {
            broker(s, b);
        }
    }
    printf("{\"distinct\": %lu, \"generated\": %lu}\n", (unsigned long)count, (unsigned long)generated);
    return 0;
}
