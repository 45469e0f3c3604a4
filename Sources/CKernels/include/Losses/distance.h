#pragma once
#include <stddef.h>

// Sum over rows of |y - target|_2, or of its square; slope (same shape as y) gets the gradient with respect to y:
// (y - target) / |y - target| (0 where they are equal), or 2 (y - target).
double up_row_distances(const float *y, const float *target, float *slope, ptrdiff_t rows,
                        ptrdiff_t width, int squared);
