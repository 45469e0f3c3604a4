#include "Experts/experts.h"

#include <string.h>

#include "../InstructionSet/clones.h"
#include "../Elementwise/vector_math.h"

// MARK: Choosing

/// Softmax or sigmoids of one token's logits.
UP_CLONES static void score_token(const float *restrict z, bool sigmoid, ptrdiff_t experts, float *restrict p) {
  UP_RELAXED
  if (sigmoid) {
    for (ptrdiff_t e = 0; e < experts; e++) p[e] = up_sigmoidf(z[e]);
    return;
  }
  float top = z[0], sum = 0;
  for (ptrdiff_t e = 1; e < experts; e++) top = z[e] > top ? z[e] : top;
  for (ptrdiff_t e = 0; e < experts; e++) p[e] = up_expf(z[e] - top);
  for (ptrdiff_t e = 0; e < experts; e++) sum += p[e];
  const float inverse = 1.0f / sum;
  for (ptrdiff_t e = 0; e < experts; e++) p[e] *= inverse;
}

/// The first of the highest values among those that are not taken; the first of all where values are not numbers.
static ptrdiff_t best(const float *values, const bool *taken, ptrdiff_t count) {
  ptrdiff_t found = -1;
  for (ptrdiff_t i = 0; i < count; i++)
    if (!taken[i] && (found < 0 || values[i] > values[found])) found = i;
  return found;
}

/// Closes the experts of all but the best groups.
static void close_groups(const float *values, const up_router *rule, ptrdiff_t experts, bool *taken) {
  const ptrdiff_t size = experts / rule->groups;
  float scores[up_most_experts];
  bool open[up_most_experts];
  for (ptrdiff_t g = 0; g < rule->groups; g++) {
    const float *v = values + g * size;
    float first = v[0], second = size > 1 ? v[1] : 0;
    if (second > first) first = v[1], second = v[0];
    for (ptrdiff_t i = 2; i < size; i++) {
      if (v[i] > first)
        second = first, first = v[i];
      else if (v[i] > second)
        second = v[i];
    }
    scores[g] = rule->sums_two ? first + second : first;
    open[g] = false;
  }
  for (ptrdiff_t n = 0; n < rule->kept; n++) open[best(scores, open, rule->groups)] = true;
  for (ptrdiff_t e = 0; e < experts; e++) taken[e] = !open[e / size];
}

void up_route(const float *logits, const float *bias, const up_router *rule, ptrdiff_t tokens, ptrdiff_t experts,
              ptrdiff_t slots, bool held, float *scores, int32_t *chosen, float *weights) {
  float values[up_most_experts];
  bool taken[up_most_experts];
  for (ptrdiff_t t = 0; t < tokens; t++) {
    float *p = scores + t * experts, *w = weights + t * slots;
    int32_t *c = chosen + t * slots;
    score_token(logits + t * experts, rule->sigmoid, experts, p);
    for (ptrdiff_t e = 0; e < experts; e++) values[e] = bias ? p[e] + bias[e] : p[e];
    if (rule->groups > rule->kept)
      close_groups(values, rule, experts, taken);
    else
      memset(taken, 0, (size_t)experts * sizeof(bool));
    float sum = 0;
    for (ptrdiff_t j = 0; j < slots; j++) {
      const ptrdiff_t e = held ? c[j] : best(values, taken, experts);
      taken[e] = true;
      c[j] = (int32_t)e;
      w[j] = p[e];
      sum += p[e];
    }
    const float factor = rule->normalized ? rule->scale / (sum + 1e-20f) : rule->scale;
    for (ptrdiff_t j = 0; j < slots; j++) w[j] *= factor;
  }
}

