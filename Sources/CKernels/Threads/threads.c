#include "Threads/threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

// One job at a time. `ticket` holds its generation (high half) and how many chunks nobody has claimed
// yet (low half); claiming is one compare-and-swap. A claim can only succeed on the job that is
// published, and that job stays published until all claimed chunks are finished, so a worker that comes
// late, or never, holds nobody up: the caller waits for chunks, not for workers. Waiting threads spin
// briefly, then yield the processor (others may need it to finish their chunk), idle workers then sleep.
static struct {
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  _Atomic uint64_t ticket;
  atomic_int finished, sleeping, count;
  int chunks, started;
  up_task task;
  void *context;
} pool = {.mutex = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .count = 1};

static _Thread_local bool inside_chunk = false;
static pthread_mutex_t callers = PTHREAD_MUTEX_INITIALIZER;

static inline void relax(int round) {
  if (round >= 1000 && round % 64 == 0) {
    sched_yield();
    return;
  }
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

static inline uint32_t unclaimed(void) { return (uint32_t)atomic_load(&pool.ticket); }

static void run_chunks(void) {
  inside_chunk = true;
  uint64_t ticket = atomic_load(&pool.ticket);
  while ((uint32_t)ticket != 0) {
    if (!atomic_compare_exchange_weak(&pool.ticket, &ticket, ticket - 1)) continue;
    pool.task(pool.context, pool.chunks - (int)(uint32_t)ticket);
    atomic_fetch_add(&pool.finished, 1);
    ticket = atomic_load(&pool.ticket);
  }
  inside_chunk = false;
}

static void *worker(void *argument) {
  (void)argument;
  for (;;) {
    for (int round = 0; round < 20000 && unclaimed() == 0; round++) relax(round);
    if (unclaimed() == 0) {
      pthread_mutex_lock(&pool.mutex);
      atomic_fetch_add(&pool.sleeping, 1);
      while (unclaimed() == 0) pthread_cond_wait(&pool.wake, &pool.mutex);
      atomic_fetch_sub(&pool.sleeping, 1);
      pthread_mutex_unlock(&pool.mutex);
    }
    run_chunks();
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
    if (pthread_create(&thread, &attributes, worker, 0) != 0) break;
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
  pool.task = task;
  pool.context = context;
  pool.chunks = chunks;
  atomic_store(&pool.finished, 0);
  uint64_t generation = (atomic_load(&pool.ticket) >> 32) + 1;
  atomic_store(&pool.ticket, generation << 32 | (uint32_t)chunks);
  if (atomic_load(&pool.sleeping)) {
    pthread_mutex_lock(&pool.mutex);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.mutex);
  }
  run_chunks();
  for (int round = 0; atomic_load(&pool.finished) != chunks; round++) relax(round);
  pthread_mutex_unlock(&callers);
}
