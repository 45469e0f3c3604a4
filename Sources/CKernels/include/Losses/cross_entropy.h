#pragma once
#include <stddef.h>
#include <stdint.h>

// Cross-entropy and forward KL for rows of logits z [rows, width], p = softmax(z).
//   ce[row] = log sum exp z - z[target]            (0 when target < 0: an ignored position)
//   kl[row] = sum_j q_j (log q_j - log p_j), q = softmax(teacher)   (paper: temperature 1)
// teacher may be NULL (no KL); targets may be NULL (no CE). With `gradient`, z is overwritten by
// scale * (ce_weight (p - onehot) + kl_weight (p - q)); an ignored position (target < 0) drops out of
// both terms. teacher is used as scratch and holds q afterwards.
void up_cross_entropy(float *z, float *teacher, const int32_t *targets, ptrdiff_t rows,
                      ptrdiff_t width, float ce_weight, float kl_weight, float scale, float *ce,
                      float *kl, int gradient);
// out[row] = log softmax(z)[target]; best[row] = argmax (either may be NULL).
void up_log_probability(const float *z, const int32_t *targets, ptrdiff_t rows, ptrdiff_t width,
                        float *out, int32_t *best);
// z is overwritten by slopes[row] * d log softmax(z)[target] / dz = slopes[row] (onehot - p).
void up_log_probability_backward(float *z, const int32_t *targets, const float *slopes, ptrdiff_t rows,
                                 ptrdiff_t width);
