// Vectors and register tiles shared by the attention kernels. Included once per instruction set, by
// attention_{avx512,avx2,portable}.c, which define
//   LANES          floats per vector
//   TILE_VECTORS   vectors in one row of a score tile
//   MICRO_VECTORS  vectors in one row of a register tile of 4 rows; 8 accumulators at least hide the
//                  latency of a multiply-add, and 4 x vectors + vectors + 2 registers must exist
#pragma once

#include <string.h>

#include "attention_problem.h"

#pragma clang fp contract(fast)

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

enum { MICRO_ROWS = 8, TILE_WIDTH = TILE_VECTORS * LANES };

typedef float vec __attribute__((vector_size(LANES * 4), may_alias));
typedef float vec_unaligned __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int ivec __attribute__((vector_size(LANES * 4), may_alias));

INLINE vec splat(float x) { return x - (vec){}; }
INLINE vec load(const float *at) { return *(const vec *)at; }
INLINE void store(float *at, vec x) { *(vec *)at = x; }
INLINE vec blend(ivec mask, vec a, vec b) { return (vec)((mask & (ivec)a) | (~mask & (ivec)b)); }
INLINE vec maximum(vec a, vec b) { return blend(a > b, a, b); }  // b where one is no number, in a single instruction
INLINE ptrdiff_t at_most(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

/// 0, 1, ... LANES - 1.
INLINE ivec lane_index(void) {
  ivec index;
  UNROLL for (int l = 0; l < LANES; l++) index[l] = l;
  return index;
}

/// The first `count` floats of a row; the other lanes are 0. 0 < count.
INLINE vec load_first(const float *at, ptrdiff_t count) {
  if (count >= LANES) return *(const vec_unaligned *)at;
#if LANES == 16
  return (vec)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), at);
#elif LANES == 8
  return (vec)_mm256_maskload_ps(at, (__m256i)(lane_index() < (int)count));
#else
  vec x = {};
  memcpy(&x, at, (size_t)count * sizeof(float));
  return x;
#endif
}

INLINE void store_first(float *at, vec x, ptrdiff_t count) {
  if (count >= LANES) { *(vec_unaligned *)at = x; return; }
#if LANES == 16
  _mm512_mask_storeu_ps(at, (__mmask16)((1u << count) - 1), (__m512)x);
#elif LANES == 8
  _mm256_maskstore_ps(at, (__m256i)(lane_index() < (int)count), (__m256)x);
#else
  memcpy(at, &x, (size_t)count * sizeof(float));
#endif
}

INLINE float sum_of_lanes(vec x) {
  float parts[LANES];
  memcpy(parts, &x, sizeof parts);
  for (int width = LANES / 2; width > 0; width /= 2)
    for (int l = 0; l < width; l++) parts[l] += parts[l + width];
  return parts[0];
}

// MARK: Exponential and logarithm, base 2

/// A masked score: finite, so that differences of two of them are numbers, and 2^MASKED is 0.
static const float MASKED = -1e30f;

/// 2^x for x <= 127; relative error below 2e-7, results below the normal range become 0 or 2^-126.
/// x = n + f with |f| <= 1/2; 2^f by its minimax polynomial of degree 5.
INLINE vec exp2_vec(vec x) {
#if LANES == 16
  const vec n = (vec)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
  x = blend(x < -126, splat(-126), x);  // a NaN stays one
  const vec round = splat(12582912.0f);  // 1.5 x 2^23: adding it leaves the integer in the low bits
  const vec shifted = x + round;
  const vec n = shifted - round;
#endif
  const vec f = x - n;
  vec p = splat(1.326472727e-3f);
  p = p * f + splat(9.671512768e-3f);
  p = p * f + splat(5.550733744e-2f);
  p = p * f + splat(2.402224208e-1f);
  p = p * f + splat(6.931469776e-1f);
  p = p * f + splat(1.0f);
#if LANES == 16
  return (vec)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
  return (vec)((ivec)p + ((ivec)shifted << 23));
#endif
}

