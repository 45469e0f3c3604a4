#pragma once

#include <stddef.h>

// Causal attention of one head whose queries see a window of the past only (Mistral, Gemma), or whose scores are capped
// (Gemma 2), float32, on the calling thread; shapes and strides as in attention.h. Query i stands at position first + i
// of the keys and sees the keys j with first + i - window < j <= first + i:
//
//   s_ij = scale * <q_i, k_j>,   capped: cap * tanh(s_ij / cap);   lse_i = log sum_j exp(s_ij);   p_ij = exp(s_ij - lse_i)
//
// Plain loops over queries, for models whose attention is not attention.h's: time and memory as there, without its
// tiles.

#ifdef __cplusplus
extern "C" {
#endif

/// Writes out [Tq, dv] and lse [Tq]. joins: out and lse hold what came of keys before these, and become that of all. A
/// query that sees no key gets out 0 and lse -infinity.
/// window >= 1; cap 0: none.
void up_bounded_attention_forward(
  const float *q, ptrdiff_t q_stride, const float *k, ptrdiff_t k_stride, const float *v, ptrdiff_t v_stride,
  float *out, ptrdiff_t out_stride, float *lse, ptrdiff_t Tq, ptrdiff_t Tk, ptrdiff_t dk, ptrdiff_t dv, float scale,
  ptrdiff_t first, ptrdiff_t window, float cap, int joins);

/// Gradients as up_attention_backward, with ds_ij times the cap's slope 1 - (s_ij / cap)^2: dq written, dk and dv added.
/// As many queries as keys, the first at the first key's position.
void up_bounded_attention_backward(
  const float *q, ptrdiff_t q_stride, const float *k, ptrdiff_t k_stride, const float *v, ptrdiff_t v_stride,
  const float *out, ptrdiff_t out_stride, const float *dout, ptrdiff_t dout_stride, const float *lse,
  float *dq, ptrdiff_t dq_stride, float *dk_, ptrdiff_t dk_stride, float *dv_, ptrdiff_t dv_stride,
  ptrdiff_t T, ptrdiff_t dk, ptrdiff_t dv, float scale, ptrdiff_t window, float cap);

#ifdef __cplusplus
}
#endif
