// Attention of a few queries (decoding), included once per instruction set after its constants.
//
// So few queries leave lanes idle if lanes run over them as in attention_forward.h. Here they run over the
// width, four keys at a time; a block's scores are then softmaxed with lanes over keys. All queries
// take a block before the next one is read, so the time is that of reading every key and value once.
// Where keys hardly fill a vector, a block's are transposed first, for all queries, and lanes run over them.
#pragma once

#include "attention_forward.h"

enum { DECODE_QUERIES = 3, DECODE_KEYS = 128, NARROW_WIDTH = 16 };

/// One query alone gains nothing from transposed keys.
static int is_narrow(const attention_problem *p) { return p->q_count > 1 && p->k_width <= NARROW_WIDTH; }

static size_t decode_scratch(const attention_problem *p) {
  return (size_t)(DECODE_QUERIES * (DECODE_KEYS + (p->v_width + LANES - 1) / LANES * LANES) +
                  (is_narrow(p) ? NARROW_WIDTH * DECODE_KEYS : 0));
}

/// The lanes of four vectors, each summed.
INLINE quad sums_of_lanes(const vec x[4]) {
  quad sums[4];
  UNROLL for (int r = 0; r < 4; r++) {
    quad parts[LANES / 4];
    memcpy(parts, &x[r], sizeof parts);
    sums[r] = parts[0];
    UNROLL for (int part = 1; part < LANES / 4; part++) sums[r] += parts[part];
  }
  transpose4(sums);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/// scores[j] = factor * <q, k_j> for j < keys.
static void decode_scores(
  float *scores, const float *q, rows_in k, ptrdiff_t keys, ptrdiff_t width, float factor) {
  for (ptrdiff_t j = 0; j < keys; j += 4) {
    const float *row[4];  // rows past the end repeat the last one
    UNROLL for (int r = 0; r < 4; r++) row[r] = k.at + at_most(j + r, keys - 1) * k.stride;
    vec sum[4] = {};
    ptrdiff_t d = 0;
    for (; d + LANES <= width; d += LANES) {
      const vec q_d = *(const vec_unaligned *)(q + d);
      UNROLL for (int r = 0; r < 4; r++) sum[r] += q_d * *(const vec_unaligned *)(row[r] + d);
    }
    if (d < width) {
      const vec q_d = load_first(q + d, width - d);
      UNROLL for (int r = 0; r < 4; r++) sum[r] += q_d * load_first(row[r] + d, width - d);
    }
    *(quad *)(scores + j) = sums_of_lanes(sum) * factor;
  }
}

/// keys_t[d][j] = k_j[d] for j < keys, rows of DECODE_KEYS; what lies behind is left.
static void transpose_keys(float *keys_t, rows_in k, ptrdiff_t keys, ptrdiff_t width) {
  for (ptrdiff_t j = 0; j < keys; j += 4) {
    const float *row[4];  // rows past the end repeat the last one
    UNROLL for (int r = 0; r < 4; r++) row[r] = k.at + at_most(j + r, keys - 1) * k.stride;
    ptrdiff_t d = 0;
    for (; d + 4 <= width; d += 4) {
      quad block[4];
      UNROLL for (int r = 0; r < 4; r++) block[r] = *(const quad *)(row[r] + d);
      transpose4(block);
      UNROLL for (int r = 0; r < 4; r++) *(quad *)(keys_t + (d + r) * DECODE_KEYS + j) = block[r];
    }
    for (; d < width; d++)
      UNROLL for (int r = 0; r < 4; r++) keys_t[d * DECODE_KEYS + j + r] = row[r][d];
  }
}

/// decode_scores of transposed keys.
static void narrow_scores(
  float *scores, const float *q, const float *keys_t, ptrdiff_t keys, ptrdiff_t width, float factor) {
  for (ptrdiff_t j = 0; j < keys; j += 4 * LANES) {
    vec sum[4] = {};
    for (ptrdiff_t d = 0; d < width; d++) {
      const vec q_d = splat(q[d]);
      UNROLL for (int c = 0; c < 4; c++) sum[c] += q_d * load(keys_t + d * DECODE_KEYS + j + c * LANES);
    }
    UNROLL for (int c = 0; c < 4; c++) store(scores + j + c * LANES, sum[c] * factor);
  }
}

typedef struct {
  const float *q;    // [k_width]
  float *o;          // [v_width], rounded up to LANES
  float *p;          // [DECODE_KEYS]: a block's scores, then its probabilities
  float max, rescale;
  vec sum;
} query_state;

static rows_in rows_from(rows_in rows, ptrdiff_t first) {
  return (rows_in){rows.at + first * rows.stride, rows.stride};
}

/// The probabilities of `keys` keys, of which the query sees `visible`. keys_t: they transposed, when narrow.
static void decode_probabilities(
  const attention_problem *problem, query_state *query, rows_in k, const float *keys_t, ptrdiff_t keys,
  ptrdiff_t visible) {
  const float factor = problem->scale * LOG2_E;
  if (is_narrow(problem)) narrow_scores(query->p, query->q, keys_t, keys, problem->k_width, factor);
  else decode_scores(query->p, query->q, k, keys, problem->k_width, factor);
  const ptrdiff_t end = (keys + LANES - 1) / LANES * LANES;
  for (ptrdiff_t j = visible; j < end; j++) query->p[j] = MASKED;
  vec block_max = splat(query->max);
  for (ptrdiff_t j = 0; j < end; j += LANES) block_max = maximum(block_max, load(query->p + j));
  const float max = __builtin_reduce_max(block_max);
  query->rescale = exp2_vec(splat(query->max - max))[0];
  query->max = max;
  query->sum *= query->rescale;
  for (ptrdiff_t j = 0; j < end; j += LANES) {
    const vec p = exp2_vec(load(query->p + j) - max);
    query->sum += p;
    store(query->p + j, p);
  }
}

/// o[d] = rescale * o[d] + sum_j p[j] v[j][d], for four vectors of d.
static void decode_four_vectors(const query_state *query, rows_in v, ptrdiff_t keys, ptrdiff_t d) {
  vec sum[4];
  UNROLL for (int c = 0; c < 4; c++) sum[c] = load(query->o + d + c * LANES) * query->rescale;
  for (ptrdiff_t j = 0; j < keys; j++) {
    const vec p_j = splat(query->p[j]);
    const vec_unaligned *row = (const vec_unaligned *)(v.at + j * v.stride + d);
    UNROLL for (int c = 0; c < 4; c++) sum[c] += p_j * row[c];
  }
  UNROLL for (int c = 0; c < 4; c++) store(query->o + d + c * LANES, sum[c]);
}

/// The same for what is left of the width, of all queries at once: a row is read once for them. Four keys at a time,
/// for sums that do not wait on each other.
INLINE void decode_vector(
  const query_state *queries, int count, rows_in v, ptrdiff_t keys, ptrdiff_t d, ptrdiff_t width) {
  vec sum[DECODE_QUERIES][4] = {};
  UNROLL for (int i = 0; i < count; i++) sum[i][0] = load(queries[i].o + d) * queries[i].rescale;
  ptrdiff_t j = 0;
  for (; j + 4 <= keys; j += 4)
    UNROLL for (int r = 0; r < 4; r++) {
      const vec row = load_first(v.at + (j + r) * v.stride + d, width - d);
      UNROLL for (int i = 0; i < count; i++) sum[i][r] += queries[i].p[j + r] * row;
    }
  for (; j < keys; j++) {
    const vec row = load_first(v.at + j * v.stride + d, width - d);
    UNROLL for (int i = 0; i < count; i++) sum[i][0] += queries[i].p[j] * row;
  }
  UNROLL for (int i = 0; i < count; i++)
    store(queries[i].o + d, (sum[i][0] + sum[i][1]) + (sum[i][2] + sum[i][3]));
}

static void decode_values(
  const query_state *queries, ptrdiff_t count, rows_in v, ptrdiff_t keys, ptrdiff_t width) {
  ptrdiff_t d = 0;
  for (; d + 4 * LANES <= width; d += 4 * LANES)
    for (ptrdiff_t i = 0; i < count; i++) decode_four_vectors(&queries[i], v, keys, d);
  for (; d < width; d += LANES)
    switch (count) {
      case 1: decode_vector(queries, 1, v, keys, d, width); break;
      case 2: decode_vector(queries, 2, v, keys, d, width); break;
      default: decode_vector(queries, DECODE_QUERIES, v, keys, d, width);
    }
}

/// out and lse of all queries.
static void decode(const attention_problem *problem, float *scratch) {
  const ptrdiff_t hidden = problem->side_by_side ? 0 : problem->q_count - 1;  // keys that query 0 does not see
  const ptrdiff_t width = (problem->v_width + LANES - 1) / LANES * LANES;
  float *keys_t = scratch + DECODE_QUERIES * (DECODE_KEYS + width);
  query_state queries[DECODE_QUERIES];
  for (ptrdiff_t i = 0; i < problem->q_count; i++) {
    float *space = scratch + i * (DECODE_KEYS + width);
    queries[i] = (query_state){
      .q = problem->q.at + i * problem->q.stride, .p = space, .o = space + DECODE_KEYS, .max = MASKED};
    memset(queries[i].o, 0, (size_t)width * sizeof(float));
  }
  for (ptrdiff_t key = 0; key < problem->k_count; key += DECODE_KEYS) {
    const ptrdiff_t keys = at_most(problem->k_count - key, DECODE_KEYS);
    const rows_in k = rows_from(problem->k, key);
    if (is_narrow(problem)) transpose_keys(keys_t, k, keys, problem->k_width);
    for (ptrdiff_t i = 0; i < problem->q_count; i++) {
      const ptrdiff_t unseen = hidden ? hidden - i : 0, visible = problem->k_count - unseen - key;
      decode_probabilities(problem, &queries[i], k, keys_t, keys, at_most(visible < 0 ? 0 : visible, keys));
    }
    decode_values(queries, problem->q_count, rows_from(problem->v, key), keys, problem->v_width);
  }
  for (ptrdiff_t i = 0; i < problem->q_count; i++) {
    const float total = sum_of_lanes(queries[i].sum);
    float *out = problem->out.at + i * problem->out.stride;
    for (ptrdiff_t d = 0; d < problem->v_width; d += LANES)
      store_first(out + d, load(queries[i].o + d) / total, problem->v_width - d);
    if (problem->lse) problem->lse[i] = (queries[i].max + log2_vec(splat(total))[0]) * LN_2;
  }
}
