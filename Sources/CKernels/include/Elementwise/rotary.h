#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Rotates pairs in place (RoPE): for each row r and head h, the `dim` numbers at
// x + r * row_stride + h * head_stride are rotated by the angles of positions[r];
// cosine and sine are [position, dim / 2]. Half-split pairs (i, i + dim/2), or (2j, 2j + 1) when
// interleaved. `inverse` applies the transpose, which is the backward.
void up_rotary(float *x, ptrdiff_t rows, ptrdiff_t row_stride, ptrdiff_t heads, ptrdiff_t head_stride,
               ptrdiff_t dim, const float *cosine, const float *sine, const int32_t *positions,
               bool interleaved, bool inverse);
