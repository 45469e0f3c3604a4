#include "few_rows_kernels.h"

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
  }
}

UP_CLONES static void widen_bfloat16s(const uint16_t *restrict from, float *restrict to, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i++) to[i] = widen_bfloat16(from[i]);
}

UP_CLONES static void widen_float16s(const uint16_t *restrict from, float *restrict to, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i++) to[i] = widen_float16(from[i]);
}

void up_widen(up_element element, const void *from, float *to, ptrdiff_t count) {
  switch (element) {
    case up_float32: memcpy(to, from, (size_t)count * sizeof(float)); break;
    case up_bfloat16: widen_bfloat16s(from, to, count); break;
    case up_float16: widen_float16s(from, to, count); break;
  }
}
