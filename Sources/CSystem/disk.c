// Work of the disk that goes on beside the processors'.
#define _GNU_SOURCE
#include "include/system.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

void up_begin_writeback(int descriptor) {
#ifdef SYNC_FILE_RANGE_WRITE
  sync_file_range(descriptor, 0, 0, SYNC_FILE_RANGE_WRITE);
#endif
}

void up_prefetch(const void *start, size_t bytes) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = (uintptr_t)start & ~(page - 1);
  madvise((void *)first, (uintptr_t)start + bytes - first, MADV_WILLNEED);
}
