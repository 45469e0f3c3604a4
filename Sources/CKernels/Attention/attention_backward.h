// Tiled attention backward, included once per instruction set after its constants (attention_vector.h).
//
// A block of TILE_WIDTH keys walks over blocks of the queries that see it. Lanes run over keys:
//
//   p[i][j]    = 2^(log2(e) (scale * sum_d q[i][d] k_t[d][j] - lse[i]))
//   ds[i][j]   = p[i][j] (sum_d dout[i][d] v_t[d][j] - delta[i])
//   dv_t[d][j] += sum_i dout[i][d] p[i][j]          dk_t[d][j] += sum_i q[i][d] ds[i][j]
//   dq[i][d]   += sum_j ds[i][j] k_scaled[j][d]     the only product with lanes over the width; where the width
//                                                   fills but half of them, over pairs of keys too
//
// The queries that see only a part of the block come first, in strips of LANES queries: in strip g
// the vectors c < g are seen whole, vector g is masked, the vectors c > g are not seen.
#pragma once

#include "attention_forward.h"

enum { BACKWARD_QUERIES = 64 };

typedef struct {
  float *k_t, *v_t;    // [k_width or v_width, TILE_WIDTH], keys past the end are 0
  float *dk_t, *dv_t;  // the same shapes
  float *k_scaled;     // [TILE_WIDTH, padded_width]: scale * k, columns past k_width are 0; or [TILE_WIDTH / 2, LANES]:
                       // of two keys j and j + 1 in the lanes 2 d and 2 d + 1
  float *p, *ds;       // [BACKWARD_QUERIES, TILE_WIDTH]
  float *q, *dout;     // [BACKWARD_QUERIES, apart_stride(width)], see `apart`
  ptrdiff_t first, keys, padded_width;
} key_block;

static ptrdiff_t round_to_lanes(ptrdiff_t n) { return (n + LANES - 1) / LANES * LANES; }

static size_t backward_scratch(const attention_problem *p) {
  return (size_t)(
    TILE_WIDTH * (2 * p->k_width + 2 * p->v_width + round_to_lanes(p->k_width) + 2 * BACKWARD_QUERIES)
    + BACKWARD_QUERIES * (apart_stride(p->k_width) + apart_stride(p->v_width)) + p->q_count);
}

/// The sums of four products of out and dout, for a query: its delta is the sum of them.
INLINE quad output_product(const attention_problem *problem, ptrdiff_t query) {
  const float *out = problem->out.at + query * problem->out.stride;
  const float *dout = problem->dout.at + query * problem->dout.stride;
  quad sum = {};
  ptrdiff_t d = 0;
  for (; d + 4 <= problem->v_width; d += 4) sum += *(const quad *)(out + d) * *(const quad *)(dout + d);
  for (int lane = 0; d < problem->v_width; d++, lane++) sum[lane] += out[d] * dout[d];
  return sum;
}

/// delta_i = <dout_i, out_i>, four queries at a time.
static void output_products(const attention_problem *problem, float *delta) {
  for (ptrdiff_t i = 0; i < problem->q_count; i += 4) {
    const ptrdiff_t last = problem->q_count - 1;
    quad sums[4];
    UNROLL for (int r = 0; r < 4; r++) sums[r] = output_product(problem, at_most(i + r, last));
    transpose4(sums);
    const quad four = (sums[0] + sums[2]) + (sums[1] + sums[3]);
    for (ptrdiff_t r = 0; r < at_most(4, problem->q_count - i); r++) delta[i + r] = four[r];
  }
}

