// The pool of threads under the thread sanitizer (Scripts/torture/kernels.sh builds and runs it): several callers at once,
// chunks that call again, pools that grow and shrink between jobs, and kernels that keep memory for each thread.
#include "kernels.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { callers = 3, most_chunks = 40, rows = 24, width = 33 };

typedef struct {
  int ran[most_chunks];
  float a[rows * width], b[width * width], c[most_chunks * rows * width], out[most_chunks * rows * width];
} job;

static void inner(void *context, int chunk) { ((int *)context)[chunk]++; }

static void chunk_of(void *context, int chunk) {
  job *job = context;
  job->ran[chunk]++;
  int nested[7] = {0};
  up_parallel(7, inner, nested);
  for (int i = 0; i < 7; i++)
    if (nested[i] != 1) abort();
  float *c = job->c + chunk * rows * width, *out = job->out + chunk * rows * width, lse[rows];
  if (up_sgemm_available()) up_sgemm(false, false, rows, width, width, 1, job->a, width, job->b, width, 0, c, width);
  up_attention_forward(job->a, width, job->b, width, job->b, width, out, width, lse, rows, width, width, width, 0.1f);
}

static void *caller(void *argument) {
  int rounds = *(int *)argument;
  job *job = calloc(1, sizeof *job);
  for (int i = 0; i < rows * width; i++) job->a[i] = (float)(i % 7) / 7;
  for (int i = 0; i < width * width; i++) job->b[i] = (float)(i % 5) / 5;
  for (int round = 0; round < rounds; round++) {
    int chunks = round % most_chunks;
    for (int i = 0; i < most_chunks; i++) job->ran[i] = 0;
    up_parallel(chunks, chunk_of, job);
    for (int i = 0; i < most_chunks; i++)
      if (job->ran[i] != (i < chunks)) abort();
  }
  free(job);
  return 0;
}

int main(int count, char **arguments) {
  int rounds = count > 1 ? atoi(arguments[1]) : 200;
  for (int threads = 1; threads <= 6; threads++) {
    up_set_threads(threads % 2 ? threads : 7 - threads);
    pthread_t started[callers];
    for (int i = 0; i < callers; i++)
      if (pthread_create(&started[i], 0, caller, &rounds) != 0) abort();
    for (int i = 0; i < callers; i++) pthread_join(started[i], 0);
  }
  printf("threads: 6 pools, %d callers of %d jobs each, nothing found\n", callers, rounds);
  return 0;
}
