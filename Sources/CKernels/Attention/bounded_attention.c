#include "Attention/bounded_attention.h"

#include <math.h>

#include "../Elementwise/vector_math.h"
#include "../InstructionSet/clones.h"

// Scores in hand at once.
enum { KEYS = 256 };

static inline __attribute__((always_inline)) float dot(const float *a, const float *b, ptrdiff_t n) {
  UP_RELAXED
  float sum = 0;
  for (ptrdiff_t d = 0; d < n; d++) sum += a[d] * b[d];
  return sum;
}

/// The first key and the one after the last that a query at `position` sees.
static inline ptrdiff_t first_key(ptrdiff_t position, ptrdiff_t window) {
  return position < window ? 0 : position - window + 1;
}

UP_CLONES void up_bounded_attention_forward(
  const float *q, ptrdiff_t q_stride, const float *k, ptrdiff_t k_stride, const float *v, ptrdiff_t v_stride,
  float *out, ptrdiff_t out_stride, float *lse, ptrdiff_t Tq, ptrdiff_t Tk, ptrdiff_t dk, ptrdiff_t dv, float scale,
  ptrdiff_t first, ptrdiff_t window, float cap, int joins) {
  UP_RELAXED
  float s[KEYS];
  for (ptrdiff_t i = 0; i < Tq; i++) {
    const float *q_i = q + i * q_stride;
    float *o = out + i * out_stride;
    const ptrdiff_t end = first + i + 1 < Tk ? first + i + 1 : Tk;
    float max = joins ? lse[i] : -INFINITY, sum = max > -INFINITY ? 1 : 0;
    if (sum == 0) for (ptrdiff_t d = 0; d < dv; d++) o[d] = 0;
    for (ptrdiff_t low = first_key(first + i, window); low < end; low += KEYS) {
      const ptrdiff_t count = end - low < KEYS ? end - low : KEYS;
      float block_max = max;
      for (ptrdiff_t j = 0; j < count; j++) {
        s[j] = scale * dot(q_i, k + (low + j) * k_stride, dk);
        if (cap > 0) s[j] = cap * tanhf(s[j] / cap);
        block_max = fmaxf(block_max, s[j]);
      }
      const float kept = sum > 0 ? up_expf(max - block_max) : 0;
      for (ptrdiff_t d = 0; d < dv; d++) o[d] *= kept;
      max = block_max;
      float added = 0;
      for (ptrdiff_t j = 0; j < count; j++) {
        s[j] = up_expf(s[j] - max);
        added += s[j];
      }
      sum = kept * sum + added;
      for (ptrdiff_t j = 0; j < count; j++) {
        const float *v_j = v + (low + j) * v_stride;
        for (ptrdiff_t d = 0; d < dv; d++) o[d] += s[j] * v_j[d];
      }
    }
    if (sum > 0) for (ptrdiff_t d = 0; d < dv; d++) o[d] /= sum;
    lse[i] = sum > 0 ? max + logf(sum) : -INFINITY;
  }
}

UP_CLONES void up_bounded_attention_backward(
  const float *q, ptrdiff_t q_stride, const float *k, ptrdiff_t k_stride, const float *v, ptrdiff_t v_stride,
  const float *out, ptrdiff_t out_stride, const float *dout, ptrdiff_t dout_stride, const float *lse,
  float *dq, ptrdiff_t dq_stride, float *dk_, ptrdiff_t dk_stride, float *dv_, ptrdiff_t dv_stride,
  ptrdiff_t T, ptrdiff_t dk, ptrdiff_t dv, float scale, ptrdiff_t window, float cap) {
  UP_RELAXED
  for (ptrdiff_t i = 0; i < T; i++) {
    const float *q_i = q + i * q_stride, *dout_i = dout + i * dout_stride;
    float *dq_i = dq + i * dq_stride;
    const float delta = dot(dout_i, out + i * out_stride, dv);
    for (ptrdiff_t d = 0; d < dk; d++) dq_i[d] = 0;
    for (ptrdiff_t j = first_key(i, window); j <= i; j++) {
      const float *k_j = k + j * k_stride;
      float s = scale * dot(q_i, k_j, dk), slope = scale;
      if (cap > 0) {
        const float bent = tanhf(s / cap);
        s = cap * bent;
        slope *= 1 - bent * bent;
      }
      const float p = up_expf(s - lse[i]);
      const float ds = p * (dot(dout_i, v + j * v_stride, dv) - delta) * slope;
      float *dk_j = dk_ + j * dk_stride, *dv_j = dv_ + j * dv_stride;
      for (ptrdiff_t d = 0; d < dk; d++) {
        dq_i[d] += ds * k_j[d];
        dk_j[d] += ds * q_i[d];
      }
      for (ptrdiff_t d = 0; d < dv; d++) dv_j[d] += p * dout_i[d];
    }
  }
}
