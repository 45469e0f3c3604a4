#pragma once
#include <stddef.h>

// The output norms of recurrent mixers over rows of `width`, in groups of `group` neighbouring columns. z are the gates;
// inverse [rows, width / group], the 1 / sqrt(...), is kept for the backward (may be NULL). Rows of z and dz lie z_stride
// and dz_stride apart, the others' are contiguous. The backwards write dy and add to dz and dw.

// Mamba2, gate first: u = y * silu(z);  out = u / sqrt(mean(u^2) + eps) * w.   w and dw: [width].
void up_gate_then_norm(const float *y, const float *z, ptrdiff_t z_stride, const float *w, float *out, float *inverse,
                       ptrdiff_t rows, ptrdiff_t width, ptrdiff_t group, float eps);
void up_gate_then_norm_backward(const float *y, const float *z, ptrdiff_t z_stride, const float *w,
                                const float *inverse, const float *dout, float *dy, float *dz, ptrdiff_t dz_stride,
                                float *dw, ptrdiff_t rows, ptrdiff_t width, ptrdiff_t group);

// Gated DeltaNet, norm first: out = y / sqrt(mean(y^2) + eps) * w * silu(z).   w and dw: [group], shared by the groups.
void up_norm_then_gate(const float *y, const float *z, ptrdiff_t z_stride, const float *w, float *out, float *inverse,
                       ptrdiff_t rows, ptrdiff_t width, ptrdiff_t group, float eps);
void up_norm_then_gate_backward(const float *y, const float *z, ptrdiff_t z_stride, const float *w,
                                const float *inverse, const float *dout, float *dy, float *dz, ptrdiff_t dz_stride,
                                float *dw, ptrdiff_t rows, ptrdiff_t width, ptrdiff_t group);
