// One instruction set's attention kernels; the including file sets the constants of attention_vector.h.
#pragma once

#include "attention_backward.h"
#include "attention_decode.h"

static int is_decoded(const attention_problem *problem) {
  return problem->q_count <= DECODE_QUERIES && problem->heads == 1;
}

static size_t forward_scratch(const attention_problem *problem) {
  return is_decoded(problem) ? decode_scratch(problem) : tiled_forward_scratch(problem);
}

static void forward(const attention_problem *problem, float *scratch) {
  if (is_decoded(problem)) decode(problem, scratch);
  else tiled_forward(problem, scratch);
}

/// x[i] = 2^x[i]; count is a multiple of LANES, x aligned.
static void exponentials(float *x, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i += LANES) store(x + i, exp2_vec(load(x + i)));
}
