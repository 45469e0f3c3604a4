// Products with few rows for x86-64-v3 machines.
#include "few_rows_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#define TARGET __attribute__((target("avx2,fma,f16c")))
#define INLINE TARGET __attribute__((always_inline)) static inline

// Where a row of weights is shorter than a page, the rows that are read side by side share one, which Zen 3's own
// prefetching does not follow (half the speed at rows of 512 bytes): what lies a page ahead is asked for.
#define STREAMS 0
enum { LANES = 8, DOTS = 8, PREFETCHES = 1, PREFETCHED_BYTES = 4096 };
typedef __m256 vec;

INLINE vec fma_vec(vec x, vec y, vec sum) { return _mm256_fmadd_ps(x, y, sum); }

INLINE vec widen_bfloat16(__m128i x) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16));
}

INLINE vec load_float32(const float *at) { return _mm256_loadu_ps(at); }
INLINE vec load_bfloat16(const uint16_t *at) { return widen_bfloat16(_mm_loadu_si128((const __m128i *)at)); }
INLINE vec load_float16(const uint16_t *at) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)at)); }

/// The first `count` of eight, then zeros.
INLINE __m128i load_first(const uint16_t *at, ptrdiff_t count) {
  __m128i x = _mm_setzero_si128();
  memcpy(&x, at, (size_t)count * sizeof *at);
  return x;
}

INLINE vec load_first_float32(const float *at, ptrdiff_t count) {
  vec x = _mm256_setzero_ps();
  memcpy(&x, at, (size_t)count * sizeof *at);
  return x;
}
INLINE vec load_first_bfloat16(const uint16_t *at, ptrdiff_t count) { return widen_bfloat16(load_first(at, count)); }
INLINE vec load_first_float16(const uint16_t *at, ptrdiff_t count) { return _mm256_cvtph_ps(load_first(at, count)); }

INLINE vec widen_int8(__m128i x) { return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(x)); }
INLINE vec load_int8(const int8_t *at) { return widen_int8(_mm_loadl_epi64((const __m128i *)at)); }
INLINE vec load_first_int8(const int8_t *at, ptrdiff_t count) {
  __m128i x = _mm_setzero_si128();
  memcpy(&x, at, (size_t)count);
  return widen_int8(x);
}

/// Every v[i] is summed in the same order.
INLINE void sums_of_lanes(vec v[8], float sums[8]) {
  UNROLL for (int i = 0; i < 8; i += 2) v[i] = _mm256_hadd_ps(v[i], v[i + 1]);
  UNROLL for (int i = 0; i < 8; i += 4) v[i] = _mm256_hadd_ps(v[i], v[i + 2]);
  // Both halves hold sums of v[0...3] and v[4...7].
  _mm256_storeu_ps(
      sums, _mm256_add_ps(_mm256_permute2f128_ps(v[0], v[4], 0x20), _mm256_permute2f128_ps(v[0], v[4], 0x31)));
}

INLINE void store_results(float *c, const float *sums, ptrdiff_t count, float alpha, float beta) {
  for (ptrdiff_t j = 0; j < count; j++) c[j] = beta == 0 ? alpha * sums[j] : alpha * sums[j] + beta * c[j];
}

#include "few_rows_types.h"

const few_rows_kernel up_few_rows_avx2[4] = FEW_ROWS_KERNELS;
#endif
