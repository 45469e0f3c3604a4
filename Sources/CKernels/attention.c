// Entry points of attention.h: instruction set and scratch; the work is in attention_{forward,backward}.h.

#include "attention.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "attention_problem.h"

// MARK: Instruction set, chosen once

static const attention_kernels *kernels;
static pthread_key_t scratch_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void prepare(void) {
  kernels = &up_attention_portable;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("x86-64-v4")) kernels = &up_attention_avx512;
  else if (__builtin_cpu_supports("x86-64-v3")) kernels = &up_attention_avx2;
#endif
  if (pthread_key_create(&scratch_key, free) != 0) abort();
}

// MARK: Scratch, one block per thread

typedef struct { size_t floats; char pad[64 - sizeof(size_t)]; } scratch_header;

/// At least `floats` floats, 64-byte aligned, that stay this thread's until it ends.
static float *scratch(size_t floats) {
  scratch_header *block = pthread_getspecific(scratch_key);
  if (!block || block->floats < floats) {
    free(block);
    pthread_setspecific(scratch_key, NULL);
    const size_t bytes = (sizeof(scratch_header) + floats * sizeof(float) + 63) & ~(size_t)63;
    block = aligned_alloc(64, bytes);
    if (!block) {
      fprintf(stderr, "error: attention scratch: no memory for %zu bytes\n", bytes);
      abort();
    }
    block->floats = floats;
    pthread_setspecific(scratch_key, block);
  }
  return (float *)(block + 1);
}

// MARK: Entry points

void up_attention_forward(
  const float *q, ptrdiff_t q_stride, const float *k, ptrdiff_t k_stride,
  const float *v, ptrdiff_t v_stride, float *out, ptrdiff_t out_stride, float *lse,
  ptrdiff_t Tq, ptrdiff_t Tk, ptrdiff_t dk, ptrdiff_t dv, float scale) {
  const attention_problem problem = {
    .q = {q, q_stride}, .k = {k, k_stride}, .v = {v, v_stride}, .out = {out, out_stride}, .lse = lse,
    .q_count = Tq, .k_count = Tk, .k_width = dk, .v_width = dv, .scale = scale};
  pthread_once(&once, prepare);
  kernels->forward(&problem, scratch(kernels->forward_scratch(&problem)));
}

void up_attention_backward(
  const float *q, ptrdiff_t q_stride, const float *k, ptrdiff_t k_stride,
  const float *v, ptrdiff_t v_stride, const float *out, ptrdiff_t out_stride,
  const float *dout, ptrdiff_t dout_stride, const float *lse,
  float *dq, ptrdiff_t dq_stride, float *dk_, ptrdiff_t dk_stride, float *dv_, ptrdiff_t dv_stride,
  ptrdiff_t Tq, ptrdiff_t Tk, ptrdiff_t dk, ptrdiff_t dv, float scale) {
  const attention_problem problem = {
    .q = {q, q_stride}, .k = {k, k_stride}, .v = {v, v_stride},
    .out = {(float *)out, out_stride}, .lse = (float *)lse, .dout = {dout, dout_stride},
    .dq = {dq, dq_stride}, .dk = {dk_, dk_stride}, .dv = {dv_, dv_stride},
    .q_count = Tq, .k_count = Tk, .k_width = dk, .v_width = dv, .scale = scale};
  pthread_once(&once, prepare);
  kernels->backward(&problem, scratch(kernels->backward_scratch(&problem)));
}
