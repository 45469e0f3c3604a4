#pragma once
#include <stdbool.h>
#include <stddef.h>

/// Whether `up_dgemm` runs on this processor (x86-64 with AVX-512F). Callers use BLAS otherwise.
bool up_dgemm_available(void);

/// `up_sgemm` in float64, for the products around decompositions: C[m,n] = alpha op(A) op(B) + beta C,
/// row-major, on the calling thread only. The order of the sum over k depends on k alone.
void up_dgemm(bool trans_a, bool trans_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, double alpha,
              const double *a, ptrdiff_t lda, const double *b, ptrdiff_t ldb, double beta, double *c,
              ptrdiff_t ldc);
