// A preload that lets the system fail at one exact place: calls that change the file system are counted, and the one
// with the number TORTURE_AT fails with TORTURE_ERRNO, or ends the process as kill -9 does (TORTURE_KILL=1; a write
// writes half of its bytes first). TORTURE_LASTS=1 lets every later one fail too, as on a disk that is full, over quota or
// read-only by then; on the first two what takes no room goes on. TORTURE_COUNT names a file that gets the number of calls.
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
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_long calls;
static long at;
static int code, kills, lasts;

__attribute__((constructor)) static void start(void) {
  const char *text = getenv("TORTURE_AT");
  at = text ? atol(text) : 0;
  text = getenv("TORTURE_ERRNO");
  code = text ? atoi(text) : ENOSPC;
  text = getenv("TORTURE_KILL");
  kills = text && *text == '1';
  text = getenv("TORTURE_LASTS");
  lasts = text && *text == '1';
}

__attribute__((destructor)) static void stop(void) {
  const char *name = getenv("TORTURE_COUNT");
  if (!name) return;
  FILE *file = fopen(name, "w");
  if (!file) return;
  fprintf(file, "%ld\n", atomic_load(&calls));
  fclose(file);
}

enum { takes_room = 1 };

// Whether this call fails; does not return where the process is to die.
static int fails(int descriptor, const void *bytes, size_t count, int room) {
  long call = atomic_fetch_add(&calls, 1) + 1;
  if (lasts ? !at || call < at || !(room || code == EROFS) : call != at) return 0;
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
  // Pipes and sockets are on no disk.
  struct stat file;
  int regular = descriptor > 2 && !fstat(descriptor, &file) && S_ISREG(file.st_mode);
  if (regular && fails(descriptor, bytes, count, takes_room)) return -1;
  return next(descriptor, bytes, count);
}

#define OPENS(name)                                                     \
  int name(const char *path, int flags, ...) {                          \
    NEXT(name);                                                         \
    va_list list;                                                       \
    va_start(list, flags);                                              \
    mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;           \
    va_end(list);                                                       \
    int writes = (flags & O_ACCMODE) != O_RDONLY && strncmp(path, "/dev/", 5); \
    if (writes && fails(-1, 0, 0, flags & O_CREAT ? takes_room : 0)) return -1; \
    return next(path, flags, mode);                                     \
  }
OPENS(open)
OPENS(open64)

int rename(const char *from, const char *to) {
  NEXT(rename);
  return fails(-1, 0, 0, 0) ? -1 : next(from, to);
}

int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
  NEXT(renameat2);
  return fails(-1, 0, 0, 0) ? -1 : next(a, from, b, to, flags);
}

int unlink(const char *path) {
  NEXT(unlink);
  return fails(-1, 0, 0, 0) ? -1 : next(path);
}

int mkdir(const char *path, mode_t mode) {
  NEXT(mkdir);
  return fails(-1, 0, 0, takes_room) ? -1 : next(path, mode);
}

int fsync(int descriptor) {
  NEXT(fsync);
  return fails(-1, 0, 0, 0) ? -1 : next(descriptor);
}

int ftruncate(int descriptor, off_t length) {
  NEXT(ftruncate);
  return fails(-1, 0, 0, 0) ? -1 : next(descriptor, length);
}
