// Attention with 128-bit vectors: NEON on aarch64, SSE2 on x86-64 machines without AVX2.
#define LANES 4
#define MICRO_VECTORS 4
#define TILE_VECTORS 8
#include "attention_kernels.h"
const attention_kernels up_attention_portable = {
  LANES, forward_scratch, backward_scratch, forward, backward, exponentials};
