// Attention for x86-64-v3 machines: 8 lanes, 16 registers.
#if defined(__x86_64__)
#include <immintrin.h>
#define LANES 8
#define MICRO_VECTORS 2
#define TILE_VECTORS 8
#pragma clang attribute push( \
  __attribute__((target("avx2,fma,bmi,bmi2"))), apply_to = function)
#include "attention_kernels.h"
#pragma clang attribute pop
const attention_kernels up_attention_avx2 = {
  LANES, forward_scratch, backward_scratch, forward, backward, exponentials};
#endif
