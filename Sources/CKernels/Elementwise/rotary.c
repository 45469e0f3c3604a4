#include "Elementwise/rotary.h"

#include "../InstructionSet/clones.h"

UP_CLONES void up_rotary(float *x, ptrdiff_t rows, ptrdiff_t row_stride, ptrdiff_t heads,
                         ptrdiff_t head_stride, ptrdiff_t dim, const float *cosine,
                         const float *sine, const int32_t *positions, bool interleaved,
                         bool inverse) {
  UP_RELAXED
  ptrdiff_t half = dim / 2;
  float sign = inverse ? -1.0f : 1.0f;
  for (ptrdiff_t row = 0; row < rows; row++) {
    const float *c = cosine + (ptrdiff_t)positions[row] * half;
    const float *s = sine + (ptrdiff_t)positions[row] * half;
    for (ptrdiff_t head = 0; head < heads; head++) {
      float *restrict p = x + row * row_stride + head * head_stride;
      if (interleaved) {
        for (ptrdiff_t j = 0; j < half; j++) {
          float a = p[2 * j], b = p[2 * j + 1], si = sign * s[j];
          p[2 * j] = a * c[j] - b * si;
          p[2 * j + 1] = b * c[j] + a * si;
        }
      } else {
        for (ptrdiff_t j = 0; j < half; j++) {
          float a = p[j], b = p[j + half], si = sign * s[j];
          p[j] = a * c[j] - b * si;
          p[j + half] = b * c[j] + a * si;
        }
      }
    }
  }
}
