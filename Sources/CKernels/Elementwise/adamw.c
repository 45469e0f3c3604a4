#include "Elementwise/adamw.h"

#include "../InstructionSet/clones.h"

UP_CLONES void up_adamw(float *restrict x, const float *restrict g, float *restrict m,
                        float *restrict v, ptrdiff_t count, float rate, float b1, float b2,
                        float eps, float decay, float correction1, float correction2,
                        float gradient_scale) {
  UP_RELAXED
  float keep = 1.0f - rate * decay, step = rate / correction1, root = 1.0f / correction2;
  for (ptrdiff_t i = 0; i < count; i++) {
    float gi = g[i] * gradient_scale;
    float mi = b1 * m[i] + (1.0f - b1) * gi;
    float vi = b2 * v[i] + (1.0f - b2) * gi * gi;
    m[i] = mi;
    v[i] = vi;
    // sqrtf would set errno for negative numbers and keep the loop from being vectors.
    float change = step * mi / (__builtin_elementwise_sqrt(vi * root) + eps);
    {  // rounded twice, as before the square root was an instruction: the same bits
      _Pragma("clang fp contract(off)")
      x[i] = keep * x[i] - change;
    }
  }
}
