#pragma once
#include <stddef.h>

// Depthwise causal convolution with SiLU whose taps are every row's own, over the rows of one sequence:
//   z[t, c] = sum_j w[t, c, j] x[t - (K - 1) + j, c],   y = z * sigmoid(z).
// A row of w is [width, K]. Rows before the first come from `history` [K - 1, width], or are 0 if it is NULL.
void up_dynamic_conv(const float *x, ptrdiff_t x_stride, const float *history, const float *w, ptrdiff_t w_stride,
                     float *y, ptrdiff_t y_stride, ptrdiff_t rows, ptrdiff_t width, ptrdiff_t K);
// Adds to dx (rows), writes dw (rows of [width, K], w_stride apart); history NULL.
void up_dynamic_conv_backward(const float *x, ptrdiff_t x_stride, const float *w, ptrdiff_t w_stride, const float *dy,
                              ptrdiff_t dy_stride, float *dx, ptrdiff_t dx_stride, float *dw, ptrdiff_t rows,
                              ptrdiff_t width, ptrdiff_t K);
