#pragma once
#include <stdint.h>
#include <string.h>

/// bfloat16 is the upper half of a float32.
static inline __attribute__((always_inline)) float widen_bfloat16(uint16_t bits) {
  const uint32_t wide = (uint32_t)bits << 16;
  float x;
  memcpy(&x, &wide, 4);
  return x;
}

/// IEEE half precision, exactly: 2^112 moves the exponent's bias from 15 to 127 and normalises what is subnormal.
static inline __attribute__((always_inline)) float widen_float16(uint16_t bits) {
  const uint32_t sign = (uint32_t)(bits & 0x8000) << 16, magnitude = (uint32_t)(bits & 0x7fff) << 13;
  float x;
  memcpy(&x, &magnitude, 4);
  x *= 0x1p112f;
  uint32_t wide;
  memcpy(&wide, &x, 4);
  wide = sign | (magnitude >= 0x0f800000 ? magnitude | 0x70000000 : wide);  // infinity and NaN
  memcpy(&x, &wide, 4);
  return x;
}
