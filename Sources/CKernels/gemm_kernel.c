// The AVX-512 register tile of up_sgemm, one instance per number of rows and of column vectors.
#include "gemm_internal.h"

#if defined(__x86_64__)

/// One vector of C: alpha * sum + beta * C under `mask`. C is not read when beta is zero.
GEMM_TARGET __attribute__((always_inline)) static inline void store_vector(
    float *c, __mmask16 mask, __m512 sum, __m512 alpha, __m512 beta, bool reads_c) {
  __m512 value = _mm512_mul_ps(alpha, sum);
  if (reads_c) value = _mm512_fmadd_ps(beta, _mm512_maskz_loadu_ps(mask, c), value);
  _mm512_mask_storeu_ps(c, mask, value);
}

/// `rows` and `vectors` are literals at every call, so the accumulators live in registers.
GEMM_TARGET __attribute__((always_inline)) static inline void register_tile(
    ptrdiff_t k, const float *a, const float *b, ptrdiff_t b_step, const gemm_tile *tile,
    const int rows, const int vectors) {
  __m512 sum[gemm_mr][2];
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) sum[r][0] = sum[r][1] = _mm512_setzero_ps();

  // C is needed right after the loop: its lines travel while the sums are formed.
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) {
    __builtin_prefetch(tile->c + r * tile->ldc, 1);
    __builtin_prefetch(tile->c + r * tile->ldc + tile->cols - 1, 1);
  }
  for (ptrdiff_t p = 0; p < k; p++, a += gemm_lanes, b += b_step) {
    const __m512 b0 = _mm512_loadu_ps(b);
    const __m512 b1 = vectors == 2 ? _mm512_loadu_ps(b + gemm_lanes) : _mm512_setzero_ps();
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
      const __m512 ar = _mm512_set1_ps(a[r]);
      sum[r][0] = _mm512_fmadd_ps(ar, b0, sum[r][0]);
      if (vectors == 2) sum[r][1] = _mm512_fmadd_ps(ar, b1, sum[r][1]);
    }
  }

  const __m512 alpha = _mm512_set1_ps(tile->alpha), beta = _mm512_set1_ps(tile->beta);
  const bool reads_c = tile->beta != 0;
  const __mmask16 mask0 = gemm_lane_mask(tile->cols);
  const __mmask16 mask1 = gemm_lane_mask(tile->cols - gemm_lanes);
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) {
    float *c = tile->c + r * tile->ldc;
    store_vector(c, mask0, sum[r][0], alpha, beta, reads_c);
    if (vectors == 2) store_vector(c + gemm_lanes, mask1, sum[r][1], alpha, beta, reads_c);
  }
}

typedef void (*tile_function)(ptrdiff_t, const float *, const float *, ptrdiff_t,
                              const gemm_tile *);

#define TILE(rows, vectors)                                                                   \
  GEMM_TARGET static void tile_##rows##_##vectors(                                            \
      ptrdiff_t k, const float *a, const float *b, ptrdiff_t b_step, const gemm_tile *tile) { \
    register_tile(k, a, b, b_step, tile, rows, vectors);                                      \
  }
#define TILES(rows) TILE(rows, 1) TILE(rows, 2)
TILES(1) TILES(2) TILES(3) TILES(4) TILES(5) TILES(6) TILES(7)
TILES(8) TILES(9) TILES(10) TILES(11) TILES(12) TILES(13) TILES(14)

#define ENTRY(rows) {tile_##rows##_1, tile_##rows##_2}
static const tile_function tiles[gemm_mr][2] = {
    ENTRY(1), ENTRY(2), ENTRY(3),  ENTRY(4),  ENTRY(5),  ENTRY(6),  ENTRY(7),
    ENTRY(8), ENTRY(9), ENTRY(10), ENTRY(11), ENTRY(12), ENTRY(13), ENTRY(14)};

void gemm_microkernel(ptrdiff_t k, const float *a, const float *b, ptrdiff_t b_step,
                      gemm_tile tile) {
  tiles[tile.rows - 1][tile.cols > gemm_lanes](k, a, b, b_step, &tile);
}
#endif
