// up_sgemm: blocks a product for the caches, packs its operands and walks the register tiles.
//
// C[m,n] = alpha op(A) op(B) + beta C is cut into blocks of columns (NC) and of the sum (KC):
//
//   for each NC columns of C
//     for each KC steps of the sum
//       pack op(B)[KC, NC] into panels of 32 columns            stays in L2
//       for each panel of up to 14 rows
//         pack op(A)[rows, KC]                                  stays in L1
//         for each panel of B: register tile
//
// A register tile reads 128 bytes of B from L2 per 14 cycles, far below what L2 delivers, and its A
// panel from L1. After the Goto/BLIS scheme (Goto and van de Geijn 2008; Van Zee and van de Geijn
// 2015), with the roles of L1 and L2 chosen for large L2 caches.
#include "gemm_internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#if defined(__x86_64__)

enum {
  /// Steps of the sum per block: a panel of A (16 x KC floats, 24 KB) is half of L1.
  block_k = 384,
  /// Columns per block: the packed B (KC x NC floats, 768 KB) fits an L2 of 1 MB.
  block_n = 512,
  /// Up to this many rows an untransposed B is read in place: it is used too rarely to pay a copy.
  direct_rows = 2 * gemm_mr,
  /// Up to this many rows a transposed B is used by dot products instead of being transposed.
  dot_rows = 24,
  /// Up to this many columns as well: they would leave most of a register tile empty.
  dot_cols = 16,

  buffer_floats = block_k * block_n + block_k * gemm_lanes,
  huge_page = 2 << 20,
};
_Static_assert(buffer_floats * sizeof(float) <= huge_page, "one huge page holds both buffers");

// MARK: The packing buffer of a thread

static pthread_key_t buffer_key;
static pthread_once_t buffer_once = PTHREAD_ONCE_INIT;
static _Thread_local float *thread_buffer;

static void create_buffer_key(void) {
  if (pthread_key_create(&buffer_key, free) != 0) abort();
}

/// One huge page where the system grants it: no TLB misses and no cache conflicts between pages.
static float *packing_buffer(void) {
  if (thread_buffer) return thread_buffer;
  pthread_once(&buffer_once, create_buffer_key);
  void *memory = NULL;
  if (posix_memalign(&memory, huge_page, huge_page) != 0) abort();
  madvise(memory, huge_page, MADV_HUGEPAGE);
  pthread_setspecific(buffer_key, memory);
  return thread_buffer = memory;
}

// MARK: Blocks

/// Length of equal parts of `total` of at most `limit` each, rounded up to a multiple of `unit`.
static inline ptrdiff_t even_part(ptrdiff_t total, ptrdiff_t limit, ptrdiff_t unit) {
  const ptrdiff_t parts = (total + limit - 1) / limit;
  const ptrdiff_t part = (total + parts - 1) / parts;
  return (part + unit - 1) / unit * unit;
}

