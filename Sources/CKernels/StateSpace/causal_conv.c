#include "StateSpace/causal_conv.h"

#include "../InstructionSet/clones.h"
#include "../Elementwise/vector_math.h"

// Adds tap * row to z.
static inline __attribute__((always_inline)) void add_tap(const float *restrict tap, const float *restrict row,
                                                          float *restrict z, ptrdiff_t width) {
  for (ptrdiff_t c = 0; c < width; c++) z[c] += tap[c] * row[c];
}

#define VECTOR(p) (*(up_float16 *)(p))
// Rows lie pages apart, where no hardware looks ahead: lines are asked for `ahead` rows early.
enum { lanes = 16, ahead = 8 };
#define EXPECT(p, written) __builtin_prefetch(p, written), __builtin_prefetch((p) + lanes - 1, written)

// Four taps of sixteen channels: the window of rows stays in registers.
static inline __attribute__((always_inline)) void four_taps(const float *x, ptrdiff_t x_stride, const float *history,
                                                            const float *w, ptrdiff_t w_stride,
                                                            const float *bias, float *y, ptrdiff_t y_stride,
                                                            ptrdiff_t rows) {
  UP_RELAXED
  const up_float16 w0 = VECTOR(w), w1 = VECTOR(w + w_stride), w2 = VECTOR(w + 2 * w_stride), w3 = VECTOR(w + 3 * w_stride);
  up_float16 start = {}, x0 = {}, x1 = {}, x2 = {};
  if (bias) start = VECTOR(bias);
  if (history) x0 = VECTOR(history), x1 = VECTOR(history + w_stride), x2 = VECTOR(history + 2 * w_stride);
  for (ptrdiff_t t = 0; t < rows; t++) {
    EXPECT(x + (t + ahead) * x_stride, 0);
    EXPECT(y + (t + ahead) * y_stride, 1);
    const up_float16 x3 = VECTOR(x + t * x_stride);
    const up_float16 z = start + w0 * x0 + w1 * x1 + w2 * x2 + w3 * x3;
    up_float16 s;
    up_sigmoid16(&z, &s);
    VECTOR(y + t * y_stride) = z * s;
    x0 = x1, x1 = x2, x2 = x3;
  }
}

// The same for the gradients: d0, d1 and d2 are those of the last three rows, not yet complete.
static inline __attribute__((always_inline)) void four_taps_backward(const float *x, ptrdiff_t x_stride, const float *w,
                                                                     ptrdiff_t w_stride, const float *bias,
                                                                     const float *dy, ptrdiff_t dy_stride, float *dx,
                                                                     ptrdiff_t dx_stride, float *dw, ptrdiff_t dw_stride,
                                                                     float *dbias, ptrdiff_t rows) {
  UP_RELAXED
  const up_float16 w0 = VECTOR(w), w1 = VECTOR(w + w_stride), w2 = VECTOR(w + 2 * w_stride), w3 = VECTOR(w + 3 * w_stride);
  up_float16 start = {}, x0 = {}, x1 = {}, x2 = {}, d0 = {}, d1 = {}, d2 = {}, g0 = {}, g1 = {}, g2 = {}, g3 = {}, g = {};
  if (bias) start = VECTOR(bias);
  for (ptrdiff_t t = 0; t < rows; t++) {
    EXPECT(x + (t + ahead) * x_stride, 0);
    EXPECT(dy + (t + ahead) * dy_stride, 0);
    EXPECT(dx + (t + ahead) * dx_stride, 1);
    const up_float16 x3 = VECTOR(x + t * x_stride);
    up_float16 z = start + w0 * x0 + w1 * x1 + w2 * x2 + w3 * x3, s;
    up_sigmoid16(&z, &s);
    z = VECTOR(dy + t * dy_stride) * s * (1.0f + z * (1.0f - s));
    g += z, g0 += x0 * z, g1 += x1 * z, g2 += x2 * z, g3 += x3 * z;
    if (t >= 3) VECTOR(dx + (t - 3) * dx_stride) += d0 + w0 * z;
    d0 = d1 + w1 * z, d1 = d2 + w2 * z, d2 = w3 * z;
    x0 = x1, x1 = x2, x2 = x3;
  }
  if (rows >= 3) VECTOR(dx + (rows - 3) * dx_stride) += d0;
  if (rows >= 2) VECTOR(dx + (rows - 2) * dx_stride) += d1;
  if (rows >= 1) VECTOR(dx + (rows - 1) * dx_stride) += d2;
  VECTOR(dw) += g0, VECTOR(dw + dw_stride) += g1, VECTOR(dw + 2 * dw_stride) += g2, VECTOR(dw + 3 * dw_stride) += g3;
  VECTOR(dbias) += g;
}

UP_CLONES void up_causal_conv(const float *x, ptrdiff_t x_stride, const float *history, const float *w,
                              ptrdiff_t w_stride, const float *bias, float *y, ptrdiff_t y_stride, ptrdiff_t rows,
                              ptrdiff_t width, ptrdiff_t K) {
  UP_RELAXED
  ptrdiff_t done = 0;
  for (; K == 4 && done + lanes <= width; done += lanes) {
    four_taps(x + done, x_stride, history ? history + done : NULL, w + done, w_stride, bias ? bias + done : NULL,
              y + done, y_stride, rows);
  }
  for (ptrdiff_t t = 0; done < width && t < rows; t++) {
    const ptrdiff_t rest = width - done;
    float *restrict z = y + t * y_stride + done;
    for (ptrdiff_t c = 0; c < rest; c++) z[c] = bias ? bias[done + c] : 0;
    for (ptrdiff_t j = 0; j < K; j++) {
      const ptrdiff_t from = t - (K - 1) + j;
      if (from >= 0) {
        add_tap(w + j * w_stride + done, x + from * x_stride + done, z, rest);
      } else if (history) {
        add_tap(w + j * w_stride + done, history + (K - 1 + from) * w_stride + done, z, rest);
      }
    }
    for (ptrdiff_t c = 0; c < rest; c++) z[c] = z[c] * up_sigmoidf(z[c]);
  }
}

UP_CLONES void up_causal_conv_backward(const float *x, ptrdiff_t x_stride, const float *w,
                                       ptrdiff_t w_stride, const float *bias, const float *dy,
                                       ptrdiff_t dy_stride, float *dx, ptrdiff_t dx_stride, float *dw,
                                       ptrdiff_t dw_stride, float *dbias, float *scratch,
                                       ptrdiff_t rows, ptrdiff_t width, ptrdiff_t K) {
  UP_RELAXED
  ptrdiff_t done = 0;
  for (; K == 4 && done + lanes <= width; done += lanes) {
    four_taps_backward(x + done, x_stride, w + done, w_stride, bias ? bias + done : NULL, dy + done, dy_stride, dx + done,
                       dx_stride, dw + done, dw_stride, dbias + done, rows);
  }
  x += done, w += done, dy += done, dx += done, dw += done, dbias += done, width -= done;
  if (bias) bias += done;
  for (ptrdiff_t t = 0; width > 0 && t < rows; t++) {
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
