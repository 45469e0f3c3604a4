#include "InstructionSet/instruction_set.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {[up_portable] = "portable", [up_avx2] = "avx2", [up_avx512] = "avx512"};

static up_instruction_set chosen;
static pthread_once_t once = PTHREAD_ONCE_INIT;

up_instruction_set up_processor_instruction_set(void) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("x86-64-v4")) return up_avx512;
  if (__builtin_cpu_supports("x86-64-v3")) return up_avx2;
#endif
  return up_portable;
}

static void choose(void) {
  const up_instruction_set best = up_processor_instruction_set();
  const char *wanted = getenv("UPCYCLE_ISA");
  chosen = best;
  if (!wanted) return;
  for (chosen = up_portable; chosen <= best; chosen++)
    if (strcmp(wanted, names[chosen]) == 0) return;
  fprintf(stderr, "error: UPCYCLE_ISA: no instruction set of this processor; expected portable%s%s, found %s\n",
          best >= up_avx2 ? ", avx2" : "", best >= up_avx512 ? ", avx512" : "", *wanted ? wanted : "nothing");
  exit(2);
}

up_instruction_set up_chosen_instruction_set(void) {
  pthread_once(&once, choose);
  return chosen;
}
