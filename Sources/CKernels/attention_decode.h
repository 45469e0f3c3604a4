// Attention of a few queries (decoding), included once per instruction set after its constants.
//
// So few queries leave lanes idle if lanes run over them as in attention_forward.h. Here they run over the
// width, four keys at a time; a block's scores are then softmaxed with lanes over keys. All queries
// take a block before the next one is read, so the time is that of reading every key and value once.
#pragma once

#include "attention_forward.h"

enum { DECODE_QUERIES = 3, DECODE_KEYS = 128 };

static size_t decode_scratch(const attention_problem *p) {
  return (size_t)(DECODE_KEYS + DECODE_QUERIES * ((p->v_width + LANES - 1) / LANES * LANES));
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

/// scores[j] = factor * <q, k_j> for j < keys; MASKED up to the next multiple of LANES.
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
  const ptrdiff_t end = (keys + LANES - 1) / LANES * LANES;
  for (ptrdiff_t j = keys; j < end; j++) scores[j] = MASKED;
}

/// o[d] = rescale * o[d] + sum_j p[j] v[j][d].
static void decode_values(
  float *o, const float *p, rows_in v, ptrdiff_t keys, ptrdiff_t width, float rescale) {
  ptrdiff_t d = 0;
  for (; d + 4 * LANES <= width; d += 4 * LANES) {
    vec sum[4];
    UNROLL for (int c = 0; c < 4; c++) sum[c] = load(o + d + c * LANES) * rescale;
    for (ptrdiff_t j = 0; j < keys; j++) {
      const vec p_j = splat(p[j]);
      const vec_unaligned *row = (const vec_unaligned *)(v.at + j * v.stride + d);
      UNROLL for (int c = 0; c < 4; c++) sum[c] += p_j * row[c];
    }
    UNROLL for (int c = 0; c < 4; c++) store(o + d + c * LANES, sum[c]);
  }
  for (; d < width; d += LANES) {
    vec sum[4] = {load(o + d) * rescale};  // four keys at a time: four sums that do not wait on each other
    ptrdiff_t j = 0;
    const ptrdiff_t count = width - d;
    for (; j + 4 <= keys; j += 4)
      UNROLL for (int r = 0; r < 4; r++)
        sum[r] += p[j + r] * load_first(v.at + (j + r) * v.stride + d, count);
    for (; j < keys; j++) sum[0] += p[j] * load_first(v.at + j * v.stride + d, count);
    store(o + d, (sum[0] + sum[1]) + (sum[2] + sum[3]));
  }
}

typedef struct {
  float *o;  // [v_width], rounded up to LANES
  float max;
  vec sum;
} query_state;

/// Joins keys [key, key + keys) to query `i`.
static void decode_block(
  const attention_problem *problem, query_state *state, float *scores, ptrdiff_t i, ptrdiff_t key,
  ptrdiff_t keys) {
  const rows_in k = {problem->k.at + key * problem->k.stride, problem->k.stride};
  const rows_in v = {problem->v.at + key * problem->v.stride, problem->v.stride};
  decode_scores(scores, problem->q.at + i * problem->q.stride, k, keys, problem->k_width,
                problem->scale * LOG2_E);
  vec block_max = splat(state->max);
  for (ptrdiff_t j = 0; j < keys; j += LANES) block_max = maximum(block_max, load(scores + j));
  const float max = __builtin_reduce_max(block_max);
  const float rescale = exp2_vec(splat(state->max - max))[0];
  state->max = max;
  state->sum *= rescale;
  for (ptrdiff_t j = 0; j < keys; j += LANES) {
    const vec p = exp2_vec(load(scores + j) - max);
    state->sum += p;
    store(scores + j, p);
  }
  decode_values(state->o, scores, v, keys, problem->v_width, rescale);
}

/// out and lse of all queries.
static void decode(const attention_problem *problem, float *scratch) {
  const ptrdiff_t hidden = problem->side_by_side ? 0 : problem->q_count - 1;  // keys that query 0 does not see
  const ptrdiff_t width = (problem->v_width + LANES - 1) / LANES * LANES;
  query_state states[DECODE_QUERIES];
  for (ptrdiff_t i = 0; i < problem->q_count; i++) {
    states[i] = (query_state){.o = scratch + DECODE_KEYS + i * width, .max = MASKED};
    memset(states[i].o, 0, (size_t)width * sizeof(float));
  }
  for (ptrdiff_t key = 0; key < problem->k_count; key += DECODE_KEYS)
    for (ptrdiff_t i = 0; i < problem->q_count; i++) {
      const ptrdiff_t visible = problem->k_count - (hidden ? hidden - i : 0);
      if (key < visible)
        decode_block(problem, &states[i], scratch, i, key, at_most(visible - key, DECODE_KEYS));
    }
  for (ptrdiff_t i = 0; i < problem->q_count; i++) {
    const float total = sum_of_lanes(states[i].sum);
    float *out = problem->out.at + i * problem->out.stride;
    for (ptrdiff_t d = 0; d < problem->v_width; d += LANES)
      store_first(out + d, load(states[i].o + d) / total, problem->v_width - d);
    if (problem->lse) problem->lse[i] = (states[i].max + log2_vec(splat(total))[0]) * LN_2;
  }
}
