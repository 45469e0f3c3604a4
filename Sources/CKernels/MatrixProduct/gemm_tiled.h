// A product by register tiles, for one element type: included by gemm.c and gemm_double.c, which define
//   real              float or double
//   vec, mask         a 512-bit vector of them, and a bit for each of its lanes
//   V(operation)      the intrinsic _mm512_<operation>_ps or _pd
//   transpose         exchanges rows and columns of `lanes` vectors held in registers
//   load_stored(element, inside, from, i)    elements i, i + 1, ... of numbers stored as `element` says, where `inside`
//                                            has their lanes; other lanes are 0
//   lanes, block_k    elements of a vector; steps of the sum per block
//   sum_part(k)       steps that a block of a sum of k really takes
//
// C[m,n] = alpha op(A) op(B) + beta C is cut into blocks of columns and of the sum:
//
//   for each block_n columns of C
//     for each block_k steps of the sum
//       pack op(B)[block_k, block_n] into panels of two vectors a step    stays in L2
//       for each panel of up to 14 rows
//         pack op(A)[rows, block_k], 16 elements a step, unless its       stays in L1
//           rows can be read where they lie
//         for each panel of B: register tile
//
// A register tile reads two vectors of B from L2 per 14 cycles, far below what L2 delivers, and its A panel from L1.
// After the Goto/BLIS scheme (Goto and van de Geijn 2008; Van Zee and van de Geijn 2015), with the roles of L1 and L2
// chosen for large L2 caches.

#include <stdbool.h>
#include <stddef.h>

#include "packing_buffer.h"

enum {
  /// Register tile: 14 rows x 2 vectors = 28 accumulators; of 32 registers that leaves two for a row of B and two for
  /// broadcasts of A. Per step: 28 FMAs (14 cycles at two a cycle) for 16 loads (8 cycles), so the FMA units are the
  /// limit.
  tile_rows = 14,
  tile_cols = 2 * lanes,
  /// Elements of a step of a packed panel of A, of which `tile_rows` at most count.
  a_step = 16,
  /// Columns per block.
  block_n = 512,
  /// Steps that ask once for a line of each of the next panel's 14 rows, and two more: as many as a line has floats; of
  /// doubles for every other line.
  run = 16,
  /// Up to this many rows an untransposed B is read in place: it is used too rarely to pay a copy.
  direct_rows = 2 * tile_rows,
  /// Bytes from row to row of A, or a multiple of it, that put the rows of a panel into few sets of L1.
  set_stride = 4096,
};
_Static_assert((block_k * block_n + block_k * a_step) * sizeof(real) <= packing_bytes, "the buffer holds both");

/// A stored matrix and whether the product uses its transpose. Numbers are `real` unless `element` says otherwise, which
/// only a transposed B may have.
typedef struct {
  const void *values;
  ptrdiff_t ld;
  bool transposed;
  up_element element;
} operand;

/// Cache lines that a register tile prefetches while it sums, one a step: `step` elements apart within `run` steps; each
/// run of steps starts `next` elements after the one before.
typedef struct {
  const real *first;
  ptrdiff_t step, next;
} lines_ahead;

/// Where one register tile writes: C[rows,cols] = alpha * sum + beta * C.
typedef struct {
  real *c;
  ptrdiff_t ldc, rows, cols;
  real alpha, beta;
  lines_ahead ahead;
} result_tile;

