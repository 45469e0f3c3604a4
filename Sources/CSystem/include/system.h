// What Swift cannot say itself about the operating system.
#pragma once
#include <stddef.h>

/// Two paths change places, atomically: renameat2 with RENAME_EXCHANGE.
/// Returns 0, or -1 with errno: ENOSYS or EINVAL where kernel or file system cannot.
int up_exchange(const char *first, const char *second);

/// Aligned memory, or NULL where there is none; free() gives it back. Every other allocation of the process, in whatever
/// library, ends the process with one line on standard error and exit code 1 where there is no memory (memory.c).
void *up_try_allocate(size_t alignment, size_t bytes);
