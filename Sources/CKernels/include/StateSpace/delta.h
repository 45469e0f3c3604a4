#pragma once
#include <stddef.h>

// Pieces of the gated delta rule (Gated DeltaNet, arXiv:2412.06464), one head:
//   S~ = e^{g_t} S_{t-1};  e_t = v_t - S~^T k_t;  S_t = S~ + beta_t k_t e_t^T;  o_t = scale S_t^T q_t
// with S [K, V], q, k [K], v, e, o [V]. The chunked form multiplies matrices between these row operations.

// beta[t] = sigmoid(raw[t * stride]).
void up_sigmoid_column(const float *raw, ptrdiff_t stride, float *beta, ptrdiff_t rows);
// draw[t * stride] += dbeta[t] * beta[t] * (1 - beta[t]).
void up_sigmoid_column_backward(const float *beta, const float *dbeta, float *draw, ptrdiff_t draw_stride,
                                ptrdiff_t rows);
// y = x / sqrt(sum of x^2 + eps) for `heads` slices of `width` side by side in every row; inverse [rows, heads]
// is kept for the backward (may be NULL).
void up_l2_norm(const float *x, ptrdiff_t x_stride, float *y, ptrdiff_t y_stride, float *inverse, ptrdiff_t rows,
                ptrdiff_t heads, ptrdiff_t width, float eps);
// From the normalised y: dx += inverse * (dy - y <y, dy>). y and dy are contiguous.
void up_l2_norm_backward(const float *y, const float *inverse, const float *dy, float *dx, ptrdiff_t dx_stride,
                         ptrdiff_t rows, ptrdiff_t heads, ptrdiff_t width);
// How the tokens of a chunk act on each other, strictly below the diagonal (the rest is not touched):
// gram = K K^T becomes gram * decay, coupling[i, j] = beta[i] * gram[i, j].
void up_delta_coupling(float *gram, const float *decay, const float *beta, float *coupling, ptrdiff_t n);
// Its backward: dcoupling becomes d loss / d (K K^T), symmetric with a zero diagonal, so that dK += dcoupling K.
// dbeta and dgamma are added to; `gram` is the decayed one.
void up_delta_coupling_backward(const float *gram, const float *decay, const float *beta, float *dcoupling,
                                float *dbeta, float *dgamma, ptrdiff_t n);
// x [n, width] <- (I + m)^-1 x by forward substitution, or (I + m)^-T x by backward substitution. Only m strictly
// below the diagonal is read; its rows lie `m_stride` apart, those of x are contiguous.
void up_unit_lower_solve(const float *m, ptrdiff_t m_stride, float *x, ptrdiff_t n, ptrdiff_t width);
void up_unit_lower_solve_transposed(const float *m, ptrdiff_t m_stride, float *x, ptrdiff_t n, ptrdiff_t width);
// The recurrent step of decoding, decay = e^g: moves the state on by one token and writes its output.
void up_delta_step(const float *q, const float *k, const float *v, float decay, float beta, float scale,
                   float *state, float *out, ptrdiff_t K, ptrdiff_t V);

// The recurrence token by token, forward and backward, all states stored: the twin to test the chunked form
// against (in double) and to time it against (in float). q, k: [T, K], v, o: [T, V] with their row strides.
// Backward starts from d_state = dL/dS_T, which becomes dL/dS_0; gradients are written, rows contiguous.
#define UP_DELTA_TWIN(real, suffix)                                                                         \
  void up_delta_forward_##suffix(const real *q, ptrdiff_t q_stride, const real *k, ptrdiff_t k_stride,     \
                                 const real *v, ptrdiff_t v_stride, const real *g, const real *beta,       \
                                 real scale, real *state, real *o, ptrdiff_t o_stride, ptrdiff_t T,        \
                                 ptrdiff_t K, ptrdiff_t V);                                                \
  void up_delta_backward_##suffix(const real *q, ptrdiff_t q_stride, const real *k, ptrdiff_t k_stride,    \
                                  const real *v, ptrdiff_t v_stride, const real *g, const real *beta,      \
                                  real scale, const real *start, const real *d_o, ptrdiff_t do_stride,     \
                                  real *d_state, real *dq, real *dk, real *dv, real *dg, real *dbeta,      \
                                  ptrdiff_t T, ptrdiff_t K, ptrdiff_t V);
UP_DELTA_TWIN(double, reference)
UP_DELTA_TWIN(float, naive)
