// Copies blocks of A and B into the order in which the register tile reads them.
#include "gemm_internal.h"

#if defined(__x86_64__)

/// Transposes a 16 x 16 block held in registers: v[i] lane j <-> v[j] lane i.
GEMM_TARGET __attribute__((always_inline)) static inline void transpose16(__m512 v[16]) {
  __m512 t[16];
#pragma clang loop unroll(full)
  for (int i = 0; i < 16; i += 2) {  // pairs of rows
    t[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 16; i += 4) {  // 4 x 4 blocks within each 128-bit quarter
    v[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
    v[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xee);
    v[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    v[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {  // quarters: v[i + 4 g] quarter q -> v[i + 4 q] quarter g
    const __m512 even01 = _mm512_shuffle_f32x4(v[i], v[i + 4], 0x88);
    const __m512 odd01 = _mm512_shuffle_f32x4(v[i], v[i + 4], 0xdd);
    const __m512 even23 = _mm512_shuffle_f32x4(v[i + 8], v[i + 12], 0x88);
    const __m512 odd23 = _mm512_shuffle_f32x4(v[i + 8], v[i + 12], 0xdd);
    v[i] = _mm512_shuffle_f32x4(even01, even23, 0x88);
    v[i + 4] = _mm512_shuffle_f32x4(odd01, odd23, 0x88);
    v[i + 8] = _mm512_shuffle_f32x4(even01, even23, 0xdd);
    v[i + 12] = _mm512_shuffle_f32x4(odd01, odd23, 0xdd);
  }
}

GEMM_TARGET void gemm_pack_transposed(const float *src, ptrdiff_t ld, ptrdiff_t rows, ptrdiff_t k,
                                      float *dst, ptrdiff_t step) {
  for (ptrdiff_t p = 0; p < k; p += gemm_lanes) {
    const __mmask16 mask = gemm_lane_mask(k - p);
    __m512 v[16];
#pragma clang loop unroll(full)
    for (int r = 0; r < 16; r++)  // a masked-out lane is never read
      v[r] = _mm512_maskz_loadu_ps(r < rows ? mask : 0, src + (r < rows ? r : 0) * ld + p);
    transpose16(v);
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i++) _mm512_storeu_ps(dst + (p + i) * step, v[i]);
  }
}

GEMM_TARGET void gemm_pack_copied(const float *src, ptrdiff_t ld, ptrdiff_t cols, ptrdiff_t k,
                                  float *dst, ptrdiff_t step) {
  const __mmask16 mask = gemm_lane_mask(cols);
  for (ptrdiff_t p = 0; p < k; p++)
    _mm512_storeu_ps(dst + p * step, _mm512_maskz_loadu_ps(mask, src + p * ld));
}
#endif
