#pragma once
// Shared by gemm*.c: the register tile and the three building blocks of the product.
#include "include/gemm.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define GEMM_TARGET __attribute__((target("avx512f")))

/// Register tile: 14 rows x 32 columns = 28 accumulators; of 32 registers that leaves two for a row
/// of B and two for broadcasts of A. Per step over k: 28 FMAs (14 cycles at two a cycle) for 16
/// loads (8 cycles), so the FMA units are the limit.
enum { gemm_mr = 14, gemm_nr = 32, gemm_lanes = 16 };

/// Where one register tile writes: C[rows,cols] = alpha * sum + beta * C.
typedef struct {
  float *c;
  ptrdiff_t ldc, rows, cols;
  float alpha, beta;
} gemm_tile;

/// sum_p a[p,r] b[p,j] for one register tile. `a` is a packed panel (16 floats per p, of which
/// `tile.rows` <= 14 count), `b` holds 32 readable floats (16 when tile.cols <= 16) every `b_step`.
void gemm_microkernel(ptrdiff_t k, const float *a, const float *b, ptrdiff_t b_step,
                      gemm_tile tile);

/// dst[p * step + r] = src[r * ld + p] for r < rows (<= 16), p < k; lanes up to 16 become zero.
/// Writes whole groups of 16 steps: dst must hold k rounded up to 16 steps.
void gemm_pack_transposed(const float *src, ptrdiff_t ld, ptrdiff_t rows, ptrdiff_t k, float *dst,
                          ptrdiff_t step);

/// dst[p * step + j] = src[p * ld + j] for j < cols (<= 16), p < k; lanes up to 16 become zero.
void gemm_pack_copied(const float *src, ptrdiff_t ld, ptrdiff_t cols, ptrdiff_t k, float *dst,
                      ptrdiff_t step);

/// The whole product for few rows or columns and both operands contiguous along k (A as stored, B
/// transposed): a dot product per element, which packs nothing and reads B from memory once.
void gemm_dot_rows(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, float alpha, const float *a,
                   ptrdiff_t lda, const float *b, ptrdiff_t ldb, float beta, float *c,
                   ptrdiff_t ldc);

/// Mask of the first `count` of 16 lanes; count may be negative or above 16.
static inline unsigned short gemm_lane_mask(ptrdiff_t count) {
  return count >= gemm_lanes ? 0xffff : count <= 0 ? 0 : (unsigned short)((1u << count) - 1);
}
#endif