void up_route_backward(const float *scores, const int32_t *chosen, const float *dweights, const float *pull,
                       const up_router *rule, ptrdiff_t tokens, ptrdiff_t experts, ptrdiff_t slots, float *dlogits) {
  for (ptrdiff_t t = 0; t < tokens; t++) {
    const float *p = scores + t * experts, *dw = dweights + t * slots;
    const int32_t *c = chosen + t * slots;
    float *dz = dlogits + t * experts;
    // First d loss / d scores.
    if (pull && rule->sigmoid) {
      float sum = 0, pulled = 0;
      for (ptrdiff_t e = 0; e < experts; e++) sum += p[e], pulled += pull[e] * p[e];
      for (ptrdiff_t e = 0; e < experts; e++) dz[e] = (pull[e] - pulled / sum) / sum;
    } else {
      for (ptrdiff_t e = 0; e < experts; e++) dz[e] = pull ? pull[e] : 0;
    }
    float factor = rule->scale, mean = 0;
    if (rule->normalized) {
      float sum = 1e-20f;
      for (ptrdiff_t j = 0; j < slots; j++) sum += p[c[j]];
      for (ptrdiff_t j = 0; j < slots; j++) mean += dw[j] * p[c[j]] / sum;
      factor /= sum;
    }
    for (ptrdiff_t j = 0; j < slots; j++) dz[c[j]] += factor * (dw[j] - mean);
    // Then through sigmoid or softmax.
    if (rule->sigmoid) {
      for (ptrdiff_t e = 0; e < experts; e++) dz[e] *= p[e] * (1 - p[e]);
    } else {
      float inner = 0;
      for (ptrdiff_t e = 0; e < experts; e++) inner += dz[e] * p[e];
      for (ptrdiff_t e = 0; e < experts; e++) dz[e] = p[e] * (dz[e] - inner);
    }
  }
}

// MARK: Moving rows

void up_order_slots(const int32_t *chosen, ptrdiff_t count, ptrdiff_t experts, int64_t *starts, int32_t *row_of_slot,
                    int32_t *slot_of_row) {
  memset(starts, 0, (size_t)(experts + 1) * sizeof(int64_t));
  for (ptrdiff_t s = 0; s < count; s++) starts[chosen[s] + 1]++;
  for (ptrdiff_t e = 0; e < experts; e++) starts[e + 1] += starts[e];
  for (ptrdiff_t s = 0; s < count; s++) {
    const int64_t row = starts[chosen[s]]++;
    row_of_slot[s] = (int32_t)row;
    slot_of_row[row] = (int32_t)s;
  }
  // Every start has moved to the next one.
  for (ptrdiff_t e = experts; e > 0; e--) starts[e] = starts[e - 1];
  starts[0] = 0;
}

UP_CLONES void up_gather_rows(const float *x, const int32_t *slot_of_row, const float *weights, ptrdiff_t slots,
                              float *out, ptrdiff_t rows, ptrdiff_t width) {
  for (ptrdiff_t r = 0; r < rows; r++) {
    const ptrdiff_t slot = slot_of_row[r];
    const float *restrict from = x + slot / slots * width;
    float *restrict to = out + r * width;
    if (!weights) {
      memcpy(to, from, (size_t)width * sizeof(float));
      continue;
    }
    const float weight = weights[slot];
    for (ptrdiff_t i = 0; i < width; i++) to[i] = weight * from[i];
  }
}

UP_CLONES void up_combine_rows(const float *y, const int32_t *row_of_slot, const float *weights, ptrdiff_t slots,
                               float *out, ptrdiff_t tokens, ptrdiff_t width, bool add) {
  UP_RELAXED
  for (ptrdiff_t t = 0; t < tokens; t++) {
    float *restrict to = out + t * width;
    for (ptrdiff_t j = 0; j < slots; j++) {
      const ptrdiff_t slot = t * slots + j;
      const float *restrict from = y + (ptrdiff_t)row_of_slot[slot] * width;
      const float weight = weights ? weights[slot] : 1.0f;
      if (j > 0 || add)
        for (ptrdiff_t i = 0; i < width; i++) to[i] += weight * from[i];
      else
        for (ptrdiff_t i = 0; i < width; i++) to[i] = weight * from[i];
    }
  }
}

UP_CLONES void up_slot_dots(const float *a, const float *b, const int32_t *row_of_slot, ptrdiff_t slots, float *dots,
                            ptrdiff_t tokens, ptrdiff_t width) {
  UP_RELAXED
  for (ptrdiff_t slot = 0; slot < tokens * slots; slot++) {
    const float *x = a + slot / slots * width, *y = b + (ptrdiff_t)row_of_slot[slot] * width;
    float sum = 0;
    for (ptrdiff_t i = 0; i < width; i++) sum += x[i] * y[i];
    dots[slot] = sum;
  }
}
