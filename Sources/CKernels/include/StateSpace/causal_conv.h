#pragma once
#include <stddef.h>

// Depthwise causal convolution with SiLU over the rows of one sequence:
//   z[t, c] = bias[c] + sum_j w[j, c] x[t - (K - 1) + j, c],   y = z * sigmoid(z).
// w is [K, width] (taps first); bias may be NULL. Rows before the first come from `history` [K - 1, width], or are 0 if it is
// NULL. The rows of both lie w_stride apart.
void up_causal_conv(const float *x, ptrdiff_t x_stride, const float *history, const float *w, ptrdiff_t w_stride,
                    const float *bias, float *y, ptrdiff_t y_stride, ptrdiff_t rows, ptrdiff_t width,
                    ptrdiff_t K);
// Adds to dx (rows), dw [K, width] and dbias (also where bias is NULL); history NULL. `scratch` holds width floats.
void up_causal_conv_backward(const float *x, ptrdiff_t x_stride, const float *w, ptrdiff_t w_stride,
                             const float *bias, const float *dy, ptrdiff_t dy_stride, float *dx,
                             ptrdiff_t dx_stride, float *dw, ptrdiff_t dw_stride, float *dbias,
                             float *scratch, ptrdiff_t rows, ptrdiff_t width, ptrdiff_t K);
