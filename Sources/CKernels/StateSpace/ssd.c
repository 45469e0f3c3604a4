#include "StateSpace/ssd.h"

#include <math.h>

#include "../InstructionSet/clones.h"
#include "../Elementwise/vector_math.h"

void up_softplus_column(const float *raw, ptrdiff_t stride, float bias, float *dt, ptrdiff_t rows) {
  for (ptrdiff_t t = 0; t < rows; t++) {
    float x = raw[t * stride] + bias;
    dt[t] = x > 20 ? x : log1pf(expf(x));
  }
}

double up_softplus_column_backward(const float *raw, ptrdiff_t stride, float bias, const float *ddt,
                                   float *draw, ptrdiff_t draw_stride, ptrdiff_t rows) {
  double sum = 0;
  for (ptrdiff_t t = 0; t < rows; t++) {
    float g = ddt[t] * up_sigmoidf(raw[t * stride] + bias);
    draw[t * draw_stride] += g;
    sum += g;
  }
  return sum;
}

UP_CLONES void up_decay_matrix(const float *gamma, float *decay, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; i++) {
    float *restrict row = decay + i * n;
    const float gamma_i = gamma[i];
    for (ptrdiff_t j = 0; j <= i; j++) row[j] = up_expf(gamma_i - gamma[j]);
    for (ptrdiff_t j = i + 1; j < n; j++) row[j] = 0;
  }
}

UP_CLONES void up_exp_shifted(const float *restrict x, float shift, float *restrict out, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; i++) out[i] = up_expf(x[i] - shift);
}

UP_CLONES void up_scale_rows(const float *restrict x, ptrdiff_t x_stride, const float *restrict scale,
                             float *restrict out, ptrdiff_t rows, ptrdiff_t width) {
  for (ptrdiff_t i = 0; i < rows; i++, x += x_stride, out += width)
    for (ptrdiff_t k = 0; k < width; k++) out[k] = scale[i] * x[k];
}

UP_CLONES void up_add_scaled_rows(const float *restrict x, ptrdiff_t x_stride,
                                  const float *restrict scale, float *restrict out,
                                  ptrdiff_t out_stride, ptrdiff_t rows, ptrdiff_t width) {
  UP_RELAXED
  for (ptrdiff_t i = 0; i < rows; i++, x += x_stride, out += out_stride)
    for (ptrdiff_t k = 0; k < width; k++) out[k] += scale[i] * x[k];
}

UP_CLONES void up_row_dots(const float *restrict a, ptrdiff_t a_stride, const float *restrict b,
                           ptrdiff_t b_stride, float *restrict out, ptrdiff_t rows, ptrdiff_t width) {
  UP_RELAXED
  for (ptrdiff_t i = 0; i < rows; i++, a += a_stride, b += b_stride) {
    float sum = 0;
    for (ptrdiff_t k = 0; k < width; k++) sum += a[k] * b[k];
    out[i] = sum;
  }
}

UP_CLONES void up_decayed_scores_backward(const float *restrict scores, const float *restrict decay,
                                          float *restrict dscores, float *restrict dgamma,
                                          ptrdiff_t n) {
  UP_RELAXED
  for (ptrdiff_t i = 0; i < n; i++) {
    const float *restrict p = scores + i * n;
    const float *restrict l = decay + i * n;
    float *restrict d = dscores + i * n;
    float sum = 0;
    for (ptrdiff_t j = 0; j < n; j++) {
      float e = d[j] * p[j];
      sum += e;
      dgamma[j] -= e;
      d[j] *= l[j];
    }
    dgamma[i] += sum;
  }
}
