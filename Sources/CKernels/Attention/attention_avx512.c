// Attention for x86-64-v4 machines: 16 lanes, 32 registers.
#if defined(__x86_64__)
#include <immintrin.h>
#define LANES 16
#define MICRO_VECTORS 4
#define TILE_VECTORS 4
// Features are listed because "arch=x86-64-v4" also sets a tuning that prefers 256-bit registers.
#pragma clang attribute push( \
  __attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,bmi,bmi2"))), \
  apply_to = function)
#include "attention_kernels.h"
#pragma clang attribute pop
const attention_kernels up_attention_avx512 = {
  LANES, forward_scratch, backward_scratch, forward, backward, exponentials};
#endif
