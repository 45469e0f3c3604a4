// Tiled attention forward, included once per instruction set after its constants (attention_vector.h).
//
// A tile of TILE_WIDTH queries walks over blocks of keys. Lanes run over queries, so maximum, sum and
// rescaling are plain vector operations and keys and values are read as broadcast scalars, unpacked:
//
//   scores[j][i] = sum_d k[j][d] * q_t[d][i]        q_t holds scale * log2(e) * q, transposed
//   p[j][i]      = 2^(scores[j][i] - max[i])
//   o_t[d][i]    = 2^(old max[i] - max[i]) o_t[d][i] + sum_j v[j][d] * p[j][i]
//
// The last keys of a tile, one for each of its positions, form its diagonal triangle. It is cut into strips of as many keys
// as a vector holds positions (LANES, or LANES / heads where the heads of a position lie side by side): in strip g the
// vectors c < g see no key, vector g is masked, the vectors c > g see every key.
#pragma once

#include "attention_vector.h"

enum { FORWARD_KEYS = 128 };  // keys per block: the score tile stays in the first-level cache

static const float LOG2_E = 1.44269504f, LN_2 = 0.693147181f;

typedef struct {
  float *q_t;     // [k_width, TILE_WIDTH]
  float *o_t;     // [v_width, TILE_WIDTH]
  float *scores;  // [FORWARD_KEYS, TILE_WIDTH], then the probabilities in place
  float *values;  // [FORWARD_KEYS, apart_stride(v_width)], see `apart`
  vec max[TILE_VECTORS], sum[TILE_VECTORS], rescale[TILE_VECTORS];
  ptrdiff_t vectors;  // those that hold queries
} query_tile;

static size_t tiled_forward_scratch(const attention_problem *p) {
  return (size_t)(
    (p->k_width + p->v_width + FORWARD_KEYS) * TILE_WIDTH + FORWARD_KEYS * apart_stride(p->v_width));
}

/// Scores of `keys` keys for the vectors from `first` on, and their maxima. With masked > 0, key r is
/// hidden from the lanes l < masked r of vector `first` (masked keys <= LANES).
INLINE void score_keys(
  const query_tile *tile, float *scores, rows_in k, ptrdiff_t keys, ptrdiff_t k_width,
  ptrdiff_t first, ptrdiff_t masked, vec *block_max) {
#define SCORE_TILE(rows, vectors, r, c) \
  do { \
    vec acc[MICRO_ROWS][MICRO_VECTORS] = {}; \
    accumulate(acc, rows, vectors, k.at + (r) * k.stride, k.stride, 1, tile->q_t + (c) * LANES, \
               TILE_WIDTH, k_width); \
    UNROLL for (int y = 0; y < rows; y++) { \
      if (masked && (c) == first) \
        acc[y][0] = blend(lane_index() >= (int)(masked * ((r) + y)), acc[y][0], splat(MASKED)); \
      UNROLL for (int x = 0; x < vectors; x++) { \
        store(scores + ((r) + y) * TILE_WIDTH + ((c) + x) * LANES, acc[y][x]); \
        block_max[(c) + x] = maximum(block_max[(c) + x], acc[y][x]); \
      } \
    } \
  } while (0)
  FOR_EACH_REGISTER_TILE(keys, first, tile->vectors, SCORE_TILE);
#undef SCORE_TILE
}

/// scores -> 2^(scores - max), added to sum.
INLINE void exponentiate(query_tile *tile, float *scores, ptrdiff_t keys, ptrdiff_t first) {
  for (ptrdiff_t c = first; c < tile->vectors; c++) {
    const vec max = tile->max[c];
    vec sum = tile->sum[c];
    float *at = scores + c * LANES;
    for (ptrdiff_t j = 0; j < keys; j++, at += TILE_WIDTH) {
      const vec p = exp2_vec(load(at) - max);
      sum += p;
      store(at, p);
    }
    tile->sum[c] = sum;
  }
}

/// o_t = rescale * o_t + v^T p for the vectors from `first` on.
INLINE void add_values(
  query_tile *tile, const float *p, rows_in v, ptrdiff_t keys, ptrdiff_t v_width, ptrdiff_t first,
  int rescaled) {
#define VALUE_TILE(rows, vectors, d, c) \
  do { \
    vec acc[MICRO_ROWS][MICRO_VECTORS]; \
    float *o = tile->o_t + (d) * TILE_WIDTH + (c) * LANES; \
    UNROLL for (int y = 0; y < rows; y++) \
      UNROLL for (int x = 0; x < vectors; x++) { \
        acc[y][x] = load(o + y * TILE_WIDTH + x * LANES); \
        if (rescaled) acc[y][x] *= tile->rescale[(c) + x]; \
      } \
    accumulate(acc, rows, vectors, v.at + (d), 1, v.stride, p + (c) * LANES, TILE_WIDTH, keys); \
    UNROLL for (int y = 0; y < rows; y++) \
      UNROLL for (int x = 0; x < vectors; x++) store(o + y * TILE_WIDTH + x * LANES, acc[y][x]); \
  } while (0)
  FOR_EACH_REGISTER_TILE(v_width, first, tile->vectors, VALUE_TILE);
#undef VALUE_TILE
}

