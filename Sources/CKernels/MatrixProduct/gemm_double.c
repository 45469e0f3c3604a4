// up_dgemm: the tiled product in float64.
#include "MatrixProduct/gemm_double.h"
#include "MatrixProduct/few_rows.h"

#include <stdlib.h>

#include "InstructionSet/instruction_set.h"
#include "avx512.h"

bool up_dgemm_available(void) { return up_chosen_instruction_set() == up_avx512; }

#if defined(__x86_64__)

#define real double
#define vec __m512d
#define mask __mmask8
#define V(operation) _mm512_##operation##_pd
#define sum_part(k) block_k

enum {
  lanes = 8,
  /// A panel of A (16 x block_k, 24 KB) is half of L1; the packed B (block_k x block_n, 768 KB) fits an L2 of 1 MB.
  block_k = 192,
};

/// v[i] lane j <-> v[j] lane i.
AVX512 __attribute__((always_inline)) static inline void transpose(__m512d v[8]) {
  __m512d t[8];
#pragma clang loop unroll(full)
  for (int i = 0; i < 8; i += 2) {  // pairs of rows
    t[i] = _mm512_unpacklo_pd(v[i], v[i + 1]);
    t[i + 1] = _mm512_unpackhi_pd(v[i], v[i + 1]);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 2; i++) {  // quarters: column i + 2 q of all rows from t[i], t[i + 2], ...
    const __m512d low02 = _mm512_shuffle_f64x2(t[i], t[i + 2], 0x88);
    const __m512d low13 = _mm512_shuffle_f64x2(t[i], t[i + 2], 0xdd);
    const __m512d high02 = _mm512_shuffle_f64x2(t[i + 4], t[i + 6], 0x88);
    const __m512d high13 = _mm512_shuffle_f64x2(t[i + 4], t[i + 6], 0xdd);
    v[i] = _mm512_shuffle_f64x2(low02, high02, 0x88);
    v[i + 4] = _mm512_shuffle_f64x2(low02, high02, 0xdd);
    v[i + 2] = _mm512_shuffle_f64x2(low13, high13, 0x88);
    v[i + 6] = _mm512_shuffle_f64x2(low13, high13, 0xdd);
  }
}

/// Numbers are stored as doubles here.
AVX512 __attribute__((always_inline)) static inline vec load_stored(const up_element element, mask inside,
                                                                    const void *from, ptrdiff_t i) {
  return _mm512_maskz_loadu_pd(inside, (const double *)from + i);
}

#include "gemm_tiled.h"

void up_dgemm(bool trans_a, bool trans_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, double alpha,
              const double *a, ptrdiff_t lda, const double *b, ptrdiff_t ldb, double beta, double *c,
              ptrdiff_t ldc) {
  tiled_product(m, n, k, alpha, (operand){a, lda, trans_a}, (operand){b, ldb, trans_b}, beta, c, ldc);
}

#else
/// Never reached: callers ask `up_dgemm_available` first.
void up_dgemm(bool trans_a, bool trans_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, double alpha,
              const double *a, ptrdiff_t lda, const double *b, ptrdiff_t ldb, double beta, double *c,
              ptrdiff_t ldc) {
  abort();
}
#endif
