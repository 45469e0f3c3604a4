#include "Losses/cross_entropy.h"

#include <math.h>
#include <string.h>

#include "../InstructionSet/clones.h"
#include "../Elementwise/vector_math.h"

static inline __attribute__((always_inline)) float row_max(const float *z, ptrdiff_t width) {
  float top = z[0];
  for (ptrdiff_t i = 1; i < width; i++) top = z[i] > top ? z[i] : top;
  return top;
}

UP_CLONES void up_cross_entropy(float *z, float *teacher, const int32_t *targets, ptrdiff_t rows,
                                ptrdiff_t width, float ce_weight, float kl_weight, float scale,
                                float *ce, float *kl, int gradient) {
  UP_RELAXED
  for (ptrdiff_t row = 0; row < rows; row++, z += width) {
    float *restrict x = z;
    float *restrict q = teacher ? teacher + row * width : 0;
    int32_t target = targets ? targets[row] : -1;
    if (ce) ce[row] = 0;
    if (kl) kl[row] = 0;
    if (targets && target < 0) {
      if (gradient) memset(x, 0, (size_t)width * sizeof(float));
      continue;
    }
    float top = row_max(x, width), sum = 0;
    if (q) {
      float q_top = row_max(q, width), q_sum = 0, cross = 0;
      for (ptrdiff_t i = 0; i < width; i++) sum += up_expf(x[i] - top);
      for (ptrdiff_t i = 0; i < width; i++) {
        float difference = q[i] - x[i], e = up_expf(q[i] - q_top);
        q_sum += e;
        cross += e * difference;
        q[i] = e;
      }
      float log_z = top + logf(sum), log_q = q_top + logf(q_sum);
      if (kl) kl[row] = cross / q_sum - log_q + log_z;
      float norm = 1.0f / q_sum;
      for (ptrdiff_t i = 0; i < width; i++) q[i] *= norm;
    } else {
      for (ptrdiff_t i = 0; i < width; i++) sum += up_expf(x[i] - top);
    }
    if (ce && target >= 0) ce[row] = top + logf(sum) - x[target];
    if (!gradient) continue;
    float ce_scale = target >= 0 ? ce_weight * scale : 0;
    float kl_scale = q ? kl_weight * scale : 0;
    float p_scale = (ce_scale + kl_scale) / sum;
    if (q) {
      for (ptrdiff_t i = 0; i < width; i++) x[i] = p_scale * up_expf(x[i] - top) - kl_scale * q[i];
    } else {
      for (ptrdiff_t i = 0; i < width; i++) x[i] = p_scale * up_expf(x[i] - top);
    }
    if (target >= 0) x[target] -= ce_scale;
  }
}

UP_CLONES void up_log_probability(const float *z, const int32_t *targets, ptrdiff_t rows,
                                  ptrdiff_t width, float *out, int32_t *best) {
  UP_RELAXED
  for (ptrdiff_t row = 0; row < rows; row++, z += width) {
    float top = row_max(z, width), sum = 0;
    for (ptrdiff_t i = 0; i < width; i++) sum += up_expf(z[i] - top);
    if (out) out[row] = z[targets[row]] - top - logf(sum);
    if (best) {
      ptrdiff_t i = 0;
      while (i < width - 1 && z[i] != top) i++;
      best[row] = (int32_t)i;
    }
  }
}

UP_CLONES void up_log_probability_backward(float *z, const int32_t *targets, const float *slopes,
                                           ptrdiff_t rows, ptrdiff_t width) {
  UP_RELAXED
  for (ptrdiff_t row = 0; row < rows; row++, z += width) {
    float top = row_max(z, width), sum = 0;
    for (ptrdiff_t i = 0; i < width; i++) {
      z[i] = up_expf(z[i] - top);
      sum += z[i];
    }
    float factor = -slopes[row] / sum;
    for (ptrdiff_t i = 0; i < width; i++) z[i] *= factor;
    z[targets[row]] += slopes[row];
  }
}