/// Joins keys [key, key + full), seen by every query of the tile, and the diagonal's `diagonal` keys
/// after them: full + diagonal <= FORWARD_KEYS.
static void join_block(
  const attention_problem *problem, query_tile *tile, ptrdiff_t key, ptrdiff_t full,
  ptrdiff_t diagonal) {
  const ptrdiff_t strip_keys = LANES / problem->heads;
  const rows_in k = {problem->k.at + key * problem->k.stride, problem->k.stride};
  const rows_in v = apart(
    (rows_in){problem->v.at + key * problem->v.stride, problem->v.stride}, full + diagonal,
    problem->v_width, tile->values);
  vec block_max[TILE_VECTORS];
  for (ptrdiff_t c = 0; c < tile->vectors; c++) block_max[c] = tile->max[c];

  if (full) score_keys(tile, tile->scores, k, full, problem->k_width, 0, 0, block_max);
  for (ptrdiff_t j = full, g = 0; j < full + diagonal; j += strip_keys, g++) {
    const rows_in strip = {k.at + j * k.stride, k.stride};
    score_keys(tile, tile->scores + j * TILE_WIDTH, strip, at_most(full + diagonal - j, strip_keys),
               problem->k_width, g, problem->heads, block_max);
  }

  for (ptrdiff_t c = 0; c < tile->vectors; c++) {
    tile->rescale[c] = exp2_vec(tile->max[c] - block_max[c]);
    tile->max[c] = block_max[c];
    tile->sum[c] *= tile->rescale[c];
  }

  if (full) {
    exponentiate(tile, tile->scores, full, 0);
    add_values(tile, tile->scores, v, full, problem->v_width, 0, 1);
  }
  for (ptrdiff_t j = full, g = 0; j < full + diagonal; j += strip_keys, g++) {
    const rows_in strip = {v.at + j * v.stride, v.stride};
    const ptrdiff_t keys = at_most(full + diagonal - j, strip_keys);
    float *p = tile->scores + j * TILE_WIDTH;
    exponentiate(tile, p, keys, g);
    if (j == 0) add_values(tile, p, strip, keys, problem->v_width, g, 1);
    else add_values(tile, p, strip, keys, problem->v_width, g, 0);
  }
}

/// out and lse of the queries [first, first + rows), rows <= TILE_WIDTH.
static void attend_tile(
  const attention_problem *problem, query_tile *tile, ptrdiff_t first, ptrdiff_t rows) {
  pack_transposed(tile->q_t, problem->q.at + first * problem->q.stride, problem->q.stride, rows,
                  problem->k_width, problem->scale * LOG2_E);
  memset(tile->o_t, 0, (size_t)(problem->v_width * TILE_WIDTH) * sizeof(float));
  tile->vectors = (rows + LANES - 1) / LANES;
  for (ptrdiff_t c = 0; c < tile->vectors; c++) {
    tile->max[c] = splat(MASKED);
    tile->sum[c] = splat(0);
  }

  const ptrdiff_t heads = problem->heads, diagonal = problem->side_by_side ? 0 : rows / heads;
  const ptrdiff_t seen_by_all =
    problem->side_by_side ? problem->k_count : problem->k_count - (problem->q_count - first) / heads;
  for (ptrdiff_t key = 0; key < seen_by_all + diagonal;) {
    const ptrdiff_t full = at_most(seen_by_all - key, FORWARD_KEYS);
    const int last = key + full == seen_by_all && full + diagonal <= FORWARD_KEYS;
    join_block(problem, tile, key, full, last ? diagonal : 0);
    key += full + (last ? diagonal : 0);
  }

  _Alignas(64) float inverse[TILE_WIDTH];
  for (ptrdiff_t c = 0; c < tile->vectors; c++) store(inverse + c * LANES, 1 / tile->sum[c]);
  unpack_transposed(problem->out.at + first * problem->out.stride, problem->out.stride, tile->o_t,
                    rows, problem->v_width, inverse, 0);
  if (!problem->lse) return;
  for (ptrdiff_t c = 0; c < tile->vectors; c++)
    store_first(problem->lse + first + c * LANES,
                (tile->max[c] + log2_vec(tile->sum[c])) * LN_2, rows - c * LANES);
}

static void tiled_forward(const attention_problem *problem, float *scratch) {
  query_tile tile = {
    .q_t = scratch,
    .o_t = scratch + problem->k_width * TILE_WIDTH,
    .scores = scratch + (problem->k_width + problem->v_width) * TILE_WIDTH};
  tile.values = tile.scores + FORWARD_KEYS * TILE_WIDTH;
  for (ptrdiff_t first = 0; first < problem->q_count; first += TILE_WIDTH)
    attend_tile(problem, &tile, first, at_most(problem->q_count - first, TILE_WIDTH));
}
