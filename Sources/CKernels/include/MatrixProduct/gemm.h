#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "few_rows.h"

/// Whether `up_sgemm`, `up_sgemm_rows` and `up_sgemm_stored` may be called: where AVX-512 is in use (instruction_set.h). Callers use BLAS
/// otherwise.
bool up_sgemm_available(void);

/// C[m,n] = alpha op(A)[m,k] op(B)[k,n] + beta C, row-major float32, on the calling thread only.
///
/// op(X) is X, or its transpose where the flag is set: A is stored [m,k] or [k,m], B [k,n] or [n,k];
/// `lda`, `ldb`, `ldc` are the distances between stored rows, in floats. C must not overlap A or B.
/// `beta == 0` overwrites C without reading it. Pointers need only the alignment of a float.
///
/// The order of the sum over k depends on k alone, except that a product with only B transposed and
/// at most 24 rows or 16 columns uses another one. So the same call always gives the same bits, and
/// splitting a product by rows or columns changes none as long as the parts stay above those sizes.
/// The packing buffer (2 MB) belongs to the thread: allocated at its first call, freed at its end.
void up_sgemm(bool trans_a, bool trans_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, float alpha,
              const float *a, ptrdiff_t lda, const float *b, ptrdiff_t ldb, float beta, float *c,
              ptrdiff_t ldc);

/// C[m,n] = A[m,k] op(B)[k,n] + beta C on the calling thread, like `up_sgemm`, with one order of the sum for every
/// size: the bits of a row of C depend on its row of A and on B alone, not on how many rows there are nor on where it
/// stands. What experts need: a token's result is the same whatever tokens an expert gets beside it.
void up_sgemm_rows(bool trans_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a,
                   ptrdiff_t lda, const float *b, ptrdiff_t ldb, float beta, float *c,
                   ptrdiff_t ldc);

/// `up_sgemm_rows` of weights W[n,k], transposed, stored as `element` says: they are converted where they would be copied.
/// For 16-bit weights the bits that their float32 values give.
void up_sgemm_stored(up_element element, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t lda,
                     const void *w, ptrdiff_t ldw, float *c, ptrdiff_t ldc);

/// Floats that `up_sgemm_rows_portable` packs of B at a time: all of its columns, or as many as fit the second-level cache.
ptrdiff_t up_gemm_panel_floats(ptrdiff_t n, ptrdiff_t k);

/// `up_sgemm_rows` for every processor. `panels` is scratch of `up_gemm_panel_floats(n, k)` floats.
void up_sgemm_rows_portable(bool trans_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a,
                            ptrdiff_t lda, const float *b, ptrdiff_t ldb, float beta, float *c,
                            ptrdiff_t ldc, float *panels);
