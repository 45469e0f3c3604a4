#include "few_rows_kernels.h"

#include <math.h>
#include <string.h>

#include "../InstructionSet/clones.h"
#include "Elementwise/elementwise.h"
#include "InstructionSet/instruction_set.h"
#include "widen.h"

static few_rows_kernel kernel(up_element element) {
#if defined(__x86_64__)
  switch (up_chosen_instruction_set()) {
    case up_avx512: return up_few_rows_avx512[element];
    case up_avx2: return up_few_rows_avx2[element];
    case up_portable: break;
  }
#endif
  return up_few_rows_portable[element];
}

void up_few_rows(up_element element, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t lda,
                 const void *w, ptrdiff_t ldw, float *c, ptrdiff_t ldc) {
  kernel(element)(m, n, k, 1, a, lda, w, ldw, 0, c, ldc);
}

UP_CLONES void up_quantize_rows(const float *restrict from, ptrdiff_t rows, ptrdiff_t width, int8_t *restrict to,
                                float *restrict scales) {
  for (ptrdiff_t row = 0; row < rows; row++, from += width, to += width) {
    // Of magnitudes, bit patterns are in the order of the numbers, NaN and infinity above all.
    uint32_t largest = 0;
    for (ptrdiff_t i = 0; i < width; i++) {
      uint32_t bits;
      memcpy(&bits, from + i, 4);
      bits &= 0x7fffffff;
      largest = bits > largest ? bits : largest;
    }
    float most;
    memcpy(&most, &largest, 4);
    scales[row] = largest >= 0x7f800000 ? NAN : most / 127;
    const float inverse = scales[row] > 0 ? 1 / scales[row] : 0;
    for (ptrdiff_t i = 0; i < width; i++) {
      const float whole = nearbyintf(from[i] * inverse);
      to[i] = (int8_t)(whole > 127 ? 127 : whole < -127 ? -127 : whole);
    }
  }
}

/// Entries all of whose bits in `exponent` are set.
UP_CLONES static ptrdiff_t count_full_exponents(const uint16_t *x, uint16_t exponent, ptrdiff_t count) {
  ptrdiff_t found = 0;
  for (ptrdiff_t i = 0; i < count; i++) found += (x[i] & exponent) == exponent;
  return found;
}

ptrdiff_t up_count_nonfinite_weights(up_element element, const void *weights, ptrdiff_t count) {
  switch (element) {
    case up_float32: return up_count_nonfinite(weights, count);
    case up_bfloat16: return count_full_exponents(weights, 0x7f80, count);
    case up_float16: return count_full_exponents(weights, 0x7c00, count);
    case up_int8: return 0;
  }
}

UP_CLONES static void widen_bfloat16s(const uint16_t *restrict from, float *restrict to, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i++) to[i] = widen_bfloat16(from[i]);
}

UP_CLONES static void widen_float16s(const uint16_t *restrict from, float *restrict to, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i++) to[i] = widen_float16(from[i]);
}

UP_CLONES static void widen_int8s(const int8_t *restrict from, float *restrict to, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i++) to[i] = from[i];
}

void up_widen(up_element element, const void *from, float *to, ptrdiff_t count) {
  switch (element) {
    case up_float32: memcpy(to, from, (size_t)count * sizeof(float)); break;
    case up_bfloat16: widen_bfloat16s(from, to, count); break;
    case up_float16: widen_float16s(from, to, count); break;
    case up_int8: widen_int8s(from, to, count); break;
  }
}
