#pragma once
#include <stddef.h>

// y = x * w / sqrt(mean(x^2) + eps) over rows of `width`; inverse[row] = 1 / sqrt(...) kept for the
// backward (may be NULL). w may be NULL (weight 1).
void up_rms_norm(const float *x, const float *w, float *y, float *inverse, ptrdiff_t rows,
                 ptrdiff_t width, float eps);
// dx (added when `add`, else written) and dw (added): with n = x * inverse, g = dy * w,
// dx = inverse * (g - n * mean(g n)), dw += sum over rows of dy * n.
void up_rms_norm_backward(const float *x, const float *w, const float *inverse, const float *dy,
                          float *dx, float *dw, ptrdiff_t rows, ptrdiff_t width, int add);
