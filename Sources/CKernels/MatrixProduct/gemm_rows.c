// A product whose rows do not depend on each other, for processors without AVX-512: every element is summed along k in
// one order by one piece of code, whatever the number of rows and wherever a row stands.
#include "../InstructionSet/clones.h"
#include "MatrixProduct/gemm.h"

typedef float lanes __attribute__((vector_size(32), aligned(4)));

/// Register tile: 6 rows x 16 columns = 12 accumulators of 8 lanes.
enum { tile_rows = 6, tile_cols = 16 };

ptrdiff_t up_gemm_panel_floats(ptrdiff_t n, ptrdiff_t k) {
  enum { second_level = 1 << 16 };  // floats: packed columns stay in the second-level cache while rows pass
  const ptrdiff_t all = (n + tile_cols - 1) / tile_cols, some = second_level / (tile_cols * (k > 0 ? k : 1));
  return (all < some ? all : some > 1 ? some : 1) * tile_cols * k;
}

/// panel[p, j] = op(B)[p, j0 + j], columns beyond n zero.
static void pack_panel(bool trans_b, const float *b, ptrdiff_t ldb, ptrdiff_t j0, ptrdiff_t n, ptrdiff_t k, float *panel) {
  const ptrdiff_t cols = n - j0 < tile_cols ? n - j0 : tile_cols;
  if (trans_b && cols == tile_cols) {
    for (ptrdiff_t p = 0; p < k; p++)
#pragma clang loop unroll(full)
      for (ptrdiff_t j = 0; j < tile_cols; j++) panel[p * tile_cols + j] = b[(j0 + j) * ldb + p];
    return;
  }
  for (ptrdiff_t p = 0; p < k; p++)
    for (ptrdiff_t j = 0; j < tile_cols; j++)
      panel[p * tile_cols + j] = j >= cols ? 0 : trans_b ? b[(j0 + j) * ldb + p] : b[p * ldb + j0 + j];
}

/// out[i, j] = sum_p A[i, p] panel[p, j], i < 6; rows beyond `rows` repeat the last one.
UP_CLONES static void tile(const float *a, ptrdiff_t lda, ptrdiff_t rows, ptrdiff_t k, const float *panel, float *out,
                           ptrdiff_t ldo) {
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
    *(lanes *)(out + i * ldo) = sum[i][0];
    *(lanes *)(out + i * ldo + 8) = sum[i][1];
  }
}

void up_sgemm_rows_portable(bool trans_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t lda,
                            const float *b, ptrdiff_t ldb, float beta, float *c, ptrdiff_t ldc, float *panels) {
  float out[tile_rows * tile_cols];
  const ptrdiff_t block = k > 0 ? up_gemm_panel_floats(n, k) / k : n;
  for (ptrdiff_t first = 0; first < n; first += block) {
    const ptrdiff_t end = n - first < block ? n : first + block;
    for (ptrdiff_t j0 = first; j0 < end; j0 += tile_cols)
      pack_panel(trans_b, b, ldb, j0, n, k, panels + (j0 - first) * k);
    for (ptrdiff_t i0 = 0; i0 < m; i0 += tile_rows) {
      const ptrdiff_t rows = m - i0 < tile_rows ? m - i0 : tile_rows;
      for (ptrdiff_t j0 = first; j0 < end; j0 += tile_cols) {
        const ptrdiff_t cols = n - j0 < tile_cols ? n - j0 : tile_cols;
        float *to = c + i0 * ldc + j0;
        if (rows == tile_rows && cols == tile_cols && beta == 0) {
          tile(a + i0 * lda, lda, rows, k, panels + (j0 - first) * k, to, ldc);
          continue;
        }
        tile(a + i0 * lda, lda, rows, k, panels + (j0 - first) * k, out, tile_cols);
        for (ptrdiff_t i = 0; i < rows; i++)
          for (ptrdiff_t j = 0; j < cols; j++)
            to[i * ldc + j] = (beta == 0 ? 0 : beta * to[i * ldc + j]) + out[i * tile_cols + j];
      }
    }
  }
}
