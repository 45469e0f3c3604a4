#include "Elementwise/rms_norm.h"

#include <math.h>

#include "../InstructionSet/clones.h"

UP_CLONES void up_rms_norm(const float *restrict x, const float *restrict w, float *restrict y,
                           float *inverse, ptrdiff_t rows, ptrdiff_t width, float eps) {
  UP_RELAXED
  for (ptrdiff_t row = 0; row < rows; row++, x += width, y += width) {
    float sum = 0;
    for (ptrdiff_t i = 0; i < width; i++) sum += x[i] * x[i];
    float scale = 1.0f / sqrtf(sum / (float)width + eps);
    if (inverse) inverse[row] = scale;
    if (w) {
      for (ptrdiff_t i = 0; i < width; i++) y[i] = x[i] * scale * w[i];
    } else {
      for (ptrdiff_t i = 0; i < width; i++) y[i] = x[i] * scale;
    }
  }
}

UP_CLONES void up_rms_norm_backward(const float *restrict x, const float *restrict w,
                                    const float *restrict inverse, const float *restrict dy,
                                    float *restrict dx, float *restrict dw, ptrdiff_t rows,
                                    ptrdiff_t width, int add) {
  UP_RELAXED
  for (ptrdiff_t row = 0; row < rows; row++, x += width, dy += width, dx += width) {
    float scale = inverse[row], dot = 0;
    for (ptrdiff_t i = 0; i < width; i++) dot += dy[i] * (w ? w[i] : 1.0f) * x[i];
    float pull = dot * scale * scale * scale / (float)width;
    if (add) {
      for (ptrdiff_t i = 0; i < width; i++)
        dx[i] += dy[i] * (w ? w[i] : 1.0f) * scale - x[i] * pull;
    } else {
      for (ptrdiff_t i = 0; i < width; i++)
        dx[i] = dy[i] * (w ? w[i] : 1.0f) * scale - x[i] * pull;
    }
    if (dw)
      for (ptrdiff_t i = 0; i < width; i++) dw[i] += dy[i] * x[i] * scale;
  }
}
