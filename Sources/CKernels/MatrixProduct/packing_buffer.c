#include "packing_buffer.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local void *buffer;

static void create_key(void) {
  if (pthread_key_create(&key, free) != 0) abort();
}

/// In a huge page where the system grants it there are no TLB misses and no cache conflicts between pages.
void *packing_buffer(void) {
  if (buffer) return buffer;
  pthread_once(&once, create_key);
  void *memory = NULL;
  if (posix_memalign(&memory, packing_bytes, packing_bytes) != 0) abort();
  madvise(memory, packing_bytes, MADV_HUGEPAGE);
  pthread_setspecific(key, memory);
  return buffer = memory;
}
