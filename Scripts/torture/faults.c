// A preload that lets the system fail at one exact place: calls that change the file system are counted, and the one
// with the number TORTURE_AT fails with TORTURE_ERRNO, or ends the process as kill -9 does (TORTURE_KILL=1; a write
// writes half of its bytes first). TORTURE_COUNT names a file that gets the number of calls at the end.
//
//   clang -shared -fPIC -O1 -o faults.so faults.c -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_long calls;
static long at;
static int code, kills;

__attribute__((constructor)) static void start(void) {
  const char *text = getenv("TORTURE_AT");
  at = text ? atol(text) : 0;
  text = getenv("TORTURE_ERRNO");
  code = text ? atoi(text) : ENOSPC;
  text = getenv("TORTURE_KILL");
  kills = text && *text == '1';
}

__attribute__((destructor)) static void stop(void) {
  const char *name = getenv("TORTURE_COUNT");
  if (!name) return;
  FILE *file = fopen(name, "w");
  if (!file) return;
  fprintf(file, "%ld\n", atomic_load(&calls));
  fclose(file);
}

// Whether this call fails; does not return where the process is to die.
static int fails(int descriptor, const void *bytes, size_t count) {
  if (atomic_fetch_add(&calls, 1) + 1 != at) return 0;
  if (kills) {
    static ssize_t (*plain)(int, const void *, size_t);
    plain = dlsym(RTLD_NEXT, "write");
    if (bytes && count > 1 && plain(descriptor, bytes, count / 2) < 0) {}
    kill(getpid(), SIGKILL);
  }
  errno = code;
  return 1;
}

#define NEXT(name) __typeof__(name) *next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

ssize_t write(int descriptor, const void *bytes, size_t count) {
  NEXT(write);
  if (descriptor > 2 && fails(descriptor, bytes, count)) return -1;
  return next(descriptor, bytes, count);
}

#define OPENS(name)                                                     \
  int name(const char *path, int flags, ...) {                          \
    NEXT(name);                                                         \
    va_list list;                                                       \
    va_start(list, flags);                                              \
    mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;           \
    va_end(list);                                                       \
    if ((flags & O_ACCMODE) != O_RDONLY && fails(-1, 0, 0)) return -1;  \
    return next(path, flags, mode);                                     \
  }
OPENS(open)
OPENS(open64)

int rename(const char *from, const char *to) {
  NEXT(rename);
  return fails(-1, 0, 0) ? -1 : next(from, to);
}

int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
  NEXT(renameat2);
  return fails(-1, 0, 0) ? -1 : next(a, from, b, to, flags);
}

int unlink(const char *path) {
  NEXT(unlink);
  return fails(-1, 0, 0) ? -1 : next(path);
}

int mkdir(const char *path, mode_t mode) {
  NEXT(mkdir);
  return fails(-1, 0, 0) ? -1 : next(path, mode);
}

int fsync(int descriptor) {
  NEXT(fsync);
  return fails(-1, 0, 0) ? -1 : next(descriptor);
}

int ftruncate(int descriptor, off_t length) {
  NEXT(ftruncate);
  return fails(-1, 0, 0) ? -1 : next(descriptor, length);
}
