#include "StateSpace/delta.h"

#include <math.h>
#include <string.h>

#include "../InstructionSet/clones.h"
#include "../Elementwise/vector_math.h"

void up_sigmoid_column(const float *raw, ptrdiff_t stride, float *beta, ptrdiff_t rows) {
  for (ptrdiff_t t = 0; t < rows; t++) beta[t] = up_sigmoidf(raw[t * stride]);
}

void up_sigmoid_column_backward(const float *beta, const float *dbeta, float *draw, ptrdiff_t draw_stride,
                                ptrdiff_t rows) {
  for (ptrdiff_t t = 0; t < rows; t++) draw[t * draw_stride] += dbeta[t] * beta[t] * (1 - beta[t]);
}

UP_CLONES void up_l2_norm(const float *x, ptrdiff_t x_stride, float *y, ptrdiff_t y_stride, float *inverse,
                          ptrdiff_t rows, ptrdiff_t heads, ptrdiff_t width, float eps) {
  UP_RELAXED
  for (ptrdiff_t row = 0; row < rows; row++, x += x_stride, y += y_stride)
    for (ptrdiff_t head = 0; head < heads; head++) {
      const float *restrict from = x + head * width;
      float *restrict to = y + head * width;
      float sum = 0;
      for (ptrdiff_t i = 0; i < width; i++) sum += from[i] * from[i];
      const float scale = 1.0f / sqrtf(sum + eps);
      if (inverse) *inverse++ = scale;
      for (ptrdiff_t i = 0; i < width; i++) to[i] = from[i] * scale;
    }
}

UP_CLONES void up_l2_norm_backward(const float *y, const float *inverse, const float *dy, float *dx,
                                   ptrdiff_t dx_stride, ptrdiff_t rows, ptrdiff_t heads, ptrdiff_t width) {
  UP_RELAXED
  for (ptrdiff_t row = 0; row < rows; row++, dx += dx_stride)
    for (ptrdiff_t head = 0; head < heads; head++, y += width, dy += width) {
      float *restrict to = dx + head * width;
      const float scale = *inverse++;
      float dot = 0;
      for (ptrdiff_t i = 0; i < width; i++) dot += y[i] * dy[i];
      for (ptrdiff_t i = 0; i < width; i++) to[i] += scale * (dy[i] - y[i] * dot);
    }
}

UP_CLONES void up_delta_coupling(float *gram, const float *decay, const float *beta, float *coupling, ptrdiff_t n) {
  UP_RELAXED
  for (ptrdiff_t i = 0; i < n; i++) {
    float *restrict g = gram + i * n, *restrict m = coupling + i * n;
    const float *restrict d = decay + i * n;
    for (ptrdiff_t j = 0; j < i; j++) {
      g[j] *= d[j];
      m[j] = beta[i] * g[j];
    }
  }
}

UP_CLONES void up_delta_coupling_backward(const float *gram, const float *decay, const float *beta, float *dcoupling,
                                          float *restrict dbeta, float *restrict dgamma, ptrdiff_t n) {
  UP_RELAXED
  for (ptrdiff_t i = 0; i < n; i++) {
    const float *restrict g = gram + i * n, *restrict d = decay + i * n;
    float *restrict m = dcoupling + i * n;
    float sum = 0;
    for (ptrdiff_t j = 0; j < i; j++) {
      float e = m[j] * g[j];
      sum += e;
      dgamma[j] -= beta[i] * e;
      m[j] *= beta[i] * d[j];
    }
    m[i] = 0;
    dbeta[i] += sum;
    dgamma[i] += beta[i] * sum;
  }
  for (ptrdiff_t i = 0; i < n; i++)
    for (ptrdiff_t j = 0; j < i; j++) dcoupling[j * n + i] = dcoupling[i * n + j];
}

// to -= factor * from.
static inline __attribute__((always_inline)) void subtract(float factor, const float *restrict from, float *restrict to,
                                                           ptrdiff_t width) {
  for (ptrdiff_t c = 0; c < width; c++) to[c] -= factor * from[c];
}

UP_CLONES void up_unit_lower_solve(const float *m, ptrdiff_t m_stride, float *x, ptrdiff_t n, ptrdiff_t width) {
  UP_RELAXED
  for (ptrdiff_t i = 1; i < n; i++)
    for (ptrdiff_t j = 0; j < i; j++) subtract(m[i * m_stride + j], x + j * width, x + i * width, width);
}

UP_CLONES void up_unit_lower_solve_transposed(const float *m, ptrdiff_t m_stride, float *x, ptrdiff_t n,
                                              ptrdiff_t width) {
  UP_RELAXED
  for (ptrdiff_t i = n - 2; i >= 0; i--)
    for (ptrdiff_t j = i + 1; j < n; j++) subtract(m[j * m_stride + i], x + j * width, x + i * width, width);
}

// `width` columns of the state, at most 32: they stay in the nearest cache between the two sweeps. Reading S_t is
// reading S~ and adding what the write adds: S_t^T q = S~^T q + beta <k, q> e.
static inline __attribute__((always_inline)) void step_columns(
  const float *restrict q, const float *restrict k, const float *restrict v, float decay, float beta, float scale,
  float alignment, float *restrict state, float *restrict out, ptrdiff_t K, ptrdiff_t V, const ptrdiff_t width) {
  float held[32], asked[32];
  for (ptrdiff_t c = 0; c < width; c++) held[c] = asked[c] = 0;
  for (ptrdiff_t i = 0; i < K; i++) {
    const float *restrict s = state + i * V;
    for (ptrdiff_t c = 0; c < width; c++) {
      held[c] += k[i] * s[c];
      asked[c] += q[i] * s[c];
    }
  }
  for (ptrdiff_t c = 0; c < width; c++) {
    held[c] = beta * (v[c] - decay * held[c]);
    out[c] = scale * (decay * asked[c] + alignment * held[c]);
  }
  for (ptrdiff_t i = 0; i < K; i++) {
    float *restrict s = state + i * V;
    for (ptrdiff_t c = 0; c < width; c++) s[c] = decay * s[c] + k[i] * held[c];
  }
}

UP_CLONES void up_delta_step(const float *q, const float *k, const float *v, float decay, float beta, float scale,
                             float *state, float *out, ptrdiff_t K, ptrdiff_t V) {
  UP_RELAXED
  float alignment = 0;
  for (ptrdiff_t i = 0; i < K; i++) alignment += k[i] * q[i];
  ptrdiff_t c = 0;
  for (; c + 32 <= V; c += 32)
    step_columns(q, k, v + c, decay, beta, scale, alignment, state + c, out + c, K, V, 32);
  if (c < V) step_columns(q, k, v + c, decay, beta, scale, alignment, state + c, out + c, K, V, V - c);
}