/// p and ds of the queries query, query + 1, ... with rows q and dout, for the block's first `vectors` vectors. With masked,
/// query r does not see the lanes l > visible + r of the last vector.
INLINE void probabilities(
  const attention_problem *problem, const key_block *block, const float *delta, rows_in q,
  rows_in dout, ptrdiff_t query, ptrdiff_t queries, ptrdiff_t vectors, int masked, ptrdiff_t visible) {
  const float to_log2 = problem->scale * LOG2_E;
#define PROBABILITY_TILE(rows, width, r, c) \
  do { \
    const ptrdiff_t i = query + (r); \
    float *p_at = block->p + (r) * TILE_WIDTH + (c) * LANES; \
    float *ds_at = block->ds + (r) * TILE_WIDTH + (c) * LANES; \
    vec p[MICRO_ROWS][MICRO_VECTORS] = {}, dp[MICRO_ROWS][MICRO_VECTORS] = {}; \
    accumulate(p, rows, width, q.at + (r) * q.stride, q.stride, 1, block->k_t + (c) * LANES, \
               TILE_WIDTH, problem->k_width); \
    UNROLL for (int y = 0; y < rows; y++) { \
      const vec lse = splat(problem->lse[i + y] * LOG2_E); \
      UNROLL for (int x = 0; x < width; x++) { \
        p[y][x] = exp2_vec(p[y][x] * to_log2 - lse); \
        if (masked && x == width - 1 && (c) + width == vectors) \
          p[y][x] = blend(lane_index() > (int)(visible + (r) + y), splat(0), p[y][x]); \
        store(p_at + y * TILE_WIDTH + x * LANES, p[y][x]); \
      } \
    } \
    accumulate(dp, rows, width, dout.at + (r) * dout.stride, dout.stride, 1, \
               block->v_t + (c) * LANES, TILE_WIDTH, problem->v_width); \
    UNROLL for (int y = 0; y < rows; y++) \
      UNROLL for (int x = 0; x < width; x++) \
        store(ds_at + y * TILE_WIDTH + x * LANES, p[y][x] * (dp[y][x] - delta[i + y])); \
  } while (0)
  FOR_EACH_REGISTER_TILE(queries, 0, vectors, PROBABILITY_TILE);
#undef PROBABILITY_TILE
}

/// gradient_t[d][j] += sum_i rows[i][d] weights[i][j] over the first `vectors` vectors of j.
INLINE void add_key_gradient(
  float *gradient_t, rows_in rows_of, ptrdiff_t width, const float *weights, ptrdiff_t queries,
  ptrdiff_t vectors) {
#define GRADIENT_TILE(rows, vectors, d, c) \
  do { \
    vec acc[MICRO_ROWS][MICRO_VECTORS]; \
    float *to = gradient_t + (d) * TILE_WIDTH + (c) * LANES; \
    UNROLL for (int y = 0; y < rows; y++) \
      UNROLL for (int x = 0; x < vectors; x++) acc[y][x] = load(to + y * TILE_WIDTH + x * LANES); \
    accumulate(acc, rows, vectors, rows_of.at + (d), 1, rows_of.stride, weights + (c) * LANES, \
               TILE_WIDTH, queries); \
    UNROLL for (int y = 0; y < rows; y++) \
      UNROLL for (int x = 0; x < vectors; x++) store(to + y * TILE_WIDTH + x * LANES, acc[y][x]); \
  } while (0)
  FOR_EACH_REGISTER_TILE(width, 0, vectors, GRADIENT_TILE);
#undef GRADIENT_TILE
}

/// dq of `queries` queries from `query` on: written by the first block of keys, then added to.
INLINE void add_query_gradient(
  const attention_problem *problem, const key_block *block, ptrdiff_t query, ptrdiff_t queries,
  ptrdiff_t keys) {
  const rows_out dq = problem->dq;
  const ptrdiff_t width = problem->k_width;
#define QUERY_TILE(rows, vectors, r, c) \
  do { \
    vec acc[MICRO_ROWS][MICRO_VECTORS] = {}; \
    accumulate(acc, rows, vectors, block->ds + (r) * TILE_WIDTH, TILE_WIDTH, 1, \
               block->k_scaled + (c) * LANES, block->padded_width, keys); \
    UNROLL for (int y = 0; y < rows; y++) \
      UNROLL for (int x = 0; x < vectors; x++) { \
        const ptrdiff_t d = ((c) + x) * LANES; \
        float *to = dq.at + (query + (r) + y) * dq.stride + d; \
        if (block->first > 0) acc[y][x] += load_first(to, width - d); \
        store_first(to, acc[y][x], width - d); \
      } \
  } while (0)
  FOR_EACH_REGISTER_TILE(queries, 0, block->padded_width / LANES, QUERY_TILE);
#undef QUERY_TILE
}

