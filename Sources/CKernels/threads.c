#include "include/threads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

// One job at a time: `generation` announces it, `next` hands out chunks, `active` counts workers that
// have not yet left it. Workers spin briefly for the next job, then sleep.
static struct {
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  atomic_uint generation;
  atomic_int next, finished, active;
  int chunks, sleeping, count, started;
  up_task task;
  void *context;
} pool = {.mutex = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .count = 1};

static _Thread_local bool inside_chunk = false;
static pthread_mutex_t callers = PTHREAD_MUTEX_INITIALIZER;

static inline void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

static void run_chunks(void) {
  inside_chunk = true;
  for (;;) {
    int chunk = atomic_fetch_add(&pool.next, 1);
    if (chunk >= pool.chunks) break;
    pool.task(pool.context, chunk);
    atomic_fetch_add(&pool.finished, 1);
  }
  inside_chunk = false;
}

/// `argument` holds the generation at the worker's birth: jobs up to it are not its own.
static void *worker(void *argument) {
  unsigned seen = (unsigned)(uintptr_t)argument;
  for (;;) {
    unsigned now = seen;
    for (int spin = 0; spin < 20000 && now == seen; spin++) {
      now = atomic_load(&pool.generation);
      if (now == seen) relax();
    }
    if (now == seen) {
      pthread_mutex_lock(&pool.mutex);
      pool.sleeping++;
      while ((now = atomic_load(&pool.generation)) == seen) pthread_cond_wait(&pool.wake, &pool.mutex);
      pool.sleeping--;
      pthread_mutex_unlock(&pool.mutex);
    }
    seen = now;
    run_chunks();
    atomic_fetch_sub(&pool.active, 1);
  }
  return 0;
}

void up_set_threads(int count) {
  pthread_mutex_lock(&callers);
  if (count < 1) count = 1;
  if (count > 64) count = 64;
  pool.count = count;
  while (pool.started < count - 1) {
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 8 << 20);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    // No job runs meanwhile: `callers` is held.
    void *generation = (void *)(uintptr_t)atomic_load(&pool.generation);
    if (pthread_create(&thread, &attributes, worker, generation) != 0) break;
    pthread_attr_destroy(&attributes);
    pool.started++;
  }
  pthread_mutex_unlock(&callers);
}

int up_threads(void) { return pool.count; }

void up_parallel(int chunks, up_task task, void *context) {
  if (chunks <= 1 || pool.count == 1 || inside_chunk || pthread_mutex_trylock(&callers) != 0) {
    for (int chunk = 0; chunk < chunks; chunk++) task(context, chunk);
    return;
  }
  // Workers left over from a larger setting still take part in the handshake; that is harmless.
  while (atomic_load(&pool.active) != 0) relax();
  pool.task = task;
  pool.context = context;
  pool.chunks = chunks;
  atomic_store(&pool.next, 0);
  atomic_store(&pool.finished, 0);
  atomic_store(&pool.active, pool.started);
  pthread_mutex_lock(&pool.mutex);
  atomic_fetch_add(&pool.generation, 1);
  if (pool.sleeping) pthread_cond_broadcast(&pool.wake);
  pthread_mutex_unlock(&pool.mutex);
  run_chunks();
  while (atomic_load(&pool.finished) != chunks) relax();
  pthread_mutex_unlock(&callers);
}
