#pragma once
#include <stddef.h>
#include <stdint.h>

void up_add(const float *a, const float *b, float *out, ptrdiff_t count);       // out = a + b
void up_axpy(float scale, const float *x, float *y, ptrdiff_t count);           // y += scale x
void up_multiply(const float *a, const float *b, float *out, ptrdiff_t count);  // out = a b
void up_scale(float scale, float *x, ptrdiff_t count);                          // x *= scale
double up_dot(const float *a, const float *b, ptrdiff_t count);  // float64 sum of float32 products
double up_sum_of_squares(const float *x, ptrdiff_t count);
// Number of NaN or infinite entries.
ptrdiff_t up_count_nonfinite(const float *x, ptrdiff_t count);
void up_silu(const float *x, float *y, ptrdiff_t count);                            // y = x sigmoid(x)
void up_silu_backward(const float *x, const float *dy, float *dx, ptrdiff_t count); // dx written
// y = x sigmoid(gate); dx and dgate written.
void up_sigmoid_gate(const float *x, const float *gate, float *y, ptrdiff_t count);
void up_sigmoid_gate_backward(const float *x, const float *gate, const float *dy, float *dx, float *dgate,
                              ptrdiff_t count);
// SwiGLU on rows of [gate (width) | up (width)]: y = silu(gate) * up.
void up_swiglu(const float *gate_up, float *y, ptrdiff_t rows, ptrdiff_t width);
void up_swiglu_backward(const float *gate_up, const float *dy, float *d_gate_up, ptrdiff_t rows,
                        ptrdiff_t width);
// The same with GELU by its tanh formula: y = 1/2 gate (1 + tanh(sqrt(2/pi) (gate + 0.044715 gate^3))) * up.
void up_geglu(const float *gate_up, float *y, ptrdiff_t rows, ptrdiff_t width);
void up_geglu_backward(const float *gate_up, const float *dy, float *d_gate_up, ptrdiff_t rows,
                       ptrdiff_t width);
// GELU by its tanh formula, without a second factor; dx written.
void up_gelu(const float *x, float *y, ptrdiff_t count);
void up_gelu_backward(const float *x, const float *dy, float *dx, ptrdiff_t count);
// x = cap tanh(x / cap), in place; then dx *= 1 - (x / cap)^2 of those values.
void up_soft_cap(float *x, ptrdiff_t count, float cap);
void up_soft_cap_backward(const float *capped, float *dx, ptrdiff_t count, float cap);
// Copies (or adds) a [rows, width] block between buffers of different row strides.
void up_copy_block(const float *from, ptrdiff_t from_stride, float *to, ptrdiff_t to_stride,
                   ptrdiff_t rows, ptrdiff_t width);
void up_add_block(const float *from, ptrdiff_t from_stride, float *to, ptrdiff_t to_stride,
                  ptrdiff_t rows, ptrdiff_t width);
// out[row, :] += bias ; dbias += column sums of dy.
void up_add_bias(float *out, const float *bias, ptrdiff_t rows, ptrdiff_t width);
void up_column_sums(const float *dy, float *sums, ptrdiff_t rows, ptrdiff_t width);