#if LANES == 16
/// Whether two keys of this width fit one vector.
static int fits_in_pairs(ptrdiff_t width) { return width <= LANES / 2; }

typedef float two_floats __attribute__((vector_size(8), aligned(4), may_alias));
INLINE vec splat_two(two_floats x) { return __builtin_shufflevector(x, x, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1); }

/// The same where two keys lie in a vector (`fits_in_pairs`): twice as many of its products count.
INLINE void add_query_gradient_of_pairs(
  const attention_problem *problem, const key_block *block, ptrdiff_t query, ptrdiff_t queries,
  ptrdiff_t keys) {
  const ptrdiff_t width = problem->k_width, pairs = (keys + 1) / 2;  // an absent last key is 0, as is its ds
#define PAIR_TILE(rows, vectors, r, c) \
  do { \
    const float *ds = block->ds + (r) * TILE_WIDTH; \
    vec acc[MICRO_ROWS] = {}; \
    for (ptrdiff_t j = 0; j < pairs; j++) { \
      const vec k = load(block->k_scaled + j * LANES); \
      UNROLL for (int y = 0; y < rows; y++) \
        acc[y] += splat_two(*(const two_floats *)(ds + y * TILE_WIDTH + 2 * j)) * k; \
    } \
    UNROLL for (int y = 0; y < rows; y++) { \
      const vec both = acc[y] + __builtin_shufflevector(acc[y], acc[y], 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14); \
      vec sum = __builtin_shufflevector(both, both, 0, 2, 4, 6, 8, 10, 12, 14, 0, 2, 4, 6, 8, 10, 12, 14); \
      float *to = problem->dq.at + (query + (r) + y) * problem->dq.stride; \
      if (block->first > 0) sum += load_first(to, width); \
      store_first(to, sum, width); \
    } \
  } while (0)
  FOR_EACH_REGISTER_TILE(queries, 0, 1, PAIR_TILE);
#undef PAIR_TILE
}
#endif

/// All gradients of `queries` queries from `query` on against the block's first `vectors` vectors.
static void join_queries(
  const attention_problem *problem, key_block *block, const float *delta, ptrdiff_t query,
  ptrdiff_t queries, ptrdiff_t vectors, int masked) {
  const ptrdiff_t seen = problem->k_count - problem->q_count + query - block->first;
  const ptrdiff_t visible = seen - (vectors - 1) * LANES;
  const rows_in q = apart(
    (rows_in){problem->q.at + query * problem->q.stride, problem->q.stride}, queries,
    problem->k_width, block->q);
  const rows_in dout = apart(
    (rows_in){problem->dout.at + query * problem->dout.stride, problem->dout.stride}, queries,
    problem->v_width, block->dout);
  if (masked) probabilities(problem, block, delta, q, dout, query, queries, vectors, 1, visible);
  else probabilities(problem, block, delta, q, dout, query, queries, vectors, 0, visible);
  add_key_gradient(block->dv_t, dout, problem->v_width, block->p, queries, vectors);
  add_key_gradient(block->dk_t, q, problem->k_width, block->ds, queries, vectors);
  const ptrdiff_t keys = at_most(vectors * LANES, block->keys);
#if LANES == 16
  if (fits_in_pairs(problem->k_width)) return add_query_gradient_of_pairs(problem, block, query, queries, keys);
#endif
  add_query_gradient(problem, block, query, queries, keys);
}

