#include "StateSpace/gated_norm.h"

#include <math.h>

#include "../InstructionSet/clones.h"
#include "../Elementwise/vector_math.h"

UP_CLONES void up_gate_then_norm(const float *restrict y, const float *restrict z, ptrdiff_t z_stride,
                             const float *restrict w, float *restrict out, float *restrict inverse,
                             ptrdiff_t rows, ptrdiff_t width, ptrdiff_t group, float eps) {
  UP_RELAXED
  for (ptrdiff_t row = 0; row < rows; row++, y += width, z += z_stride, out += width) {
    for (ptrdiff_t start = 0; start < width; start += group) {
      float sum = 0;
      for (ptrdiff_t i = start; i < start + group; i++) {
        float u = y[i] * z[i] * up_sigmoidf(z[i]);
        out[i] = u;
        sum += u * u;
      }
      const float scale = 1.0f / sqrtf(sum / (float)group + eps);
      if (inverse) *inverse++ = scale;
      for (ptrdiff_t i = start; i < start + group; i++) out[i] *= scale * w[i];
    }
  }
}

UP_CLONES void up_gate_then_norm_backward(const float *restrict y, const float *restrict z,
                                      ptrdiff_t z_stride, const float *restrict w,
                                      const float *restrict inverse, const float *restrict dout,
                                      float *restrict dy, float *restrict dz, ptrdiff_t dz_stride,
                                      float *restrict dw, ptrdiff_t rows, ptrdiff_t width,
                                      ptrdiff_t group) {
  UP_RELAXED
  for (ptrdiff_t row = 0; row < rows; row++, y += width, z += z_stride, dout += width, dy += width, dz += dz_stride) {
    for (ptrdiff_t start = 0; start < width; start += group) {
      const float scale = *inverse++;
      float dot = 0;
      for (ptrdiff_t i = start; i < start + group; i++) {
        float u = y[i] * z[i] * up_sigmoidf(z[i]);
        dot += dout[i] * w[i] * u;
        dw[i] += dout[i] * u * scale;
      }
      const float pull = dot * scale * scale * scale / (float)group;
      for (ptrdiff_t i = start; i < start + group; i++) {
        float s = up_sigmoidf(z[i]), gate = z[i] * s;
        float du = dout[i] * w[i] * scale - y[i] * gate * pull;
        dy[i] = du * gate;
        dz[i] += du * y[i] * s * (1.0f + z[i] * (1.0f - s));
      }
    }
  }
}

UP_CLONES void up_norm_then_gate(const float *restrict y, const float *restrict z, ptrdiff_t z_stride,
                             const float *restrict w, float *restrict out, float *restrict inverse, ptrdiff_t rows,
                             ptrdiff_t width, ptrdiff_t group, float eps) {
  UP_RELAXED
  for (ptrdiff_t row = 0; row < rows; row++, z += z_stride) {
    const float *restrict gate = z;
    for (ptrdiff_t start = 0; start < width; start += group, y += group, gate += group, out += group) {
      float sum = 0;
      for (ptrdiff_t i = 0; i < group; i++) sum += y[i] * y[i];
      const float scale = 1.0f / sqrtf(sum / (float)group + eps);
      if (inverse) *inverse++ = scale;
      for (ptrdiff_t i = 0; i < group; i++) out[i] = y[i] * scale * w[i] * gate[i] * up_sigmoidf(gate[i]);
    }
  }
}

UP_CLONES void up_norm_then_gate_backward(const float *restrict y, const float *restrict z, ptrdiff_t z_stride,
                                      const float *restrict w, const float *restrict inverse,
                                      const float *restrict dout, float *restrict dy, float *restrict dz,
                                      ptrdiff_t dz_stride, float *restrict dw, ptrdiff_t rows, ptrdiff_t width,
                                      ptrdiff_t group) {
  UP_RELAXED
  for (ptrdiff_t row = 0; row < rows; row++, z += z_stride, dz += dz_stride) {
    for (ptrdiff_t start = 0; start < width; start += group, y += group, dout += group, dy += group) {
      const float *restrict gate = z + start;
      float *restrict dgate = dz + start;
      const float scale = *inverse++;
      float dot = 0;
      for (ptrdiff_t i = 0; i < group; i++) {
        const float s = up_sigmoidf(gate[i]), open = gate[i] * s, normed = y[i] * scale;
        dgate[i] += dout[i] * w[i] * normed * s * (1.0f + gate[i] * (1.0f - s));
        dw[i] += dout[i] * open * normed;
        dy[i] = dout[i] * w[i] * open;
        dot += dy[i] * normed;
      }
      const float pull = dot / (float)group;
      for (ptrdiff_t i = 0; i < group; i++) dy[i] = scale * (dy[i] - y[i] * scale * pull);
    }
  }
}
