// Products with few rows with 128-bit vectors: NEON on aarch64, SSE2 on x86-64 machines without AVX2.
#include <string.h>

#include "few_rows_kernels.h"
#include "widen.h"

#pragma clang fp contract(fast)

#define TARGET
#define INLINE __attribute__((always_inline)) static inline

#define STREAMS 0
enum { LANES = 4, DOTS = 8, PREFETCHES = 0, PREFETCHED_BYTES = 4096 };
typedef float vec __attribute__((vector_size(16)));

INLINE vec fma_vec(vec x, vec y, vec sum) { return x * y + sum; }

INLINE vec load_first_float32(const float *at, ptrdiff_t count) {
  vec x = {0};
  memcpy(&x, at, (size_t)count * sizeof *at);
  return x;
}
INLINE vec load_first_bfloat16(const uint16_t *at, ptrdiff_t count) {
  vec x = {0};
  for (ptrdiff_t i = 0; i < count; i++) x[i] = widen_bfloat16(at[i]);
  return x;
}
INLINE vec load_first_float16(const uint16_t *at, ptrdiff_t count) {
  vec x = {0};
  for (ptrdiff_t i = 0; i < count; i++) x[i] = widen_float16(at[i]);
  return x;
}

INLINE vec load_first_int8(const int8_t *at, ptrdiff_t count) {
  vec x = {0};
  for (ptrdiff_t i = 0; i < count; i++) x[i] = at[i];
  return x;
}

INLINE vec load_float32(const float *at) { return load_first_float32(at, LANES); }
INLINE vec load_bfloat16(const uint16_t *at) { return load_first_bfloat16(at, LANES); }
INLINE vec load_float16(const uint16_t *at) { return load_first_float16(at, LANES); }
INLINE vec load_int8(const int8_t *at) { return load_first_int8(at, LANES); }

INLINE void sums_of_lanes(const vec v[8], float sums[8]) {
  UNROLL for (int i = 0; i < 8; i++) sums[i] = (v[i][0] + v[i][1]) + (v[i][2] + v[i][3]);
}

INLINE void store_results(float *c, const float *sums, ptrdiff_t count, float alpha, float beta) {
  for (ptrdiff_t j = 0; j < count; j++) c[j] = beta == 0 ? alpha * sums[j] : alpha * sums[j] + beta * c[j];
}

#include "few_rows_types.h"

const few_rows_kernel up_few_rows_portable[4] = FEW_ROWS_KERNELS;