/// log2 of a normal positive x: exponent plus 2/ln 2 * artanh((m - 1) / (m + 1)), m in [0.7, 1.42).
INLINE vec log2_vec(vec x) {
  const ivec bits = (ivec)x;
  const ivec exponent = (bits - 0x3f3504f3) >> 23;
  const vec m = (vec)(bits - (exponent << 23));
  const vec z = (m - 1) / (m + 1), zz = z * z;
  vec series = splat(1.0f / 9);
  series = series * zz + splat(1.0f / 7);
  series = series * zz + splat(1.0f / 5);
  series = series * zz + splat(1.0f / 3);
  series = series * zz + splat(1.0f);
  return __builtin_convertvector(exponent, vec) + splat(2.885390082f) * z * series;
}

// MARK: Register tile

/// acc[r][c] += sum_{t < depth} a[r * a_row + t * a_step] * b[t * b_step + c * LANES ...]: a tile of
/// rows x vectors (constants at every call, so that acc stays in registers). b rows are aligned.
INLINE void accumulate(
  vec (*acc)[MICRO_VECTORS], int rows, int vectors, const float *a, ptrdiff_t a_row, ptrdiff_t a_step,
  const float *b, ptrdiff_t b_step, ptrdiff_t depth) {
  for (ptrdiff_t t = 0; t < depth; t++, a += a_step, b += b_step) {
    vec b_row[MICRO_VECTORS];
    UNROLL for (int c = 0; c < vectors; c++) b_row[c] = load(b + c * LANES);
    UNROLL for (int r = 0; r < rows; r++) {
      const vec a_r = splat(a[r * a_row]);
      UNROLL for (int c = 0; c < vectors; c++) acc[r][c] += a_r * b_row[c];
    }
  }
}

/// Calls TILE(rows, vectors, row, vector) for all register tiles of the area
/// [0, row_count) x [first_vector, end_vector); rows (8 of one vector, 4 of several, 1 at the end)
/// and vectors are literals.
#define FOR_EACH_REGISTER_TILE(row_count, first_vector, end_vector, TILE) \
  do { \
    const ptrdiff_t row_count_ = (row_count), end_vector_ = (end_vector); \
    for (ptrdiff_t c_ = (first_vector); c_ < end_vector_; c_ += MICRO_VECTORS) { \
      switch (at_most(end_vector_ - c_, MICRO_VECTORS)) { \
        case 1: ROWS_OF_TILES_(8, row_count_, 1, c_, TILE); break; \
        case 2: ROWS_OF_TILES_(4, row_count_, 2, c_, TILE); break; \
        case 3: ROWS_OF_TILES_(4, row_count_, 3, c_, TILE); break; \
        default: ROWS_OF_TILES_(4, row_count_, MICRO_VECTORS, c_, TILE); \
      } \
    } \
  } while (0)

#define ROWS_OF_TILES_(rows, row_count, vectors, c, TILE) \
  { \
    ptrdiff_t r_ = 0; \
    for (; r_ + rows <= row_count; r_ += rows) TILE(rows, vectors, r_, c); \
    for (; rows > 4 && r_ + 4 <= row_count; r_ += 4) TILE(4, vectors, r_, c); \
    for (; r_ < row_count; r_++) TILE(1, vectors, r_, c); \
  }

// MARK: Transposing copies

typedef float quad __attribute__((vector_size(16), aligned(4), may_alias));

/// Four rows of four floats, exchanged with their columns.
INLINE void transpose4(quad rows[4]) {
  const quad low01 = __builtin_shufflevector(rows[0], rows[1], 0, 4, 1, 5);
  const quad high01 = __builtin_shufflevector(rows[0], rows[1], 2, 6, 3, 7);
  const quad low23 = __builtin_shufflevector(rows[2], rows[3], 0, 4, 1, 5);
  const quad high23 = __builtin_shufflevector(rows[2], rows[3], 2, 6, 3, 7);
  rows[0] = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
  rows[1] = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
  rows[2] = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
  rows[3] = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
}

