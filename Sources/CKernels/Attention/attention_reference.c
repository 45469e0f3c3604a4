// Scalar twins of the attention kernels: the equations of attention.h, loop by loop, in double.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "Attention/attention.h"

static double dot(const float *a, const float *b, ptrdiff_t n) {
  double sum = 0;
  for (ptrdiff_t d = 0; d < n; d++) sum += (double)a[d] * b[d];
  return sum;
}

/// p[j] = softmax_j(scale <q_i, k_j>) over the first `visible` keys; returns the log-sum-exp.
static double softmax_row(
  double *p, const float *q_i, const float *k, ptrdiff_t k_stride, ptrdiff_t visible, ptrdiff_t dk,
  double scale) {
  double maximum = -INFINITY, sum = 0;
  for (ptrdiff_t j = 0; j < visible; j++) {
    p[j] = scale * dot(q_i, k + j * k_stride, dk);
    if (p[j] > maximum) maximum = p[j];
  }
  for (ptrdiff_t j = 0; j < visible; j++) sum += p[j] = exp(p[j] - maximum);
  for (ptrdiff_t j = 0; j < visible; j++) p[j] /= sum;
  return maximum + log(sum);
}

static double *doubles(ptrdiff_t count) {
  double *zeros = calloc((size_t)count + 1, sizeof(double));
  if (!zeros) abort();
  return zeros;
}

void up_attention_forward_reference(
  const float *q, ptrdiff_t q_stride, const float *k, ptrdiff_t k_stride,
  const float *v, ptrdiff_t v_stride, float *out, ptrdiff_t out_stride, float *lse,
  ptrdiff_t Tq, ptrdiff_t Tk, ptrdiff_t dk, ptrdiff_t dv, float scale) {
  double *p = doubles(Tk);
  for (ptrdiff_t i = 0; i < Tq; i++) {
    const ptrdiff_t visible = Tk - Tq + i + 1;
    const double lse_i = softmax_row(p, q + i * q_stride, k, k_stride, visible, dk, scale);
    if (lse) lse[i] = (float)lse_i;
    for (ptrdiff_t d = 0; d < dv; d++) {
      double sum = 0;
      for (ptrdiff_t j = 0; j < visible; j++) sum += p[j] * v[j * v_stride + d];
      out[i * out_stride + d] = (float)sum;
    }
  }
  free(p);
}

void up_attention_backward_reference(
  const float *q, ptrdiff_t q_stride, const float *k, ptrdiff_t k_stride,
  const float *v, ptrdiff_t v_stride, const float *out, ptrdiff_t out_stride,
  const float *dout, ptrdiff_t dout_stride, const float *lse,
  float *dq, ptrdiff_t dq_stride, float *dk_, ptrdiff_t dk_stride, float *dv_, ptrdiff_t dv_stride,
  ptrdiff_t Tq, ptrdiff_t Tk, ptrdiff_t dk, ptrdiff_t dv, float scale) {
  (void)out, (void)out_stride, (void)lse;
  double *p = doubles(Tk), *ds = doubles(Tk), *dq_i = doubles(dk);
  double *dk_sum = doubles(Tk * dk), *dv_sum = doubles(Tk * dv);
  for (ptrdiff_t i = 0; i < Tq; i++) {
    const float *q_i = q + i * q_stride, *dout_i = dout + i * dout_stride;
    const ptrdiff_t visible = Tk - Tq + i + 1;
    softmax_row(p, q_i, k, k_stride, visible, dk, scale);
    double delta = 0;
    for (ptrdiff_t j = 0; j < visible; j++) {
      ds[j] = dot(dout_i, v + j * v_stride, dv);
      delta += p[j] * ds[j];
    }
    memset(dq_i, 0, (size_t)dk * sizeof(double));
    for (ptrdiff_t j = 0; j < visible; j++) {
      ds[j] = p[j] * (ds[j] - delta);
      for (ptrdiff_t d = 0; d < dk; d++) {
        dq_i[d] += scale * ds[j] * k[j * k_stride + d];
        dk_sum[j * dk + d] += scale * ds[j] * q_i[d];
      }
      for (ptrdiff_t d = 0; d < dv; d++) dv_sum[j * dv + d] += p[j] * dout_i[d];
    }
    for (ptrdiff_t d = 0; d < dk; d++) dq[i * dq_stride + d] = (float)dq_i[d];
  }
  for (ptrdiff_t j = 0; j < Tk; j++) {
    for (ptrdiff_t d = 0; d < dk; d++) dk_[j * dk_stride + d] += (float)dk_sum[j * dk + d];
    for (ptrdiff_t d = 0; d < dv; d++) dv_[j * dv_stride + d] += (float)dv_sum[j * dv + d];
  }
  free(p), free(ds), free(dq_i), free(dk_sum), free(dv_sum);
}