/// scale * k as `k_scaled` holds it; `k` has the block's first key.
INLINE void scale_keys(const attention_problem *problem, key_block *block, const float *k) {
  const ptrdiff_t stride = problem->k.stride, width = problem->k_width;
#if LANES == 16
  if (fits_in_pairs(width)) {
    for (ptrdiff_t j = 0; j < block->keys; j += 2) {
      const vec a = load_first(k + j * stride, width);
      const vec b = j + 1 < block->keys ? load_first(k + (j + 1) * stride, width) : splat(0);
      store(block->k_scaled + j / 2 * LANES, problem->scale * __builtin_shufflevector(
        a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
    }
    return;
  }
#endif
  for (ptrdiff_t j = 0; j < block->keys; j++)
    for (ptrdiff_t d = 0; d < width; d += LANES)
      store(block->k_scaled + j * block->padded_width + d, load_first(k + j * stride + d, width - d) * problem->scale);
}

/// Gradients of the keys [block->first, block->first + block->keys) and their part of dq.
static void backward_block(const attention_problem *problem, key_block *block, const float *delta) {
  const ptrdiff_t k_width = problem->k_width, v_width = problem->v_width;
  const float *k = problem->k.at + block->first * problem->k.stride;
  pack_transposed(block->k_t, k, problem->k.stride, block->keys, k_width, 1);
  pack_transposed(block->v_t, problem->v.at + block->first * problem->v.stride, problem->v.stride,
                  block->keys, v_width, 1);
  scale_keys(problem, block, k);
  memset(block->dk_t, 0, (size_t)(k_width * TILE_WIDTH) * sizeof(float));
  memset(block->dv_t, 0, (size_t)(v_width * TILE_WIDTH) * sizeof(float));

  // Query i sees the block's keys 0 ... i + ahead.
  const ptrdiff_t ahead = problem->k_count - problem->q_count - block->first;
  ptrdiff_t query = ahead < 0 ? -ahead : 0;
  while (query < problem->q_count && query + ahead < TILE_WIDTH) {
    const ptrdiff_t strip = (query + ahead) / LANES;
    const ptrdiff_t end = at_most((strip + 1) * LANES - ahead, problem->q_count);
    join_queries(problem, block, delta, query, end - query, strip + 1, 1);
    query = end;
  }
  for (; query < problem->q_count; query += BACKWARD_QUERIES)
    join_queries(problem, block, delta, query,
                 at_most(problem->q_count - query, BACKWARD_QUERIES), TILE_VECTORS, 0);

  _Alignas(64) float factor[TILE_WIDTH];
  for (int j = 0; j < TILE_WIDTH; j++) factor[j] = problem->scale;
  unpack_transposed(problem->dk.at + block->first * problem->dk.stride, problem->dk.stride,
                    block->dk_t, block->keys, k_width, factor, 1);
  for (int j = 0; j < TILE_WIDTH; j++) factor[j] = 1;
  unpack_transposed(problem->dv.at + block->first * problem->dv.stride, problem->dv.stride,
                    block->dv_t, block->keys, v_width, factor, 1);
}

static void backward(const attention_problem *problem, float *scratch) {
  const ptrdiff_t k_tile = problem->k_width * TILE_WIDTH, v_tile = problem->v_width * TILE_WIDTH;
  key_block block = {.padded_width = round_to_lanes(problem->k_width)};
  block.k_t = scratch;
  block.dk_t = block.k_t + k_tile;
  block.v_t = block.dk_t + k_tile;
  block.dv_t = block.v_t + v_tile;
  block.k_scaled = block.dv_t + v_tile;
  block.p = block.k_scaled + block.padded_width * TILE_WIDTH;
  block.ds = block.p + BACKWARD_QUERIES * TILE_WIDTH;
  block.q = block.ds + BACKWARD_QUERIES * TILE_WIDTH;
  block.dout = block.q + BACKWARD_QUERIES * apart_stride(problem->k_width);
  float *delta = block.dout + BACKWARD_QUERIES * apart_stride(problem->v_width);
  output_products(problem, delta);
  for (; block.first < problem->k_count; block.first += TILE_WIDTH) {
    block.keys = at_most(problem->k_count - block.first, TILE_WIDTH);
    backward_block(problem, &block, delta);
  }
}