static inline ptrdiff_t at_most(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

/// Length of equal parts of `total` of at most `limit` each, rounded up to a multiple of `unit`.
static inline ptrdiff_t even_part(ptrdiff_t total, ptrdiff_t limit, ptrdiff_t unit) {
  const ptrdiff_t parts = (total + limit - 1) / limit;
  const ptrdiff_t part = (total + parts - 1) / parts;
  return (part + unit - 1) / unit * unit;
}

/// Mask of the first `count` lanes; count may be negative or above their number.
static inline mask first_lanes(ptrdiff_t count) {
  return count >= lanes ? (mask)~0 : count <= 0 ? 0 : (mask)((1u << count) - 1);
}

// MARK: Packing

/// dst[p * step + r] = src[from + r * ld + p] for r < rows (<= lanes), p < k; other lanes become zero.
/// Writes whole groups of `lanes` steps: dst must hold k rounded up to them. `element` is a literal at every call.
AVX512 __attribute__((always_inline)) static inline void pack_stored(const up_element element, const void *src,
                                                                     ptrdiff_t from, ptrdiff_t ld, ptrdiff_t rows,
                                                                     ptrdiff_t k, real *dst, ptrdiff_t step) {
  for (ptrdiff_t p = 0; p < k; p += lanes) {
    const mask inside = first_lanes(k - p);
    vec v[lanes];
#pragma clang loop unroll(full)
    for (int r = 0; r < lanes; r++)  // a masked-out lane is never read
      v[r] = load_stored(element, r < rows ? inside : 0, src, from + (r < rows ? r : 0) * ld + p);
    transpose(v);
#pragma clang loop unroll(full)
    for (int i = 0; i < lanes; i++) V(storeu)(dst + (p + i) * step, v[i]);
  }
}

AVX512 static void pack_transposed(up_element element, const void *src, ptrdiff_t from, ptrdiff_t ld, ptrdiff_t rows,
                                   ptrdiff_t k, real *dst, ptrdiff_t step) {
  switch (element) {
    case up_float32: return pack_stored(up_float32, src, from, ld, rows, k, dst, step);
    case up_bfloat16: return pack_stored(up_bfloat16, src, from, ld, rows, k, dst, step);
    case up_float16: return pack_stored(up_float16, src, from, ld, rows, k, dst, step);
    case up_int8: return pack_stored(up_int8, src, from, ld, rows, k, dst, step);
  }
}

/// dst[p * step + j] = src[p * ld + j] for j < cols (<= lanes), p < k; other lanes become zero.
AVX512 static void pack_copied(const real *src, ptrdiff_t ld, ptrdiff_t cols, ptrdiff_t k, real *dst, ptrdiff_t step) {
  const mask inside = first_lanes(cols);
  for (ptrdiff_t p = 0; p < k; p++) V(storeu)(dst + p * step, V(maskz_loadu)(inside, src + p * ld));
}

/// Packs `count` rows of A (or columns of B) from `first` on, over the steps p0 ..< p0 + k, `step` elements a step.
/// Lanes between `count` and the vector's end become zero; vectors beyond are left.
static void pack(operand x, bool contiguous_along_k, ptrdiff_t p0, ptrdiff_t k, ptrdiff_t first, ptrdiff_t count,
                 real *dst, ptrdiff_t step) {
  for (; count > 0; first += lanes, count -= lanes, dst += lanes) {
    const ptrdiff_t width = at_most(count, lanes);
    if (contiguous_along_k)
      pack_transposed(x.element, x.values, first * x.ld + p0, x.ld, width, k, dst, step);
    else
      pack_copied((const real *)x.values + p0 * x.ld + first, x.ld, width, k, dst, step);
  }
}

// MARK: The register tile, one instance per number of rows and of column vectors

/// One vector of C: alpha * sum + beta * C under `inside`. C is not read when beta is zero.
AVX512 __attribute__((always_inline)) static inline void store_result(real *c, mask inside, vec sum, vec alpha, vec beta,
                                                                      bool reads_c) {
  vec value = V(mul)(alpha, sum);
  if (reads_c) value = V(fmadd)(beta, V(maskz_loadu)(inside, c), value);
  V(mask_storeu)(c, inside, value);
}

/// sum_p a[p,r] b[p,j]: `a` is a packed panel, or its rows where they lie, `lda` apart; `b` holds `vectors` readable
/// vectors every `b_step`. `rows`, `vectors` and `packed` are literals at every call, so the accumulators live in registers.
AVX512 __attribute__((always_inline)) static inline void register_tile(ptrdiff_t k, const real *a, ptrdiff_t lda,
                                                                       const real *b, ptrdiff_t b_step,
                                                                       const result_tile *tile, const int rows,
                                                                       const int vectors, const bool packed) {
  vec sum[tile_rows][2];
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) sum[r][0] = sum[r][1] = V(setzero)();

  // C is needed right after the loop: its lines travel while the sums are formed.
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) {
    __builtin_prefetch(tile->c + r * tile->ldc, 1);
    __builtin_prefetch(tile->c + r * tile->ldc + tile->cols - 1, 1);
  }
  // An address is a register and once or twice another: three rows for each register.
  const real *row[(tile_rows + 2) / 3];
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r += 3) row[r / 3] = a + r * lda;
  const real *line = tile->ahead.first;
  for (ptrdiff_t p0 = 0; p0 < k; p0 += run, line += tile->ahead.next) {
    const ptrdiff_t steps = at_most(run, k - p0);
    const real *ahead = line;
    for (ptrdiff_t p = 0; p < steps; p++, b += b_step, ahead += tile->ahead.step) {
      __builtin_prefetch(ahead);
      const vec b0 = V(loadu)(b);
      const vec b1 = vectors == 2 ? V(loadu)(b + lanes) : V(setzero)();
#pragma clang loop unroll(full)
      for (int r = 0; r < rows; r++) {
        const vec ar = V(set1)(packed ? a[r] : row[r / 3][r % 3 * lda]);
        sum[r][0] = V(fmadd)(ar, b0, sum[r][0]);
        if (vectors == 2) sum[r][1] = V(fmadd)(ar, b1, sum[r][1]);
      }
      if (packed) {
        a += a_step;
      } else {
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r += 3) row[r / 3]++;
      }
    }
  }

  const vec alpha = V(set1)(tile->alpha), beta = V(set1)(tile->beta);
  const bool reads_c = tile->beta != 0;
  const mask inside0 = first_lanes(tile->cols), inside1 = first_lanes(tile->cols - lanes);
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) {
    real *c = tile->c + r * tile->ldc;
    store_result(c, inside0, sum[r][0], alpha, beta, reads_c);
    if (vectors == 2) store_result(c + lanes, inside1, sum[r][1], alpha, beta, reads_c);
  }
}

