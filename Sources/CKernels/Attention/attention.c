// Entry points of attention.h: instruction set and scratch; the work is in attention_{forward,backward}.h.

#include "Attention/attention.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "InstructionSet/instruction_set.h"
#include "attention_problem.h"

// MARK: Instruction set, chosen once

static const attention_kernels *kernels;
static pthread_key_t scratch_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void prepare(void) {
  kernels = &up_attention_portable;
#if defined(__x86_64__)
  switch (up_chosen_instruction_set()) {
    case up_avx512: kernels = &up_attention_avx512; break;
    case up_avx2: kernels = &up_attention_avx2; break;
    case up_portable: break;
  }
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
    .q_count = Tq, .k_count = Tk, .k_width = dk, .v_width = dv, .heads = 1, .scale = scale};
  pthread_once(&once, prepare);
  kernels->forward(&problem, scratch(kernels->forward_scratch(&problem)));
}

// Queries of all heads that are copied beside each other at a time: a tile of the widest kernels.
enum { GROUP_QUERIES = 64 };

void up_attention_group(
  const float *q, ptrdiff_t q_stride, const float *k, ptrdiff_t k_stride,
  const float *v, ptrdiff_t v_stride, float *out, ptrdiff_t out_stride,
  ptrdiff_t heads, ptrdiff_t Tq, ptrdiff_t Tk, ptrdiff_t dk, ptrdiff_t dv, float scale) {
  pthread_once(&once, prepare);
  if (heads == 1 || kernels->lanes % heads != 0) {
    for (ptrdiff_t h = 0; h < heads; h++)
      up_attention_forward(q + h * dk, q_stride, k, k_stride, v, v_stride, out + h * dv, out_stride, NULL, Tq, Tk, dk, dv,
                           scale);
    return;
  }
  attention_problem problem = {
    .k = {k, k_stride}, .v = {v, v_stride}, .q_count = GROUP_QUERIES, .k_width = dk, .v_width = dv, .heads = heads,
    .scale = scale};
  const size_t kernel = (kernels->forward_scratch(&problem) + 15) & ~(size_t)15;
  const ptrdiff_t q_row = heads * dk, out_row = heads * dv;
  float *space = scratch(kernel + (size_t)(GROUP_QUERIES * (dk + dv)));
  float *queries = space + kernel, *results = queries + GROUP_QUERIES * dk;
  problem.q = (rows_in){queries, dk};
  problem.out = (rows_out){results, dv};
  for (ptrdiff_t first = 0, count; first < Tq; first += count) {
    count = Tq - first < GROUP_QUERIES / heads ? Tq - first : GROUP_QUERIES / heads;
    for (ptrdiff_t t = 0; t < count; t++)
      memcpy(queries + t * q_row, q + (first + t) * q_stride, (size_t)q_row * sizeof(float));
    problem.q_count = count * heads;
    problem.k_count = Tk - Tq + first + count;
    kernels->forward(&problem, space);
    for (ptrdiff_t t = 0; t < count; t++)
      memcpy(out + (first + t) * out_stride, results + t * out_row, (size_t)out_row * sizeof(float));
  }
}

void up_attention_exponentials(float *x, ptrdiff_t count) {
  pthread_once(&once, prepare);
  kernels->exponentials(x, count);
}

void up_attention_join(
  float *out, ptrdiff_t out_stride, float *lse, const float *more, ptrdiff_t more_stride,
  const float *more_lse, ptrdiff_t heads, ptrdiff_t dv) {
  for (ptrdiff_t h = 0; h < heads; h++, out += out_stride, more += more_stride) {
    const float max = fmaxf(lse[h], more_lse[h]);
    const float old = expf(lse[h] - max), new = expf(more_lse[h] - max);
    const float old_share = old / (old + new), new_share = new / (old + new);
    for (ptrdiff_t d = 0; d < dv; d++) out[d] = old_share * out[d] + new_share * more[d];
    lse[h] = max + logf(old + new);
  }
}

// Keys that every group takes before the next ones are read, so that a row of the cache, which holds the keys of all
// groups, comes from memory once.
enum { SHARED_KEYS = 512 };

void up_attention_heads(
  const float *q, ptrdiff_t q_stride, const float *k, ptrdiff_t k_stride,
  const float *v, ptrdiff_t v_stride, float *out, ptrdiff_t out_stride, float *lse,
  ptrdiff_t groups, ptrdiff_t heads, ptrdiff_t Tk, ptrdiff_t dk, ptrdiff_t dv, float scale) {
  attention_problem problem = {
    .q_count = heads, .k_width = dk, .v_width = dv, .heads = 1, .scale = scale, .side_by_side = 1};
  pthread_once(&once, prepare);
  const size_t kernel = (kernels->forward_scratch(&problem) + 15) & ~(size_t)15;
  float *space = scratch(kernel + (size_t)(heads * dv + heads + groups * heads));
  float *more = space + kernel, *more_lse = more + heads * dv;
  if (!lse) lse = more_lse + heads;
  const ptrdiff_t step = groups == 1 ? Tk : SHARED_KEYS;
  for (ptrdiff_t key = 0; key < Tk; key += step)
    for (ptrdiff_t g = 0; g < groups; g++) {
      float *o = out + g * heads * out_stride, *sums = lse + g * heads;
      problem.q = (rows_in){q + g * heads * q_stride, q_stride};
      problem.k = (rows_in){k + key * k_stride + g * dk, k_stride};
      problem.v = (rows_in){v + key * v_stride + g * dv, v_stride};
      problem.k_count = Tk - key < step ? Tk - key : step;
      problem.out = key ? (rows_out){more, dv} : (rows_out){o, out_stride};
      problem.lse = key ? more_lse : sums;
      kernels->forward(&problem, space);
      if (key) up_attention_join(o, out_stride, sums, more, dv, more_lse, heads, dv);
    }
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
    .q_count = Tq, .k_count = Tk, .k_width = dk, .v_width = dv, .heads = 1, .scale = scale};
  pthread_once(&once, prepare);
  kernels->backward(&problem, scratch(kernels->backward_scratch(&problem)));
}
