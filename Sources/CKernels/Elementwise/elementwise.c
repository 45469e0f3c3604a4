#include "Elementwise/elementwise.h"

#include <math.h>
#include <string.h>

#include "../InstructionSet/clones.h"
#include "vector_math.h"

UP_CLONES void up_add(const float *restrict a, const float *restrict b, float *restrict out,
                      ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i++) out[i] = a[i] + b[i];
}

UP_CLONES void up_axpy(float scale, const float *restrict x, float *restrict y, ptrdiff_t count) {
  UP_RELAXED
  for (ptrdiff_t i = 0; i < count; i++) y[i] += scale * x[i];
}

UP_CLONES void up_multiply(const float *restrict a, const float *restrict b, float *restrict out,
                           ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i++) out[i] = a[i] * b[i];
}

UP_CLONES void up_scale(float scale, float *x, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i++) x[i] *= scale;
}

UP_CLONES double up_dot(const float *restrict a, const float *restrict b, ptrdiff_t count) {
  UP_RELAXED
  double sum = 0;
  for (ptrdiff_t i = 0; i < count; i++) sum += (double)(a[i] * b[i]);
  return sum;
}

UP_CLONES double up_sum_of_squares(const float *x, ptrdiff_t count) {
  UP_RELAXED
  double sum = 0;
  for (ptrdiff_t i = 0; i < count; i++) sum += (double)x[i] * (double)x[i];
  return sum;
}

UP_CLONES ptrdiff_t up_count_nonfinite(const float *x, ptrdiff_t count) {
  ptrdiff_t bad = 0;
  for (ptrdiff_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, x + i, 4);
    bad += (bits & 0x7f800000u) == 0x7f800000u;
  }
  return bad;
}

UP_CLONES void up_silu(const float *restrict x, float *restrict y, ptrdiff_t count) {
  UP_RELAXED
  for (ptrdiff_t i = 0; i < count; i++) y[i] = x[i] * up_sigmoidf(x[i]);
}

UP_CLONES void up_silu_backward(const float *restrict x, const float *restrict dy,
                                float *restrict dx, ptrdiff_t count) {
  UP_RELAXED
  for (ptrdiff_t i = 0; i < count; i++) {
    float s = up_sigmoidf(x[i]);
    dx[i] = dy[i] * s * (1.0f + x[i] * (1.0f - s));
  }
}

UP_CLONES void up_sigmoid_gate(const float *restrict x, const float *restrict gate, float *restrict y,
                               ptrdiff_t count) {
  UP_RELAXED
  for (ptrdiff_t i = 0; i < count; i++) y[i] = x[i] * up_sigmoidf(gate[i]);
}

UP_CLONES void up_sigmoid_gate_backward(const float *restrict x, const float *restrict gate,
                                        const float *restrict dy, float *restrict dx, float *restrict dgate,
                                        ptrdiff_t count) {
  UP_RELAXED
  for (ptrdiff_t i = 0; i < count; i++) {
    float s = up_sigmoidf(gate[i]);
    dx[i] = dy[i] * s;
    dgate[i] = dx[i] * x[i] * (1.0f - s);
  }
}

UP_CLONES void up_swiglu(const float *restrict gate_up, float *restrict y, ptrdiff_t rows,
                         ptrdiff_t width) {
  UP_RELAXED
  for (ptrdiff_t row = 0; row < rows; row++) {
    const float *g = gate_up + 2 * row * width, *u = g + width;
    float *o = y + row * width;
    for (ptrdiff_t i = 0; i < width; i++) o[i] = g[i] * up_sigmoidf(g[i]) * u[i];
  }
}

UP_CLONES void up_swiglu_backward(const float *restrict gate_up, const float *restrict dy,
                                  float *restrict d_gate_up, ptrdiff_t rows, ptrdiff_t width) {
  UP_RELAXED
  for (ptrdiff_t row = 0; row < rows; row++) {
    const float *g = gate_up + 2 * row * width, *u = g + width, *d = dy + row * width;
    float *dg = d_gate_up + 2 * row * width, *du = dg + width;
    for (ptrdiff_t i = 0; i < width; i++) {
      float s = up_sigmoidf(g[i]);
      dg[i] = d[i] * u[i] * s * (1.0f + g[i] * (1.0f - s));
      du[i] = d[i] * g[i] * s;
    }
  }
}

