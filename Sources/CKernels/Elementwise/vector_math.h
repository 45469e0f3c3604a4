#pragma once
#include <stdint.h>
#include <string.h>

// e^x by 2^n * p(r), |r| <= ln2/2, degree-6 minimax-like polynomial; relative error below 2e-7.
// Inputs are clamped to [-87.3, 88.7]: no infinities, no denormals; x = -inf gives about 1e-38.
static inline __attribute__((always_inline)) float up_expf(float x) {
  x = x < -87.3f ? -87.3f : x;
  x = x > 88.7f ? 88.7f : x;
  float n = __builtin_rintf(x * 1.44269504088896341f);
  float r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  int32_t bits = ((int32_t)n + 127) << 23;
  float scale;
  memcpy(&scale, &bits, 4);
  return p * scale;
}

static inline __attribute__((always_inline)) float up_sigmoidf(float x) {
  return 1.0f / (1.0f + up_expf(-x));
}

// Sixteen floats at once, for loops that keep them in registers; passed by pointer, since how a vector is passed depends
// on the processor a clone is for.
typedef float up_float16 __attribute__((vector_size(64), aligned(4)));
typedef int32_t up_int16 __attribute__((vector_size(64)));

// The same sums as up_sigmoidf.
static inline __attribute__((always_inline)) void up_sigmoid16(const up_float16 *z, up_float16 *s) {
  up_float16 x = __builtin_elementwise_max(-*z, (up_float16){} - 87.3f);
  x = __builtin_elementwise_min(x, (up_float16){} + 88.7f);
  const up_float16 n = __builtin_elementwise_rint(x * 1.44269504088896341f);
  const up_float16 r = x - n * 0.693359375f - n * -2.12194440e-4f;
  up_float16 p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const up_int16 bits = (__builtin_convertvector(n, up_int16) + 127) << 23;
  *s = 1.0f / (1.0f + p * (up_float16)bits);
}
