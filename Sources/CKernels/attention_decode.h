// Attention of a few queries (decoding), included once per instruction set after its constants.
//
// With one query there is nothing to share between lanes as in attention_forward.h: every key and
// value is read once, so the time is that of reading them. Lanes run over the width, four keys at a
// time; a block's scores are then softmaxed with lanes over keys.
#pragma once

#include "attention_forward.h"

enum { DECODE_QUERIES = 3, DECODE_KEYS = 128 };

static size_t decode_scratch(const attention_problem *p) {
  return (size_t)(DECODE_KEYS + (p->v_width + LANES - 1) / LANES * LANES);
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

/// out and lse of query `i`.
static void decode_query(const attention_problem *problem, float *scratch, ptrdiff_t i) {
  float *scores = scratch, *o = scratch + DECODE_KEYS;
  const ptrdiff_t visible = problem->k_count - problem->q_count + i + 1;
  float max = MASKED;
  vec sum = {};
  memset(o, 0, (size_t)(decode_scratch(problem) - DECODE_KEYS) * sizeof(float));
  for (ptrdiff_t key = 0; key < visible; key += DECODE_KEYS) {
    const ptrdiff_t keys = at_most(visible - key, DECODE_KEYS);
    decode_scores(scores, problem->q.at + i * problem->q.stride,
                  (rows_in){problem->k.at + key * problem->k.stride, problem->k.stride}, keys,
                  problem->k_width, problem->scale * LOG2_E);
    vec block_max = splat(max);
    for (ptrdiff_t j = 0; j < keys; j += LANES) block_max = maximum(block_max, load(scores + j));
    const float new_max = __builtin_reduce_max(block_max);
    const float rescale = exp2_vec(splat(max - new_max))[0];
    max = new_max;
    sum *= rescale;
    for (ptrdiff_t j = 0; j < keys; j += LANES) {
      const vec p = exp2_vec(load(scores + j) - max);
      sum += p;
      store(scores + j, p);
    }
    decode_values(o, scores, (rows_in){problem->v.at + key * problem->v.stride, problem->v.stride},
                  keys, problem->v_width, rescale);
  }
  const float total = sum_of_lanes(sum);
  float *out = problem->out.at + i * problem->out.stride;
  for (ptrdiff_t d = 0; d < problem->v_width; d += LANES)
    store_first(out + d, load(o + d) / total, problem->v_width - d);
  if (problem->lse) problem->lse[i] = (max + log2_vec(splat(total))[0]) * LN_2;
}

static void decode(const attention_problem *problem, float *scratch) {
  for (ptrdiff_t i = 0; i < problem->q_count; i++) decode_query(problem, scratch, i);
}