static inline ptrdiff_t at_most(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

/// A stored matrix and whether the product uses its transpose.
typedef struct {
  const float *values;
  ptrdiff_t ld;
  bool transposed;
} operand;

/// Packs op(B)[p0 ..< p0 + k, j ..< j + cols] (cols <= 32) as one panel of 32 floats a step.
static void pack_b_panel(operand b, ptrdiff_t p0, ptrdiff_t k, ptrdiff_t j, ptrdiff_t cols,
                         float *dst) {
  for (ptrdiff_t half = 0; half < cols; half += gemm_lanes, dst += gemm_lanes) {
    const ptrdiff_t width = at_most(cols - half, gemm_lanes);
    if (b.transposed)
      gemm_pack_transposed(b.values + (j + half) * b.ld + p0, b.ld, width, k, dst, gemm_nr);
    else
      gemm_pack_copied(b.values + p0 * b.ld + j + half, b.ld, width, k, dst, gemm_nr);
  }
}

/// Packs op(A)[i ..< i + rows, p0 ..< p0 + k] (rows <= 14) as one panel of 16 floats a step.
static void pack_a_panel(operand a, ptrdiff_t p0, ptrdiff_t k, ptrdiff_t i, ptrdiff_t rows,
                         float *dst) {
  if (a.transposed)
    gemm_pack_copied(a.values + p0 * a.ld + i, a.ld, rows, k, dst, gemm_lanes);
  else
    gemm_pack_transposed(a.values + i * a.ld + p0, a.ld, rows, k, dst, gemm_lanes);
}

static void scale(ptrdiff_t m, ptrdiff_t n, float beta, float *c, ptrdiff_t ldc) {
  for (ptrdiff_t i = 0; i < m; i++)
    for (ptrdiff_t j = 0; j < n; j++) c[i * ldc + j] = beta == 0 ? 0 : beta * c[i * ldc + j];
}

bool up_sgemm_available(void) { return __builtin_cpu_supports("avx512f"); }

bool up_has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

/// The product by register tiles, whatever its size.
static void tiled_product(bool trans_a, bool trans_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k,
                          float alpha, const float *a_values, ptrdiff_t lda, const float *b_values,
                          ptrdiff_t ldb, float beta, float *c, ptrdiff_t ldc) {
  if (m <= 0 || n <= 0) return;
  if (k <= 0 || alpha == 0) return scale(m, n, beta, c, ldc);
  const operand a = {a_values, lda, trans_a}, b = {b_values, ldb, trans_b};
  float *packed_b = packing_buffer(), *packed_a = packed_b + block_k * block_n;
  const bool direct_b = !trans_b && m <= direct_rows;
  const ptrdiff_t panels = (m + gemm_mr - 1) / gemm_mr;  // of even size, so that none is thin
  const ptrdiff_t nc = even_part(n, block_n, gemm_nr), kc = even_part(k, block_k, 8);

  for (ptrdiff_t j0 = 0; j0 < n; j0 += nc) {
    const ptrdiff_t j1 = at_most(j0 + nc, n);
    for (ptrdiff_t p0 = 0; p0 < k; p0 += kc) {
      const ptrdiff_t kb = at_most(kc, k - p0), panel_b = (kb + 15) / 16 * 16 * gemm_nr;
      for (ptrdiff_t j = j0; j < j1; j += gemm_nr)
        if (!direct_b || j + gemm_nr > j1)
          pack_b_panel(b, p0, kb, j, at_most(gemm_nr, j1 - j),
                       packed_b + (j - j0) / gemm_nr * panel_b);

      for (ptrdiff_t i = 0; i < panels; i++) {
        const ptrdiff_t row = i * m / panels, rows = (i + 1) * m / panels - row;
        pack_a_panel(a, p0, kb, row, rows, packed_a);
        for (ptrdiff_t j = j0; j < j1; j += gemm_nr) {
          const gemm_tile tile = {.c = c + row * ldc + j,
                                  .ldc = ldc,
                                  .rows = rows,
                                  .cols = at_most(gemm_nr, j1 - j),
                                  .alpha = alpha,
                                  .beta = p0 == 0 ? beta : 1};
          if (direct_b && tile.cols == gemm_nr)
            gemm_microkernel(kb, packed_a, b.values + p0 * b.ld + j, b.ld, tile);
          else
            gemm_microkernel(kb, packed_a, packed_b + (j - j0) / gemm_nr * panel_b, gemm_nr, tile);
        }
      }
    }
  }
}

void up_sgemm(bool trans_a, bool trans_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, float alpha,
              const float *a, ptrdiff_t lda, const float *b, ptrdiff_t ldb, float beta, float *c,
              ptrdiff_t ldc) {
  const bool is_small = m <= dot_rows || n <= dot_cols;
  if (trans_b && !trans_a && is_small && m > 0 && n > 0 && k > 0 && alpha != 0)
    return gemm_dot_rows(m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  tiled_product(trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

void up_sgemm_rows(bool trans_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a,
                   ptrdiff_t lda, const float *b, ptrdiff_t ldb, float beta, float *c,
                   ptrdiff_t ldc) {
  tiled_product(false, trans_b, m, n, k, 1, a, lda, b, ldb, beta, c, ldc);
}

#else
bool up_sgemm_available(void) { return false; }

bool up_has_avx2(void) { return false; }

/// Never reached: callers ask `up_sgemm_available` first.
void up_sgemm(bool trans_a, bool trans_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, float alpha,
              const float *a, ptrdiff_t lda, const float *b, ptrdiff_t ldb, float beta, float *c,
              ptrdiff_t ldc) {
  (void)trans_a, (void)trans_b, (void)m, (void)n, (void)k, (void)alpha, (void)a, (void)lda;
  (void)b, (void)ldb, (void)beta, (void)c, (void)ldc;
  abort();
}

/// Never reached either.
void up_sgemm_rows(bool trans_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a,
                   ptrdiff_t lda, const float *b, ptrdiff_t ldb, float beta, float *c,
                   ptrdiff_t ldc) {
  (void)trans_b, (void)m, (void)n, (void)k, (void)a, (void)lda;
  (void)b, (void)ldb, (void)beta, (void)c, (void)ldc;
  abort();
}
#endif
