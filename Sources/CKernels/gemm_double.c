// up_dgemm: the scheme of gemm.c with float64's sizes, for large products only (no special forms for few
// rows or columns). Register tile: 14 rows x 16 columns, 28 accumulators of 8 lanes. A is packed whole for
// each block of the sum, so that it is packed once however many blocks of columns there are.
#include "include/gemm_double.h"

#include <stdlib.h>

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f")))

enum {
  mr = 14,
  nr = 16,
  lanes = 8,
  /// A panel of A (16 x block_k, 24 KB) is half of L1; the packed B (block_k x block_n, 768 KB) fits L2.
  block_k = 192,
  block_n = 512,
};

static inline ptrdiff_t at_most(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

static inline __mmask8 lane_mask(ptrdiff_t count) {
  return count >= lanes ? 0xff : count <= 0 ? 0 : (__mmask8)((1u << count) - 1);
}

// MARK: Packing

TARGET __attribute__((always_inline)) static inline void transpose8(__m512d v[8]) {
  __m512d t[8];
#pragma clang loop unroll(full)
  for (int i = 0; i < 8; i += 2) {  // pairs of rows
    t[i] = _mm512_unpacklo_pd(v[i], v[i + 1]);
    t[i + 1] = _mm512_unpackhi_pd(v[i], v[i + 1]);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 2; i++) {  // quarters: column i + 2 q of all rows from t[i], t[i + 2], ...
    const __m512d low02 = _mm512_shuffle_f64x2(t[i], t[i + 2], 0x88);
    const __m512d low13 = _mm512_shuffle_f64x2(t[i], t[i + 2], 0xdd);
    const __m512d high02 = _mm512_shuffle_f64x2(t[i + 4], t[i + 6], 0x88);
    const __m512d high13 = _mm512_shuffle_f64x2(t[i + 4], t[i + 6], 0xdd);
    v[i] = _mm512_shuffle_f64x2(low02, high02, 0x88);
    v[i + 4] = _mm512_shuffle_f64x2(low02, high02, 0xdd);
    v[i + 2] = _mm512_shuffle_f64x2(low13, high13, 0x88);
    v[i + 6] = _mm512_shuffle_f64x2(low13, high13, 0xdd);
  }
}

/// dst[p * 16 + r] = src[r * ld + p] for r < rows <= 16, p < k; other lanes become zero. Writes whole groups
/// of 8 steps.
TARGET static void pack_transposed(const double *src, ptrdiff_t ld, ptrdiff_t rows, ptrdiff_t k, double *dst) {
  for (ptrdiff_t half = 0; half < 16; half += lanes) {
    for (ptrdiff_t p = 0; p < k; p += lanes) {
      const __mmask8 mask = lane_mask(k - p);
      __m512d v[lanes];
#pragma clang loop unroll(full)
      for (int r = 0; r < lanes; r++) {  // a masked-out lane is never read
        const bool inside = half + r < rows;
        v[r] = _mm512_maskz_loadu_pd(inside ? mask : 0, src + (inside ? half + r : 0) * ld + p);
      }
      transpose8(v);
#pragma clang loop unroll(full)
      for (int i = 0; i < lanes; i++) _mm512_storeu_pd(dst + (p + i) * 16 + half, v[i]);
    }
  }
}

/// dst[p * 16 + j] = src[p * ld + j] for j < cols <= 16, p < k; other lanes become zero.
TARGET static void pack_copied(const double *src, ptrdiff_t ld, ptrdiff_t cols, ptrdiff_t k, double *dst) {
  const __mmask8 low = lane_mask(cols), high = lane_mask(cols - lanes);
  for (ptrdiff_t p = 0; p < k; p++) {
    _mm512_storeu_pd(dst + p * 16, _mm512_maskz_loadu_pd(low, src + p * ld));
    _mm512_storeu_pd(dst + p * 16 + lanes, _mm512_maskz_loadu_pd(high, src + p * ld + lanes));
  }
}

static void pack(const double *values, ptrdiff_t ld, bool contiguous_along_k, ptrdiff_t p0, ptrdiff_t k,
                 ptrdiff_t first, ptrdiff_t count, double *dst) {
  if (contiguous_along_k)
    pack_transposed(values + first * ld + p0, ld, count, k, dst);
  else
    pack_copied(values + p0 * ld + first, ld, count, k, dst);
}

// MARK: The register tile

typedef struct {
  double *c;
  ptrdiff_t ldc, cols;
  double alpha, beta;
} tile;

/// `rows` is a literal at every call, so the accumulators live in registers.
TARGET __attribute__((always_inline)) static inline void register_tile(
    ptrdiff_t k, const double *a, const double *b, const tile *t, const int rows) {
  __m512d sum[mr][2];
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) sum[r][0] = sum[r][1] = _mm512_setzero_pd();
  for (ptrdiff_t p = 0; p < k; p++, a += 16, b += nr) {
    const __m512d b0 = _mm512_loadu_pd(b), b1 = _mm512_loadu_pd(b + lanes);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
      const __m512d ar = _mm512_set1_pd(a[r]);
      sum[r][0] = _mm512_fmadd_pd(ar, b0, sum[r][0]);
      sum[r][1] = _mm512_fmadd_pd(ar, b1, sum[r][1]);
    }
  }
  const __m512d alpha = _mm512_set1_pd(t->alpha), beta = _mm512_set1_pd(t->beta);
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) {
#pragma clang loop unroll(full)
    for (int half = 0; half < 2; half++) {
      const __mmask8 mask = lane_mask(t->cols - half * lanes);
      double *c = t->c + r * t->ldc + half * lanes;
      __m512d value = _mm512_mul_pd(alpha, sum[r][half]);
      if (t->beta != 0) value = _mm512_fmadd_pd(beta, _mm512_maskz_loadu_pd(mask, c), value);
      _mm512_mask_storeu_pd(c, mask, value);
    }
  }
}