#define TILE(rows, vectors, packed)                                                                         \
  AVX512 static void tile_##rows##_##vectors##_##packed(ptrdiff_t k, const real *a, ptrdiff_t lda, const real *b, \
                                                        ptrdiff_t b_step, const result_tile *tile) {         \
    register_tile(k, a, lda, b, b_step, tile, rows, vectors, packed);                                        \
  }
#define TILES(rows) TILE(rows, 1, 0) TILE(rows, 2, 0) TILE(rows, 1, 1) TILE(rows, 2, 1)
TILES(1) TILES(2) TILES(3) TILES(4) TILES(5) TILES(6) TILES(7)
TILES(8) TILES(9) TILES(10) TILES(11) TILES(12) TILES(13) TILES(14)

#define ENTRY(rows) {{tile_##rows##_1_0, tile_##rows##_2_0}, {tile_##rows##_1_1, tile_##rows##_2_1}}
typedef void (*tile_function)(ptrdiff_t, const real *, ptrdiff_t, const real *, ptrdiff_t, const result_tile *);
/// By rows, whether A is packed, and vectors.
static const tile_function tiles[tile_rows][2][2] = {
    ENTRY(1), ENTRY(2), ENTRY(3),  ENTRY(4),  ENTRY(5),  ENTRY(6),  ENTRY(7),
    ENTRY(8), ENTRY(9), ENTRY(10), ENTRY(11), ENTRY(12), ENTRY(13), ENTRY(14)};

// MARK: Blocks

static void scale(ptrdiff_t m, ptrdiff_t n, real beta, real *c, ptrdiff_t ldc) {
  for (ptrdiff_t i = 0; i < m; i++)
    for (ptrdiff_t j = 0; j < n; j++) c[i * ldc + j] = beta == 0 ? 0 : beta * c[i * ldc + j];
}

