// Selfheal
// SPDX-License-Identifier: Apache-2.0

// What SQLite alone makes durable: the baseline of the engine's own figures.
//
//   JournalFloor FILE STEPS          two commits for each step: it begins, it ends
//   JournalFloor FILE STEPS EVENTS   EVENTS events in each commit, two events for each step
//
// One connection, write-ahead log, every commit flushed. FILE is made anew and left to the caller to remove.

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static sqlite3 *database;
static sqlite3_stmt *insert;

static void stop(const char *what) {
    fprintf(stderr, "%s: %s\n", what, database ? sqlite3_errmsg(database) : "no database");
    exit(1);
}

static void execute(const char *sql) {
    if (sqlite3_exec(database, sql, NULL, NULL, NULL) != SQLITE_OK) {
        stop(sql);
    }
}

static double seconds_of(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void make(const char *path) {
    char side[4096];
    unlink(path);
    snprintf(side, sizeof side, "%s-wal", path);
    unlink(side);
    snprintf(side, sizeof side, "%s-shm", path);
    unlink(side);
    if (sqlite3_open(path, &database) != SQLITE_OK) {
        stop(path);
    }
    execute("PRAGMA journal_mode = WAL");
    execute("PRAGMA synchronous = FULL");
    execute("CREATE TABLE event (id INTEGER PRIMARY KEY, run INTEGER, kind TEXT, body TEXT)");
    const char *sql = "INSERT INTO event (run, kind, body) VALUES (?, ?, ?)";
    if (sqlite3_prepare_v2(database, sql, -1, &insert, NULL) != SQLITE_OK) {
        stop(sql);
    }
}

static void write_event(long number) {
    char body[128];
    int length = snprintf(body, sizeof body, "{\"effect\":\"run-%06ld/step_%ld/1\",\"status\":0}", number / 40, number / 2);
    sqlite3_bind_int64(insert, 1, number / 40);
    sqlite3_bind_text(insert, 2, number % 2 == 0 ? "began" : "ended", 5, SQLITE_STATIC);
    sqlite3_bind_text(insert, 3, body, length, SQLITE_TRANSIENT);
    if (sqlite3_step(insert) != SQLITE_DONE) {
        stop("insert");
    }
    sqlite3_reset(insert);
}

int main(int count, char **words) {
    long steps = count > 2 ? strtol(words[2], NULL, 10) : 0;
    long group = count > 3 ? strtol(words[3], NULL, 10) : 1;
    if (count < 3 || count > 4 || steps < 1 || steps > 1000000 || group < 1 || group > 1000000) {
        fprintf(stderr, "usage: JournalFloor FILE STEPS [EVENTS]\n");
        return 2;
    }
    make(words[1]);
    double wall = seconds_of(CLOCK_MONOTONIC);
    double processor = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    for (long event = 0; event < 2 * steps; event++) {
        if (group > 1 && event % group == 0) {
            execute("BEGIN IMMEDIATE");
        }
        write_event(event);
        if (group > 1 && ((event + 1) % group == 0 || event + 1 == 2 * steps)) {
            execute("COMMIT");
        }
    }
    wall = seconds_of(CLOCK_MONOTONIC) - wall;
    processor = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - processor;
    printf("{\"steps\":%ld,\"s\":%.6f,\"steps_s\":%.0f,\"cpu\":%.6f}\n", steps, wall, (double)steps / wall, processor);
    return 0;
}