#define TILE(rows)                                                                                    \
  TARGET static void tile_##rows(ptrdiff_t k, const double *a, const double *b, const tile *t) {      \
    register_tile(k, a, b, t, rows);                                                                  \
  }
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7)
TILE(8) TILE(9) TILE(10) TILE(11) TILE(12) TILE(13) TILE(14)

static void (*const tiles[mr])(ptrdiff_t, const double *, const double *, const tile *) = {
    tile_1, tile_2, tile_3, tile_4, tile_5, tile_6, tile_7,
    tile_8, tile_9, tile_10, tile_11, tile_12, tile_13, tile_14};

// MARK: Blocks

bool up_dgemm_available(void) { return __builtin_cpu_supports("avx512f"); }

static void scale(ptrdiff_t m, ptrdiff_t n, double beta, double *c, ptrdiff_t ldc) {
  for (ptrdiff_t i = 0; i < m; i++)
    for (ptrdiff_t j = 0; j < n; j++) c[i * ldc + j] = beta == 0 ? 0 : beta * c[i * ldc + j];
}

void up_dgemm(bool trans_a, bool trans_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, double alpha,
              const double *a, ptrdiff_t lda, const double *b, ptrdiff_t ldb, double beta, double *c,
              ptrdiff_t ldc) {
  if (m <= 0 || n <= 0) return;
  if (k <= 0 || alpha == 0) return scale(m, n, beta, c, ldc);
  const ptrdiff_t panels = (m + mr - 1) / mr;  // of even size, so that none is thin
  const ptrdiff_t panel_a = block_k * 16;
  double *packed_b = aligned_alloc(64, sizeof(double) * (size_t)(block_k * block_n + panels * panel_a));
  if (!packed_b) abort();
  double *packed_a = packed_b + block_k * block_n;
  for (ptrdiff_t p0 = 0; p0 < k; p0 += block_k) {
    const ptrdiff_t kb = at_most(block_k, k - p0), panel_b = (kb + 7) / 8 * 8 * nr;
    for (ptrdiff_t i = 0; i < panels; i++) {
      const ptrdiff_t row = i * m / panels, rows = (i + 1) * m / panels - row;
      pack(a, lda, !trans_a, p0, kb, row, rows, packed_a + i * panel_a);
    }
    for (ptrdiff_t j0 = 0; j0 < n; j0 += block_n) {
      const ptrdiff_t j1 = at_most(j0 + block_n, n);
      for (ptrdiff_t j = j0; j < j1; j += nr)
        pack(b, ldb, trans_b, p0, kb, j, at_most(nr, j1 - j), packed_b + (j - j0) / nr * panel_b);
      for (ptrdiff_t i = 0; i < panels; i++) {
        const ptrdiff_t row = i * m / panels, rows = (i + 1) * m / panels - row;
        for (ptrdiff_t j = j0; j < j1; j += nr) {
          const tile t = {c + row * ldc + j, ldc, at_most(nr, j1 - j), alpha, p0 == 0 ? beta : 1};
          tiles[rows - 1](kb, packed_a + i * panel_a, packed_b + (j - j0) / nr * panel_b, &t);
        }
      }
    }
  }
  free(packed_b);
}

#else
bool up_dgemm_available(void) { return false; }

/// Never reached: callers ask `up_dgemm_available` first.
void up_dgemm(bool trans_a, bool trans_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, double alpha,
              const double *a, ptrdiff_t lda, const double *b, ptrdiff_t ldb, double beta, double *c,
              ptrdiff_t ldc) {
  (void)trans_a, (void)trans_b, (void)m, (void)n, (void)k, (void)alpha, (void)a, (void)lda;
  (void)b, (void)ldb, (void)beta, (void)c, (void)ldc;
  abort();
}
#endif