/// The panel of A that starts at `row` (and at step p), as lines to ask for.
static lines_ahead panel_ahead(operand a, ptrdiff_t row, ptrdiff_t p) {
  const real *values = a.values;
  // A step needs 14 adjacent elements of a transposed A: the line of the last, since the first's often came with the
  // panel before.
  return a.transposed ? (lines_ahead){values + p * a.ld + row + tile_rows - 1, a.ld, run * a.ld}
                      : (lines_ahead){values + row * a.ld + p, a.ld, run};
}

/// The product by register tiles, whatever its size.
static void tiled_product(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, real alpha, operand a, operand b, real beta, real *c,
                          ptrdiff_t ldc) {
  if (m <= 0 || n <= 0) return;
  if (k <= 0 || alpha == 0) return scale(m, n, beta, c, ldc);
  real *packed_b = packing_buffer(), *packed_a = packed_b + block_k * block_n;
  const bool direct_b = !b.transposed && m <= direct_rows;
  const bool direct_a = !a.transposed && a.ld * (ptrdiff_t)sizeof(real) % set_stride != 0;
  const ptrdiff_t panels = (m + tile_rows - 1) / tile_rows;  // of even size, so that none is thin
  const ptrdiff_t nc = even_part(n, block_n, tile_cols), kc = sum_part(k);

  for (ptrdiff_t j0 = 0; j0 < n; j0 += nc) {
    const ptrdiff_t j1 = at_most(j0 + nc, n), vectors = (j1 - j0 + lanes - 1) / lanes;
    for (ptrdiff_t p0 = 0; p0 < k; p0 += kc) {
      const ptrdiff_t kb = at_most(kc, k - p0), panel_b = (kb + lanes - 1) / lanes * lanes * tile_cols;
      for (ptrdiff_t j = j0; j < j1; j += tile_cols)
        if (!direct_b || j + tile_cols > j1)
          pack(b, b.transposed, p0, kb, j, at_most(tile_cols, j1 - j), packed_b + (j - j0) / tile_cols * panel_b,
               tile_cols);
      const bool is_last = p0 + kb == k;
      const bool asks_for_b = !b.transposed && !direct_b && !is_last;

      for (ptrdiff_t i = 0; i < panels; i++) {
        const ptrdiff_t row = i * m / panels, rows = (i + 1) * m / panels - row;
        const real *panel = direct_a ? (const real *)a.values + row * a.ld + p0 : packed_a;
        if (!direct_a) pack(a, !a.transposed, p0, kb, row, rows, packed_a, a_step);
        for (ptrdiff_t j = j0; j < j1; j += tile_cols) {
          const ptrdiff_t cols = at_most(tile_cols, j1 - j);
          const bool in_place = direct_b && cols == tile_cols;
          // A panel's first tile asks for the next panel; the other tiles of the last panels ask for the next block of an
          // untransposed B, a vector's width each.
          const ptrdiff_t strip = (panels - 1 - i) * ((vectors - 1) / 2) + (j - j0) / tile_cols - 1;
          lines_ahead ahead = {panel, 0, 0};
          if (j == j0 && i + 1 < panels)
            ahead = panel_ahead(a, row + rows, p0);
          else if (j == j0 && !is_last)
            ahead = panel_ahead(a, 0, p0 + kb);
          else if (j > j0 && asks_for_b && strip < vectors)
            ahead = (lines_ahead){
                (const real *)b.values + (p0 + kb) * b.ld + j0 + strip * lanes, b.ld, run * b.ld};
          const result_tile tile = {c + row * ldc + j, ldc, rows, cols, alpha, p0 == 0 ? beta : 1, ahead};
          const real *columns = in_place ? (const real *)b.values + p0 * b.ld + j
                                         : packed_b + (j - j0) / tile_cols * panel_b;
          tiles[rows - 1][!direct_a][cols > lanes](kb, panel, a.ld, columns, in_place ? b.ld : tile_cols, &tile);
        }
      }
    }
  }
}
