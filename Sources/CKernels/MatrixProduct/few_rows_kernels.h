#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "MatrixProduct/few_rows.h"

#define UNROLL _Pragma("clang loop unroll(full)")

/// Where some dot products go: C[rows,cols] = alpha * sum + beta * C.
typedef struct {
  float *c;
  ptrdiff_t ldc, rows, cols;
  float alpha, beta;
} dot_results;

/// C[m,n] = alpha A[m,k] W[n,k]^T + beta C; k > 0. One for each element type, by `up_element`.
typedef void (*few_rows_kernel)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, float alpha, const float *a, ptrdiff_t lda,
                                const void *w, ptrdiff_t ldw, float beta, float *c, ptrdiff_t ldc);
extern const few_rows_kernel up_few_rows_portable[4];
#if defined(__x86_64__)
extern const few_rows_kernel up_few_rows_avx2[4], up_few_rows_avx512[4];
#endif
