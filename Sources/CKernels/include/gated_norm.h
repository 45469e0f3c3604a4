#pragma once
#include <stddef.h>

// Mamba2's output norm, gate before norm, in groups of `group` columns: u = y * silu(z);
//   out = u / sqrt(mean(u^2) + eps) * w.   inverse [rows, width / group] is kept for the backward (may be NULL).
void up_gated_norm(const float *y, const float *z, ptrdiff_t z_stride, const float *w, float *out,
                   float *inverse, ptrdiff_t rows, ptrdiff_t width, ptrdiff_t group, float eps);
// Writes dy, adds to dz and dw.
void up_gated_norm_backward(const float *y, const float *z, ptrdiff_t z_stride, const float *w,
                            const float *inverse, const float *dout, float *dy, float *dz,
                            ptrdiff_t dz_stride, float *dw, ptrdiff_t rows, ptrdiff_t width,
                            ptrdiff_t group);

// Gated DeltaNet's output norm, norm before gate, for `heads` slices of w's `width` side by side in every row:
//   out = y / sqrt(mean(y^2) + eps) * w * silu(z).   inverse [rows, heads] is kept for the backward (may be NULL).
void up_norm_gated(const float *y, const float *z, ptrdiff_t z_stride, const float *w, float *out, float *inverse,
                   ptrdiff_t rows, ptrdiff_t heads, ptrdiff_t width, float eps);
// Writes dy, adds to dz and dw.
void up_norm_gated_backward(const float *y, const float *z, ptrdiff_t z_stride, const float *w,
                            const float *inverse, const float *dout, float *dy, float *dz, ptrdiff_t dz_stride,
                            float *dw, ptrdiff_t rows, ptrdiff_t heads, ptrdiff_t width);
