// A failed allocation is one line and exit code 1. Swift's arrays, Foundation, BLAS and zstd have no way to report one:
// they trap, abort, or go on with a null pointer. So the executables define the C library's allocation functions
// themselves and pass every call on; only where the answer is "none" do they do more.
#define _GNU_SOURCE
#include "include/system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
#if defined(__has_feature)
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
#define UP_ALLOCATES 1
#endif
#else
#define UP_ALLOCATES 1
#endif
#endif

#ifdef UP_ALLOCATES
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t),
    *__libc_memalign(size_t, size_t);

// Bytes of address space that the process takes, from /proc/self/statm; 0 where it cannot be read.
static unsigned long long taken(void) {
  char text[64] = {0};
  int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  ssize_t got = read(file, text, sizeof text - 1);
  close(file);
  return got > 0 ? strtoull(text, 0, 10) * (unsigned long long)sysconf(_SC_PAGESIZE) : 0;
}

static _Noreturn void out_of_memory(size_t bytes) {
  char line[256], limit[64] = "";
  struct rlimit space;
  if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY)
    snprintf(limit, sizeof limit, " of at most %llu", (unsigned long long)space.rlim_cur);
  int length = snprintf(
      line, sizeof line, "error: out of memory: %zu bytes wanted, %llu bytes of address space%s taken\n", bytes,
      taken(), limit);
  if (write(2, line, (size_t)length)) {}
  _exit(1);
}

// Of a large block whole pages of 2 MB where the system gives them on request: a conversion then spends 13 instead of 15 % of
// its time in the kernel, what is left in zeroing them.
static void *in_large_pages(void *memory, size_t bytes) {
  if (bytes >= (size_t)1 << 23) {
    uintptr_t first = ((uintptr_t)memory + 4095) & ~(uintptr_t)4095, end = ((uintptr_t)memory + bytes) & ~(uintptr_t)4095;
    int reason = errno;
    madvise((void *)first, end - first, MADV_HUGEPAGE);
    errno = reason;
  }
  return memory;
}

void *malloc(size_t bytes) {
  void *memory = __libc_malloc(bytes);
  if (!memory) out_of_memory(bytes);
  return in_large_pages(memory, bytes);
}

void *calloc(size_t count, size_t size) {
  void *memory = __libc_calloc(count, size);
  size_t bytes;
  if (!memory) out_of_memory(__builtin_mul_overflow(count, size, &bytes) ? SIZE_MAX : bytes);
  return in_large_pages(memory, count * size);
}

void *realloc(void *old, size_t bytes) {
  void *memory = __libc_realloc(old, bytes);
  if (!memory && bytes > 0) out_of_memory(bytes);
  return memory;
}

void *memalign(size_t alignment, size_t bytes) {
  void *memory = __libc_memalign(alignment, bytes);
  if (!memory) out_of_memory(bytes);
  return in_large_pages(memory, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes) { return memalign(alignment, bytes); }

int posix_memalign(void **result, size_t alignment, size_t bytes) {
  if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0) return EINVAL;
  *result = memalign(alignment, bytes);
  return 0;
}

void *up_try_allocate(size_t alignment, size_t bytes) { return __libc_memalign(alignment, bytes); }
#else
void *up_try_allocate(size_t alignment, size_t bytes) {
  void *memory = 0;
  return posix_memalign(&memory, alignment, bytes) == 0 ? memory : 0;
}
#endif
