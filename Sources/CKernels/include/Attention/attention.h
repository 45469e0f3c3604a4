#pragma once

#include <stddef.h>

// Fused causal attention of one head, float32, forward and backward, on the calling thread.
//
// Shapes: q [Tq, dk], k [Tk, dk], v [Tk, dv], out [Tq, dv], lse [Tq]; each row is contiguous and
// a `*_stride` is the number of floats from one row to the next, so slices of [B, T, H, D] buffers
// are passed as they are. Tq <= Tk: the queries are the last Tq of Tk positions, and query i sees
// the keys j <= Tk - Tq + i.
//
//   s_ij   = scale * <q_i, k_j>
//   lse_i  = log sum_j exp(s_ij)                      (natural logarithm)
//   p_ij   = exp(s_ij - lse_i)
//   out_i  = sum_j p_ij v_j
//
// No array of size Tq x Tk exists: scores live in a tile of at most 128 keys x 64 queries, and a
// softmax with running maximum joins the tiles (online softmax, arXiv:1805.02867; tiled forward and
// recomputing backward as in FlashAttention, arXiv:2205.14135). Up to three queries (decoding) take a
// path of their own.
//
// Time, with N the number of pairs (i, j) that see each other (about Tq Tk - Tq^2 / 2): 2 N (dk + dv)
// floating point operations and N exponentials forward, 2 N (3 dk + 2 dv) and N backward. Memory: a scratch buffer of one tile per thread (below 400 KB
// for widths up to 128, plus 4 Tq bytes in the backward), allocated at a thread's first call,
// grown when a wider head comes, freed when the thread ends. If it cannot be had, the process aborts.
//
// Accuracy: exp has a relative error below 2e-7; with scores of order 1 results agree with the double
// precision twins within 3e-6 of their largest value (scores of order 10: 2e-5, the float32 rounding
// of the score itself); ds is a difference, so its error is relative to |dout| |v|. A NaN in an input reaches every output row that sees it (a NaN or
// infinity in v_j also up to 15 rows before j, as 0 times it).
//
// The result depends on the inputs and the instruction set only (AVX-512, AVX2 + FMA, or plain
// 128-bit vectors, chosen once per process): same machine type, same bits.

#ifdef __cplusplus
extern "C" {
#endif

/// Writes out, and lse unless it is NULL (training needs it for the backward).
/// out and lse overlap no input.
void up_attention_forward(
  const float *q, ptrdiff_t q_stride, const float *k, ptrdiff_t k_stride,
  const float *v, ptrdiff_t v_stride, float *out, ptrdiff_t out_stride, float *lse,
  ptrdiff_t Tq, ptrdiff_t Tk, ptrdiff_t dk, ptrdiff_t dv, float scale);

/// The same for `heads` query heads that share keys and values: q [Tq, heads, dk], out [Tq, heads, dv], the heads of a
/// position one after the other, strides from position to position. Few positions of several heads fill vectors that those
/// of one head leave half empty. Where the heads do not divide a vector they are taken one by one.
void up_attention_group(
  const float *q, ptrdiff_t q_stride, const float *k, ptrdiff_t k_stride,
  const float *v, ptrdiff_t v_stride, float *out, ptrdiff_t out_stride,
  ptrdiff_t heads, ptrdiff_t Tq, ptrdiff_t Tk, ptrdiff_t dk, ptrdiff_t dv, float scale);

/// One new position (decoding) of `groups` groups of `heads` query heads; the heads of a group share keys and values:
/// q [groups, heads, dk], k [Tk, groups, dk], v [Tk, groups, dv], out [groups, heads, dv], lse [groups, heads] or NULL.
/// Strides are from head to head of q and out, from key to key of k and v. Every head sees all Tk keys, and memory is
/// read once for all of them.
void up_attention_heads(
  const float *q, ptrdiff_t q_stride, const float *k, ptrdiff_t k_stride,
  const float *v, ptrdiff_t v_stride, float *out, ptrdiff_t out_stride, float *lse,
  ptrdiff_t groups, ptrdiff_t heads, ptrdiff_t Tk, ptrdiff_t dk, ptrdiff_t dv, float scale);

/// (out, lse) of `heads` heads over some keys becomes that over these and the keys of (more, more_lse).
void up_attention_join(
  float *out, ptrdiff_t out_stride, float *lse, const float *more, ptrdiff_t more_stride,
  const float *more_lse, ptrdiff_t heads, ptrdiff_t dv);

/// x[i] = 2^x[i] by the exponential of these kernels: how fast it can be at best is one of the roofs of decoding.
/// count is a multiple of 16, x 64-byte aligned.
void up_attention_exponentials(float *x, ptrdiff_t count);

/// Gradients, given the forward's out and lse and the gradient dout [Tq, dv]:
///
///   delta_i = <dout_i, out_i>
///   ds_ij   = p_ij (<dout_i, v_j> - delta_i)
///   dq_i    = scale * sum_j ds_ij k_j          written
///   dk_j   += scale * sum_i ds_ij q_i          added: query heads that share a key head accumulate
///   dv_j   += sum_i p_ij dout_i                added
///
/// The gradients overlap neither the inputs nor each other.
void up_attention_backward(
  const float *q, ptrdiff_t q_stride, const float *k, ptrdiff_t k_stride,
  const float *v, ptrdiff_t v_stride, const float *out, ptrdiff_t out_stride,
  const float *dout, ptrdiff_t dout_stride, const float *lse,
  float *dq, ptrdiff_t dq_stride, float *dk_, ptrdiff_t dk_stride, float *dv_, ptrdiff_t dv_stride,
  ptrdiff_t Tq, ptrdiff_t Tk, ptrdiff_t dk, ptrdiff_t dv, float scale);

/// The equation of `up_attention_forward` as plain loops in double precision: what tests compare with.
void up_attention_forward_reference(
  const float *q, ptrdiff_t q_stride, const float *k, ptrdiff_t k_stride,
  const float *v, ptrdiff_t v_stride, float *out, ptrdiff_t out_stride, float *lse,
  ptrdiff_t Tq, ptrdiff_t Tk, ptrdiff_t dk, ptrdiff_t dv, float scale);

/// The equations of `up_attention_backward` as plain loops in double precision.
/// Takes out and lse like its twin but recomputes both, so that it depends on q, k, v and dout only.
void up_attention_backward_reference(
  const float *q, ptrdiff_t q_stride, const float *k, ptrdiff_t k_stride,
  const float *v, ptrdiff_t v_stride, const float *out, ptrdiff_t out_stride,
  const float *dout, ptrdiff_t dout_stride, const float *lse,
  float *dq, ptrdiff_t dq_stride, float *dk_, ptrdiff_t dk_stride, float *dv_, ptrdiff_t dv_stride,
  ptrdiff_t Tq, ptrdiff_t Tk, ptrdiff_t dk, ptrdiff_t dv, float scale);

#ifdef __cplusplus
}
#endif
