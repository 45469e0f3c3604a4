// A mapped file that becomes shorter, or whose disk fails, is a signal where its bytes are read. As a file that cannot be
// read it ends the process with one line on standard error and exit code 1.
#define _GNU_SOURCE
#include "include/system.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct sigaction former;

// The file behind an address, from /proc/self/maps; "a mapped file" where that does not say.
static void name_at(uintptr_t address, char *name, size_t size) {
  char buffer[1024], line[4352];
  size_t length = 0;
  snprintf(name, size, "a mapped file");
  int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (maps < 0) return;
  for (ssize_t got; (got = read(maps, buffer, sizeof buffer)) > 0;) {
    for (ssize_t i = 0; i < got; i++) {
      if (buffer[i] != '\n') {
        if (length < sizeof line - 1) line[length++] = buffer[i];
        continue;
      }
      line[length] = 0;
      length = 0;
      char *dash = line;
      uintptr_t start = strtoull(line, &dash, 16), end = *dash ? strtoull(dash + 1, 0, 16) : 0;
      const char *path = strchr(line, '/');
      if (address < start || address >= end) continue;
      if (path) snprintf(name, size, "%s", path);
      close(maps);
      return;
    }
  }
  close(maps);
}

static void on_bus_error(int number, siginfo_t *info, void *context) {
  (void)context;
  if (info->si_code != BUS_ADRERR) {
    // Sent by somebody, or another fault, which comes again at once.
    sigaction(number, &former, 0);
    if (info->si_code <= 0) raise(number);
    return;
  }
  char name[4096], line[4352];
  name_at((uintptr_t)info->si_addr, name, sizeof name);
  int length = snprintf(
      line, sizeof line,
      "error: %s: cannot be read any more: it became shorter, or its disk failed (leave it as it is while it is read)\n",
      name);
  if (write(2, line, (size_t)length)) {}
  _exit(1);
}

void up_tell_lost_mappings(void) {
  struct sigaction action = {0};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, &former);
}
