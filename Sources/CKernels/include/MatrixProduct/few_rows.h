#pragma once
#include <stddef.h>
#include <stdint.h>

/// How weights are stored. 16-bit ones and whole numbers are converted to float32, exactly, as they are read.
typedef enum { up_float32, up_bfloat16, up_float16, up_int8 } up_element;

/// C[m,n] = A[m,k] W[n,k]^T on the calling thread, row-major, A and C in float32, W as `element` says: for few rows m
/// (decoding, small batches). W is read from memory once, 16 rows after 16, and nothing is packed. lda, ldw and ldc
/// count elements from row to row; C overlaps nothing; k > 0. Pointers need the alignment of their element only.
///
/// The order of the sum depends on k alone: an element of C has the same bits whatever m and n are, and for 16-bit
/// weights the bits that their float32 values give.
void up_few_rows(up_element element, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t lda,
                 const void *w, ptrdiff_t ldw, float *c, ptrdiff_t ldc);

/// The nearest whole numbers of -127...127 to rows [rows, width] over `scales`, a row's largest magnitude over 127; NaN for
/// rows that hold NaN or infinity.
void up_quantize_rows(const float *from, ptrdiff_t rows, ptrdiff_t width, int8_t *to, float *scales);

/// Number of NaN or infinite entries among `count`.
ptrdiff_t up_count_nonfinite_weights(up_element element, const void *weights, ptrdiff_t count);

/// to[i] = from[i] as float32, i < count.
void up_widen(up_element element, const void *from, float *to, ptrdiff_t count);
