// Products with few rows (decoding) or columns: dot products along k, 16 elements of C at a time.
#include "gemm_dot.h"

#include "avx512.h"

#if defined(__x86_64__)

enum { lanes = 16 };

/// Some elements of C: C[rows,cols] = alpha * sum + beta * C.
typedef struct {
  float *c;
  ptrdiff_t ldc, rows, cols;
  float alpha, beta;
} result_tile;

/// Mask of the first `count` of 16 lanes; count may be negative or above 16.
static inline __mmask16 first_lanes(ptrdiff_t count) {
  return count >= lanes ? 0xffff : count <= 0 ? 0 : (__mmask16)((1u << count) - 1);
}

/// Lane i of the result is the sum of the lanes of v[i]; every v[i] is summed in the same order.
AVX512 __attribute__((always_inline)) static inline __m512 sums_of_lanes(__m512 v[16]) {
#pragma clang loop unroll(full)
  for (int i = 0; i < 16; i += 2)  // pairs of lanes
    v[i] = _mm512_add_ps(_mm512_unpacklo_ps(v[i], v[i + 1]), _mm512_unpackhi_ps(v[i], v[i + 1]));
#pragma clang loop unroll(full)
  for (int i = 0; i < 16; i += 4)  // quarters: lanes now hold v[i], v[i+1], v[i+2], v[i+3]
    v[i] = _mm512_add_ps(_mm512_shuffle_ps(v[i], v[i + 2], 0x44),
                         _mm512_shuffle_ps(v[i], v[i + 2], 0xee));
#pragma clang loop unroll(full)
  for (int i = 0; i < 16; i += 8)
    v[i] = _mm512_add_ps(_mm512_shuffle_f32x4(v[i], v[i + 4], 0x88),
                         _mm512_shuffle_f32x4(v[i], v[i + 4], 0xdd));
  return _mm512_add_ps(_mm512_shuffle_f32x4(v[0], v[8], 0x88),
                       _mm512_shuffle_f32x4(v[0], v[8], 0xdd));
}

/// C[rows, cols] for rows x cols = 16 dot products; those beyond the tile's rows and columns repeat the last one and are
/// dropped. `rows` and `cols` are literals at every call.
AVX512 __attribute__((always_inline)) static inline void dot_tile(
    ptrdiff_t k, const float *a, ptrdiff_t lda, const float *b, ptrdiff_t ldb, result_tile tile,
    const int rows, const int cols) {
  const float *a_row[4], *b_row[16];
  __m512 sum[16];
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) a_row[i] = a + (i < tile.rows ? i : tile.rows - 1) * lda;
#pragma clang loop unroll(full)
  for (int j = 0; j < cols; j++) b_row[j] = b + (j < tile.cols ? j : tile.cols - 1) * ldb;
#pragma clang loop unroll(full)
  for (int i = 0; i < 16; i++) sum[i] = _mm512_setzero_ps();

  ptrdiff_t p = 0;
  for (; p + lanes <= k; p += lanes) {
    __m512 x[4];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) x[i] = _mm512_loadu_ps(a_row[i] + p);
#pragma clang loop unroll(full)
    for (int j = 0; j < cols; j++) {
      const __m512 y = _mm512_loadu_ps(b_row[j] + p);
#pragma clang loop unroll(full)
      for (int i = 0; i < rows; i++)
        sum[i * cols + j] = _mm512_fmadd_ps(x[i], y, sum[i * cols + j]);
    }
  }
  if (p < k) {
    const __mmask16 mask = first_lanes(k - p);
#pragma clang loop unroll(full)
    for (int j = 0; j < cols; j++) {
      const __m512 y = _mm512_maskz_loadu_ps(mask, b_row[j] + p);
#pragma clang loop unroll(full)
      for (int i = 0; i < rows; i++)
        sum[i * cols + j] = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, a_row[i] + p), y,
                                            sum[i * cols + j]);
    }
  }

  float sums[16];
  _mm512_storeu_ps(sums, sums_of_lanes(sum));
  const __m512 alpha = _mm512_set1_ps(tile.alpha), beta = _mm512_set1_ps(tile.beta);
  const __mmask16 mask = first_lanes(tile.cols);
  for (ptrdiff_t i = 0; i < tile.rows; i++) {
    float *c = tile.c + i * tile.ldc;
    const __mmask16 own = mask & first_lanes(cols);
    __m512 value = _mm512_mul_ps(alpha, _mm512_maskz_loadu_ps(own, sums + i * cols));
    if (tile.beta != 0) value = _mm512_fmadd_ps(beta, _mm512_maskz_loadu_ps(own, c), value);
    _mm512_mask_storeu_ps(c, own, value);
  }
}

AVX512 void gemm_dot(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, float alpha, const float *a, ptrdiff_t lda, const float *b,
                     ptrdiff_t ldb, float beta, float *c, ptrdiff_t ldc) {
  for (ptrdiff_t block = 0; block < n; block += 16) {  // 16 rows of B stay in L1 for all rows of A
    const ptrdiff_t end = block + 16 < n ? block + 16 : n;
    for (ptrdiff_t i = 0; i < m;) {
      const ptrdiff_t rows = m - i >= 3 ? 4 : m - i, cols = 16 / rows;
      for (ptrdiff_t j = block; j < end; j += cols) {
        const result_tile tile = {c + i * ldc + j, ldc, m - i < rows ? m - i : rows,
                                end - j < cols ? end - j : cols, alpha, beta};
        const float *a_rows = a + i * lda, *b_rows = b + j * ldb;
        if (rows == 1)
          dot_tile(k, a_rows, lda, b_rows, ldb, tile, 1, 16);
        else if (rows == 2)
          dot_tile(k, a_rows, lda, b_rows, ldb, tile, 2, 8);
        else
          dot_tile(k, a_rows, lda, b_rows, ldb, tile, 4, 4);
      }
      i += rows;
    }
  }
}
#endif
