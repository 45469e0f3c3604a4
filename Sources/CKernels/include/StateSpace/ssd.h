#pragma once
#include <stddef.h>

// Pieces of the state-space recurrence of Mamba2 (SSD, arXiv:2405.21060), one head:
//   h_t = e^{dt_t A} h_{t-1} + dt_t B_t x_t^T;   y_t = h_t^T C_t + D x_t
// with h [N, P], B, C [N], x, y [P]. The chunked form multiplies matrices between these row operations.

// dt[t] = softplus(raw[t * stride] + bias).
void up_softplus_column(const float *raw, ptrdiff_t stride, float bias, float *dt, ptrdiff_t rows);
// draw[t * stride] += ddt[t] * sigmoid(raw[t * stride] + bias); returns the sum of what was added (d bias).
double up_softplus_column_backward(const float *raw, ptrdiff_t stride, float bias, const float *ddt,
                                   float *draw, ptrdiff_t draw_stride, ptrdiff_t rows);
// decay[i, j] = e^(gamma_i - gamma_j) for j <= i, 0 above the diagonal (masked before the exponential).
void up_decay_matrix(const float *gamma, float *decay, ptrdiff_t n);
// out[i] = e^(x[i] - shift) with the exponent clamped to what float32 holds.
void up_exp_shifted(const float *x, float shift, float *out, ptrdiff_t n);
// out[i, :] = scale[i] * x[i, :], out contiguous.
void up_scale_rows(const float *x, ptrdiff_t x_stride, const float *scale, float *out, ptrdiff_t rows,
                   ptrdiff_t width);
// out[i, :] += scale[i] * x[i, :].
void up_add_scaled_rows(const float *x, ptrdiff_t x_stride, const float *scale, float *out,
                        ptrdiff_t out_stride, ptrdiff_t rows, ptrdiff_t width);
// out[i] = <a[i, :], b[i, :]>.
void up_row_dots(const float *a, ptrdiff_t a_stride, const float *b, ptrdiff_t b_stride, float *out,
                 ptrdiff_t rows, ptrdiff_t width);
// Backward of P = G * decay: with E = dP * P, dgamma += row sums of E - column sums of E; dP becomes dG.
void up_decayed_scores_backward(const float *scores, const float *decay, float *dscores, float *dgamma,
                                ptrdiff_t n);
// A chunk token by token, for states so small (N * P <= 256) that matrix products cost more than they save;
// and, with one row and states of any size, the recurrent step of decoding. Rows of c, b, x (and of
// their gradients, which are added to) lie `stride` apart; decay[t] = e^{dt_t A}.
void up_ssd_scan(const float *c, const float *b, const float *x, ptrdiff_t stride, const float *dt,
                 const float *decay, float d, float *state, float *y, ptrdiff_t y_stride, ptrdiff_t rows,
                 ptrdiff_t N, ptrdiff_t P);
// Its backward, for N * P <= 256, from d_state = dL/dh after the chunk, which becomes that before it. `entry` is the state before the
// chunk; `states` holds rows * N * P floats. ddt[t] gets dL/d dt_t at fixed decay, through_decay[t] dL/d(dt_t A);
// returns dL/dD.
double up_ssd_scan_backward(const float *c, const float *b, const float *x, ptrdiff_t stride,
                            const float *dt, const float *decay, float d, const float *entry,
                            const float *dy, ptrdiff_t dy_stride, float *d_state, float *dc, float *db,
                            float *dx, float *ddt, float *through_decay, float *states, ptrdiff_t rows,
                            ptrdiff_t N, ptrdiff_t P);

// The recurrence token by token, forward and backward, all states stored: the twin to test the chunked form
// against (in double) and to time it against (in float). c, b: [T, N], x, y: [T, P] with their row strides.
// Backward starts from d_state = dL/dh_T, which becomes dL/dh_0; gradients are written, da and dd returned
// through pointers.
#define UP_SSD_TWIN(real, suffix)                                                                           \
  void up_ssd_forward_##suffix(const real *c, ptrdiff_t c_stride, const real *b, ptrdiff_t b_stride,       \
                               const real *x, ptrdiff_t x_stride, const real *dt, real a, real d,          \
                               real *state, real *y, ptrdiff_t y_stride, ptrdiff_t T, ptrdiff_t N,         \
                               ptrdiff_t P);                                                               \
  void up_ssd_backward_##suffix(const real *c, ptrdiff_t c_stride, const real *b, ptrdiff_t b_stride,      \
                                const real *x, ptrdiff_t x_stride, const real *dt, real a, real d,         \
                                const real *start, const real *dy, ptrdiff_t dy_stride, real *d_state,     \
                                real *dc, real *db, real *dx, real *ddt, real *da, real *dd, ptrdiff_t T,  \
                                ptrdiff_t N, ptrdiff_t P);
UP_SSD_TWIN(double, reference)
UP_SSD_TWIN(float, naive)