/// tile[d][i] = factor * rows[i][d] for i < count; 0 for count <= i < TILE_WIDTH.
INLINE void pack_transposed(
  float *tile, const float *rows, ptrdiff_t stride, ptrdiff_t count, ptrdiff_t width, float factor) {
  if (count < TILE_WIDTH) memset(tile, 0, (size_t)(width * TILE_WIDTH) * sizeof(float));
  ptrdiff_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const float *row = rows + i * stride;
    ptrdiff_t d = 0;
    for (; d + 4 <= width; d += 4) {
      quad block[4];
      UNROLL for (int r = 0; r < 4; r++) block[r] = *(const quad *)(row + r * stride + d) * factor;
      transpose4(block);
      UNROLL for (int r = 0; r < 4; r++) *(quad *)(tile + (d + r) * TILE_WIDTH + i) = block[r];
    }
    for (; d < width; d++)
      for (int r = 0; r < 4; r++) tile[d * TILE_WIDTH + i + r] = row[r * stride + d] * factor;
  }
  for (; i < count; i++)
    for (ptrdiff_t d = 0; d < width; d++) tile[d * TILE_WIDTH + i] = rows[i * stride + d] * factor;
}

/// rows[i][d] = keep * rows[i][d] + factor[i] * tile[d][i] for i < count; keep is 0 or 1, a literal.
INLINE void unpack_transposed(
  float *rows, ptrdiff_t stride, const float *tile, ptrdiff_t count, ptrdiff_t width,
  const float *factor, int keep) {
  ptrdiff_t i = 0;
  for (; i + 4 <= count; i += 4) {
    float *row = rows + i * stride;
    const quad f = *(const quad *)(factor + i);
    ptrdiff_t d = 0;
    for (; d + 4 <= width; d += 4) {
      quad block[4];
      UNROLL for (int r = 0; r < 4; r++) block[r] = *(const quad *)(tile + (d + r) * TILE_WIDTH + i) * f;
      transpose4(block);
      UNROLL for (int r = 0; r < 4; r++) {
        quad *to = (quad *)(row + r * stride + d);
        *to = keep ? *to + block[r] : block[r];
      }
    }
    for (; d < width; d++)
      for (int r = 0; r < 4; r++) {
        float *to = row + r * stride + d;
        *to = (keep ? *to : 0) + tile[d * TILE_WIDTH + i + r] * factor[i + r];
      }
  }
  for (; i < count; i++)
    for (ptrdiff_t d = 0; d < width; d++) {
      float *to = rows + i * stride + d;
      *to = (keep ? *to : 0) + tile[d * TILE_WIDTH + i] * factor[i];
    }
}

// MARK: Rows that share cache sets

/// Floats from row to row of a copy made by `apart`: an odd number of 64-byte lines.
static ptrdiff_t apart_stride(ptrdiff_t width) { return (((width + 15) / 16) | 1) * 16; }

/// The same rows; through `copy` [count, apart_stride(width)] when their stride is a multiple of
/// 4 KiB. Such rows fall into few sets of the first-level cache and evict each other while a product
/// walks down their columns, 4 at a time (10-25 % of the time at widths 64 and 128).
INLINE rows_in apart(rows_in rows, ptrdiff_t count, ptrdiff_t width, float *copy) {
  if (rows.stride % 1024 != 0) return rows;
  const ptrdiff_t stride = apart_stride(width);
  for (ptrdiff_t i = 0; i < count; i++)
    for (ptrdiff_t d = 0; d < width; d += LANES)
      store_first(copy + i * stride + d, load_first(rows.at + i * rows.stride + d, width - d), width - d);
  return (rows_in){copy, stride};
}
