#pragma once
#include <stddef.h>

// One AdamW step (decoupled weight decay) on `count` parameters, in place:
//   g' = g * gradient_scale;  m = b1 m + (1 - b1) g';  v = b2 v + (1 - b2) g'^2
//   x -= rate * decay * x;  x -= rate * (m / correction1) / (sqrt(v / correction2) + eps)
void up_adamw(float *x, const float *g, float *m, float *v, ptrdiff_t count, float rate, float b1,
              float b2, float eps, float decay, float correction1, float correction2,
              float gradient_scale);
