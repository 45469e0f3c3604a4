// A product whose rows do not depend on each other, for processors without AVX-512: every element is summed along k in
// one order by one piece of code, whatever the number of rows and wherever a row stands.
#include "../InstructionSet/clones.h"
#include "MatrixProduct/gemm.h"

typedef float lanes __attribute__((vector_size(32), aligned(4)));

/// Register tile: 6 rows x 16 columns = 12 accumulators of 8 lanes.
enum { tile_rows = 6, tile_cols = up_gemm_panel_cols };

/// panel[p, j] = op(B)[p, j0 + j], columns beyond n zero.
static void pack_panel(bool trans_b, const float *b, ptrdiff_t ldb, ptrdiff_t j0, ptrdiff_t n, ptrdiff_t k, float *panel) {
  const ptrdiff_t cols = n - j0 < tile_cols ? n - j0 : tile_cols;
  for (ptrdiff_t p = 0; p < k; p++)
    for (ptrdiff_t j = 0; j < tile_cols; j++)
      panel[p * tile_cols + j] = j >= cols ? 0 : trans_b ? b[(j0 + j) * ldb + p] : b[p * ldb + j0 + j];
}

/// out[i, j] = sum_p A[i, p] panel[p, j]; rows beyond `rows` repeat the last one.
UP_CLONES static void tile(const float *a, ptrdiff_t lda, ptrdiff_t rows, ptrdiff_t k, const float *panel, float *out) {
  UP_RELAXED
  const float *row[tile_rows];
  lanes sum[tile_rows][2];
#pragma clang loop unroll(full)
  for (int i = 0; i < tile_rows; i++) {
    row[i] = a + (i < rows ? i : rows - 1) * lda;
    sum[i][0] = sum[i][1] = (lanes){0};
  }
  for (ptrdiff_t p = 0; p < k; p++, panel += tile_cols) {
    const lanes left = *(const lanes *)panel, right = *(const lanes *)(panel + 8);
#pragma clang loop unroll(full)
    for (int i = 0; i < tile_rows; i++) {
      sum[i][0] += row[i][p] * left;
      sum[i][1] += row[i][p] * right;
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < tile_rows; i++) {
    *(lanes *)(out + i * tile_cols) = sum[i][0];
    *(lanes *)(out + i * tile_cols + 8) = sum[i][1];
  }
}

void up_sgemm_rows_portable(bool trans_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t lda,
                            const float *b, ptrdiff_t ldb, float beta, float *c, ptrdiff_t ldc, float *panel) {
  float out[tile_rows * tile_cols];
  for (ptrdiff_t j0 = 0; j0 < n; j0 += tile_cols) {
    const ptrdiff_t cols = n - j0 < tile_cols ? n - j0 : tile_cols;
    pack_panel(trans_b, b, ldb, j0, n, k, panel);
    for (ptrdiff_t i0 = 0; i0 < m; i0 += tile_rows) {
      const ptrdiff_t rows = m - i0 < tile_rows ? m - i0 : tile_rows;
      tile(a + i0 * lda, lda, rows, k, panel, out);
      for (ptrdiff_t i = 0; i < rows; i++) {
        float *to = c + (i0 + i) * ldc + j0;
        for (ptrdiff_t j = 0; j < cols; j++) to[j] = (beta == 0 ? 0 : beta * to[j]) + out[i * tile_cols + j];
      }
    }
  }
}
