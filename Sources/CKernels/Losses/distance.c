#include "Losses/distance.h"

#include <math.h>

#include "../InstructionSet/clones.h"

UP_CLONES double up_row_distances(const float *restrict y, const float *restrict target,
                                  float *restrict slope, ptrdiff_t rows, ptrdiff_t width, int squared) {
  UP_RELAXED
  double total = 0;
  for (ptrdiff_t row = 0; row < rows; row++, y += width, target += width, slope += width) {
    float sum = 0;
    for (ptrdiff_t i = 0; i < width; i++) {
      slope[i] = y[i] - target[i];
      sum += slope[i] * slope[i];
    }
    const float norm = sqrtf(sum);
    const float factor = squared ? 2 : norm > 0 ? 1 / norm : 0;
    for (ptrdiff_t i = 0; i < width; i++) slope[i] *= factor;
    total += squared ? sum : norm;
  }
  return total;
}
