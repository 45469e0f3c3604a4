#include "include/causal_conv.h"

#include "clones.h"
#include "vector_math.h"

// Adds tap * row to z.
static inline __attribute__((always_inline)) void add_tap(const float *restrict tap, const float *restrict row,
                                                          float *restrict z, ptrdiff_t width) {
  for (ptrdiff_t c = 0; c < width; c++) z[c] += tap[c] * row[c];
}

UP_CLONES void up_causal_conv(const float *x, ptrdiff_t x_stride, const float *history, const float *w,
                              const float *bias, float *y, ptrdiff_t y_stride, ptrdiff_t rows,
                              ptrdiff_t width, ptrdiff_t K) {
  UP_RELAXED
  for (ptrdiff_t t = 0; t < rows; t++) {
    float *restrict z = y + t * y_stride;
    for (ptrdiff_t c = 0; c < width; c++) z[c] = bias ? bias[c] : 0;
    for (ptrdiff_t j = 0; j < K; j++) {
      const ptrdiff_t from = t - (K - 1) + j;
      if (from >= 0) {
        add_tap(w + j * width, x + from * x_stride, z, width);
      } else if (history) {
        add_tap(w + j * width, history + (K - 1 + from) * width, z, width);
      }
    }
    for (ptrdiff_t c = 0; c < width; c++) z[c] = z[c] * up_sigmoidf(z[c]);
  }
}

UP_CLONES void up_causal_conv_backward(const float *x, ptrdiff_t x_stride, const float *w,
                                       ptrdiff_t w_stride, const float *bias, const float *dy,
                                       ptrdiff_t dy_stride, float *dx, ptrdiff_t dx_stride, float *dw,
                                       ptrdiff_t dw_stride, float *dbias, float *scratch,
                                       ptrdiff_t rows, ptrdiff_t width, ptrdiff_t K) {
  UP_RELAXED
  for (ptrdiff_t t = 0; t < rows; t++) {
    float *restrict z = scratch;
    const float *restrict d = dy + t * dy_stride;
    for (ptrdiff_t c = 0; c < width; c++) z[c] = bias ? bias[c] : 0;
    for (ptrdiff_t j = 0; j < K; j++) {
      const ptrdiff_t from = t - (K - 1) + j;
      if (from >= 0) add_tap(w + j * w_stride, x + from * x_stride, z, width);
    }
    for (ptrdiff_t c = 0; c < width; c++) {
      float s = up_sigmoidf(z[c]);
      z[c] = d[c] * s * (1.0f + z[c] * (1.0f - s));
      dbias[c] += z[c];
    }
    for (ptrdiff_t j = 0; j < K; j++) {
      const ptrdiff_t from = t - (K - 1) + j;
      if (from < 0) continue;
      add_tap(x + from * x_stride, z, dw + j * dw_stride, width);
      add_tap(w + j * w_stride, z, dx + from * dx_stride, width);
    }
  }
}
