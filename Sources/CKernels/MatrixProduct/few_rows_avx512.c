// Products with few rows for x86-64-v4 machines.
#include "few_rows_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl")))
#define INLINE TARGET __attribute__((always_inline)) static inline

#define STREAMS 4
enum { LANES = 16, DOTS = 16, PREFETCHES = 0, PREFETCHED_BYTES = 4096 };
typedef __m512 vec;

INLINE vec fma_vec(vec x, vec y, vec sum) { return _mm512_fmadd_ps(x, y, sum); }

/// Mask of the first `count` of 16 lanes.
static inline __mmask16 first_lanes(ptrdiff_t count) {
  return count >= LANES ? 0xffff : (__mmask16)((1u << count) - 1);
}

INLINE vec widen_bfloat16(__m256i x) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}

INLINE vec load_float32(const float *at) { return _mm512_loadu_ps(at); }
INLINE vec load_bfloat16(const uint16_t *at) { return widen_bfloat16(_mm256_loadu_si256((const __m256i *)at)); }
INLINE vec load_float16(const uint16_t *at) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)at)); }

INLINE vec load_first_float32(const float *at, ptrdiff_t count) {
  return _mm512_maskz_loadu_ps(first_lanes(count), at);
}
INLINE vec load_first_bfloat16(const uint16_t *at, ptrdiff_t count) {
  return widen_bfloat16(_mm256_maskz_loadu_epi16(first_lanes(count), at));
}
INLINE vec load_first_float16(const uint16_t *at, ptrdiff_t count) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first_lanes(count), at));
}

INLINE vec widen_int8(__m128i x) { return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(x)); }
INLINE vec load_int8(const int8_t *at) { return widen_int8(_mm_loadu_si128((const __m128i *)at)); }
INLINE vec load_first_int8(const int8_t *at, ptrdiff_t count) {
  return widen_int8(_mm_maskz_loadu_epi8(first_lanes(count), at));
}

/// Every v[i] is summed in the same order.
INLINE void sums_of_lanes(vec v[16], float sums[16]) {
  UNROLL for (int i = 0; i < 16; i += 2)  // pairs of lanes
    v[i] = _mm512_add_ps(_mm512_unpacklo_ps(v[i], v[i + 1]), _mm512_unpackhi_ps(v[i], v[i + 1]));
  UNROLL for (int i = 0; i < 16; i += 4)  // quarters: lanes now hold v[i], v[i+1], v[i+2], v[i+3]
    v[i] = _mm512_add_ps(_mm512_shuffle_ps(v[i], v[i + 2], 0x44), _mm512_shuffle_ps(v[i], v[i + 2], 0xee));
  UNROLL for (int i = 0; i < 16; i += 8)
    v[i] = _mm512_add_ps(_mm512_shuffle_f32x4(v[i], v[i + 4], 0x88), _mm512_shuffle_f32x4(v[i], v[i + 4], 0xdd));
  _mm512_storeu_ps(sums, _mm512_add_ps(_mm512_shuffle_f32x4(v[0], v[8], 0x88), _mm512_shuffle_f32x4(v[0], v[8], 0xdd)));
}

INLINE void store_results(float *c, const float *sums, ptrdiff_t count, float alpha, float beta) {
  const __mmask16 own = first_lanes(count);
  vec value = _mm512_mul_ps(_mm512_set1_ps(alpha), _mm512_maskz_loadu_ps(own, sums));
  if (beta != 0) value = _mm512_fmadd_ps(_mm512_set1_ps(beta), _mm512_maskz_loadu_ps(own, c), value);
  _mm512_mask_storeu_ps(c, own, value);
}

#include "few_rows_types.h"

const few_rows_kernel up_few_rows_avx512[4] = FEW_ROWS_KERNELS;
#endif
