#include "StateSpace/dynamic_conv.h"

#include "../Elementwise/vector_math.h"
#include "../InstructionSet/clones.h"

// Channels at a time, whose sums stay on the stack.
enum { block = 64 };

// z[c] = sum_j w[c, j] x[t - (K - 1) + j, c] of row t, which is `x`.
static inline __attribute__((always_inline)) void sum_taps(const float *x, ptrdiff_t x_stride, ptrdiff_t t,
                                                           const float *history, ptrdiff_t history_stride,
                                                           const float *restrict w, float *restrict z, ptrdiff_t width,
                                                           ptrdiff_t K) {
  UP_RELAXED
  for (ptrdiff_t c = 0; c < width; c++) z[c] = 0;
  for (ptrdiff_t j = 0; j < K; j++) {
    const ptrdiff_t back = K - 1 - j;
    if (back > t && !history) continue;
    const float *restrict row = back > t ? history + (K - 1 + t - back) * history_stride : x - back * x_stride;
    for (ptrdiff_t c = 0; c < width; c++) z[c] += w[c * K + j] * row[c];
  }
}

UP_CLONES void up_dynamic_conv(const float *x, ptrdiff_t x_stride, const float *history, const float *w,
                               ptrdiff_t w_stride, float *y, ptrdiff_t y_stride, ptrdiff_t rows, ptrdiff_t width,
                               ptrdiff_t K) {
  UP_RELAXED
  for (ptrdiff_t t = 0; t < rows; t++) {
    float *restrict z = y + t * y_stride;
    sum_taps(x + t * x_stride, x_stride, t, history, width, w + t * w_stride, z, width, K);
    for (ptrdiff_t c = 0; c < width; c++) z[c] = z[c] * up_sigmoidf(z[c]);
  }
}

UP_CLONES void up_dynamic_conv_backward(const float *x, ptrdiff_t x_stride, const float *w, ptrdiff_t w_stride,
                                        const float *dy, ptrdiff_t dy_stride, float *dx, ptrdiff_t dx_stride,
                                        float *dw, ptrdiff_t rows, ptrdiff_t width, ptrdiff_t K) {
  UP_RELAXED
  float z[block];
  for (ptrdiff_t first = 0; first < width; first += block) {
    const ptrdiff_t count = width - first < block ? width - first : block;
    for (ptrdiff_t t = 0; t < rows; t++) {
      const float *restrict taps = w + t * w_stride + first * K, *restrict d = dy + t * dy_stride + first;
      float *restrict dtaps = dw + t * w_stride + first * K;
      sum_taps(x + t * x_stride + first, x_stride, t, NULL, 0, taps, z, count, K);
      for (ptrdiff_t c = 0; c < count; c++) {
        const float s = up_sigmoidf(z[c]);
        z[c] = d[c] * s * (1.0f + z[c] * (1.0f - s));
      }
      for (ptrdiff_t j = 0; j < K; j++) {
        const ptrdiff_t from = t - (K - 1) + j;
        if (from < 0) {
          for (ptrdiff_t c = 0; c < count; c++) dtaps[c * K + j] = 0;
          continue;
        }
        const float *restrict row = x + from * x_stride + first;
        float *restrict drow = dx + from * dx_stride + first;
        for (ptrdiff_t c = 0; c < count; c++) {
          dtaps[c * K + j] = z[c] * row[c];
          drow[c] += z[c] * taps[c * K + j];
        }
      }
    }
  }
}
