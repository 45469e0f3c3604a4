#pragma once
#include <stdbool.h>
#include <stddef.h>

/// Whether `up_dgemm` may be called, as `up_sgemm_available`.
bool up_dgemm_available(void);

/// `up_sgemm` in float64, for the products around decompositions: C[m,n] = alpha op(A) op(B) + beta C,
/// row-major, on the calling thread only, in the same packing buffer. The order of the sum over k depends on k alone.
void up_dgemm(bool trans_a, bool trans_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, double alpha,
              const double *a, ptrdiff_t lda, const double *b, ptrdiff_t ldb, double beta, double *c,
              ptrdiff_t ldc);
