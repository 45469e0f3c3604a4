#pragma once

// A pool of workers that run numbered chunks. The caller takes part; chunks are claimed one by one, so
// a slow core takes fewer. Results must not depend on which thread ran a chunk. Calls from inside a
// chunk run serially.
typedef void (*up_task)(void *context, int chunk);
void up_parallel(int chunks, up_task task, void *context);
// Sets the number of threads (1...64). Not to be called while chunks run.
void up_set_threads(int count);
int up_threads(void);
