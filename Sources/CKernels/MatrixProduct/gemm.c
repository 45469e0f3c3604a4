// up_sgemm: the tiled product in float32, and which products take another form.
#include "MatrixProduct/gemm.h"

#include <stdlib.h>

#include "InstructionSet/instruction_set.h"
#include "avx512.h"

bool up_sgemm_available(void) { return up_chosen_instruction_set() == up_avx512; }

#if defined(__x86_64__)
#include "few_rows_kernels.h"

#define real float
#define vec __m512
#define mask __mmask16
#define V(operation) _mm512_##operation##_ps
#define sum_part(k) even_part(k, block_k, 8)

enum {
  lanes = 16,
  /// A panel of A (16 x block_k, 24 KB) is half of L1; the packed B (block_k x block_n, 768 KB) fits an L2 of 1 MB.
  block_k = 384,
  /// Up to this many rows a transposed B is used by dot products instead of being transposed.
  dot_rows = 24,
  /// Up to this many columns as well: they would leave most of a register tile empty.
  dot_cols = 16,
};

/// v[i] lane j <-> v[j] lane i.
AVX512 __attribute__((always_inline)) static inline void transpose(__m512 v[16]) {
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

AVX512 __attribute__((always_inline)) static inline vec load_stored(const up_element element, mask inside,
                                                                    const void *from, ptrdiff_t i) {
  switch (element) {
    case up_bfloat16: {
      const __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(inside, (const uint16_t *)from + i));
      return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
    }
    case up_float16: return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(inside, (const uint16_t *)from + i));
    case up_int8: return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(inside, (const int8_t *)from + i)));
    case up_float32: return _mm512_maskz_loadu_ps(inside, (const float *)from + i);
  }
}

#include "gemm_tiled.h"

void up_sgemm(bool trans_a, bool trans_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, float alpha,
              const float *a, ptrdiff_t lda, const float *b, ptrdiff_t ldb, float beta, float *c,
              ptrdiff_t ldc) {
  const bool is_small = m <= dot_rows || n <= dot_cols;
  if (trans_b && !trans_a && is_small && m > 0 && n > 0 && k > 0 && alpha != 0)
    return up_few_rows_avx512[up_float32](m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  tiled_product(m, n, k, alpha, (operand){a, lda, trans_a}, (operand){b, ldb, trans_b}, beta, c, ldc);
}

void up_sgemm_rows(bool trans_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a,
                   ptrdiff_t lda, const float *b, ptrdiff_t ldb, float beta, float *c,
                   ptrdiff_t ldc) {
  tiled_product(m, n, k, 1, (operand){a, lda, false}, (operand){b, ldb, trans_b}, beta, c, ldc);
}

void up_sgemm_stored(up_element element, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t lda,
                     const void *w, ptrdiff_t ldw, float *c, ptrdiff_t ldc) {
  tiled_product(m, n, k, 1, (operand){a, lda, false}, (operand){w, ldw, true, element}, 0, c, ldc);
}

#else
/// Never reached: callers ask `up_sgemm_available` first.
void up_sgemm(bool trans_a, bool trans_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, float alpha,
              const float *a, ptrdiff_t lda, const float *b, ptrdiff_t ldb, float beta, float *c,
              ptrdiff_t ldc) {
  abort();
}

/// Never reached either.
void up_sgemm_rows(bool trans_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a,
                   ptrdiff_t lda, const float *b, ptrdiff_t ldb, float beta, float *c,
                   ptrdiff_t ldc) {
  abort();
}

/// Nor this.
void up_sgemm_stored(up_element element, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t lda,
                     const void *w, ptrdiff_t ldw, float *c, ptrdiff_t ldc) {
  abort();
}
#endif