// tanh(u) = 2 sigmoid(2 u) - 1, so that GELU is x sigmoid(2 u) with u = sqrt(2/pi) (x + 0.044715 x^3).
static inline __attribute__((always_inline)) float gelu_sigmoid(float x) {
  return up_sigmoidf(1.5957691216f * (x + 0.044715f * x * x * x));
}

// dGELU/dx, with s = gelu_sigmoid(x).
static inline __attribute__((always_inline)) float gelu_slope(float x, float s) {
  return s + x * s * (1.0f - s) * 1.5957691216f * (1.0f + 0.134145f * x * x);
}

UP_CLONES void up_gelu(const float *restrict x, float *restrict y, ptrdiff_t count) {
  UP_RELAXED
  for (ptrdiff_t i = 0; i < count; i++) y[i] = x[i] * gelu_sigmoid(x[i]);
}

UP_CLONES void up_gelu_backward(const float *restrict x, const float *restrict dy, float *restrict dx,
                                ptrdiff_t count) {
  UP_RELAXED
  for (ptrdiff_t i = 0; i < count; i++) dx[i] = dy[i] * gelu_slope(x[i], gelu_sigmoid(x[i]));
}

UP_CLONES void up_geglu(const float *restrict gate_up, float *restrict y, ptrdiff_t rows,
                        ptrdiff_t width) {
  UP_RELAXED
  for (ptrdiff_t row = 0; row < rows; row++) {
    const float *g = gate_up + 2 * row * width, *u = g + width;
    float *o = y + row * width;
    for (ptrdiff_t i = 0; i < width; i++) o[i] = g[i] * gelu_sigmoid(g[i]) * u[i];
  }
}

UP_CLONES void up_geglu_backward(const float *restrict gate_up, const float *restrict dy,
                                 float *restrict d_gate_up, ptrdiff_t rows, ptrdiff_t width) {
  UP_RELAXED
  for (ptrdiff_t row = 0; row < rows; row++) {
    const float *g = gate_up + 2 * row * width, *u = g + width, *d = dy + row * width;
    float *dg = d_gate_up + 2 * row * width, *du = dg + width;
    for (ptrdiff_t i = 0; i < width; i++) {
      const float x = g[i], s = gelu_sigmoid(x);
      dg[i] = d[i] * u[i] * gelu_slope(x, s);
      du[i] = d[i] * x * s;
    }
  }
}

void up_soft_cap(float *x, ptrdiff_t count, float cap) {
  for (ptrdiff_t i = 0; i < count; i++) x[i] = cap * tanhf(x[i] / cap);
}

UP_CLONES void up_soft_cap_backward(const float *restrict capped, float *restrict dx, ptrdiff_t count,
                                    float cap) {
  for (ptrdiff_t i = 0; i < count; i++) dx[i] *= 1 - (capped[i] / cap) * (capped[i] / cap);
}

void up_copy_block(const float *from, ptrdiff_t from_stride, float *to, ptrdiff_t to_stride,
                   ptrdiff_t rows, ptrdiff_t width) {
  for (ptrdiff_t row = 0; row < rows; row++)
    memcpy(to + row * to_stride, from + row * from_stride, (size_t)width * sizeof(float));
}

UP_CLONES void up_add_block(const float *from, ptrdiff_t from_stride, float *to,
                            ptrdiff_t to_stride, ptrdiff_t rows, ptrdiff_t width) {
  for (ptrdiff_t row = 0; row < rows; row++) {
    const float *restrict f = from + row * from_stride;
    float *restrict t = to + row * to_stride;
    for (ptrdiff_t i = 0; i < width; i++) t[i] += f[i];
  }
}

UP_CLONES void up_add_bias(float *restrict out, const float *restrict bias, ptrdiff_t rows,
                           ptrdiff_t width) {
  for (ptrdiff_t row = 0; row < rows; row++)
    for (ptrdiff_t i = 0; i < width; i++) out[row * width + i] += bias[i];
}

UP_CLONES void up_column_sums(const float *restrict dy, float *restrict sums, ptrdiff_t rows,
                              ptrdiff_t width) {
  for (ptrdiff_t row = 0; row < rows; row++)
    for (ptrdiff_t i = 0; i < width; i++) sums[i] += dy[row * width + i];
}
