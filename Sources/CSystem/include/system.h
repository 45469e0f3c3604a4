// What Swift cannot say itself about the operating system.
#pragma once
#include <stddef.h>

/// Two paths change places, atomically: renameat2 with RENAME_EXCHANGE.
/// Returns 0, or -1 with errno: ENOSYS or EINVAL where kernel or file system cannot.
int up_exchange(const char *first, const char *second);

/// Starts writing to the disk what was written to the file so far, without waiting for it. Does nothing where the system or
/// the file cannot.
void up_begin_writeback(int descriptor);

/// Starts reading these bytes of a mapped file, without waiting for them. Does nothing where the system cannot.
void up_prefetch(const void *start, size_t bytes);

/// Aligned memory, or NULL where there is none; free() gives it back. Every other allocation of the process, in whatever
/// library, ends the process with one line on standard error and exit code 1 where there is no memory (memory.c).
void *up_try_allocate(size_t alignment, size_t bytes);

/// From now on a mapped file whose bytes are gone ends the process with one line on standard error and exit code 1.
void up_tell_lost_mappings(void);
