#pragma once

#include <stddef.h>

/// A matrix of contiguous rows, `stride` floats apart.
typedef struct { const float *at; ptrdiff_t stride; } rows_in;
typedef struct { float *at; ptrdiff_t stride; } rows_out;

/// The arguments of one call of attention.h; the gradient fields are used by the backward only.
typedef struct {
  rows_in q, k, v;
  rows_out out;              // written by the forward, read by the backward
  float *lse;                // NULL: not wanted (forward)
  rows_in dout;
  rows_out dq, dk, dv;
  ptrdiff_t q_count, k_count, k_width, v_width;
  ptrdiff_t heads;           // queries of one position, which follow each other: 1, or what divides LANES (forward only)
  float scale;
  int side_by_side;          // the queries are heads of one position: each sees every key (forward only)
} attention_problem;

/// One instruction set's kernels, and the scratch (in floats, 64-byte aligned) each of them needs.
typedef struct {
  ptrdiff_t lanes;
  size_t (*forward_scratch)(const attention_problem *);
  size_t (*backward_scratch)(const attention_problem *);
  void (*forward)(const attention_problem *, float *scratch);
  void (*backward)(const attention_problem *, float *scratch);
  void (*exponentials)(float *x, ptrdiff_t count);
} attention_kernels;

extern const attention_kernels up_attention_portable;
#if defined(__x86_64__)
extern const attention_kernels up_attention_avx2, up_attention_avx512;
#endif
