#pragma once
#include <stddef.h>

/// C = alpha A B^T + beta C for few rows or columns, both operands contiguous along k: a dot product per element, which
/// packs nothing and reads B from memory once. k > 0. AVX-512.
void gemm_dot(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, float alpha, const float *a, ptrdiff_t lda, const float *b,
              ptrdiff_t ldb, float beta, float *c, ptrdiff_t ldc);
