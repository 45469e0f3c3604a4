#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Mixture of experts: which experts a token goes to, and its way there and back. T tokens, E experts, K slots a token,
// D width; slot j of token t has the number s = t K + j.

/// How experts are chosen: one rule for DeepSeek-V2 and V3, Qwen3 and Llama-4.
typedef struct {
  bool sigmoid;             // scores are sigmoids of the logits, else their softmax
  bool normalized;          // weights are divided by their sum (+ 1e-20)
  bool sums_two;            // a group's score is the sum of its two best, else its best
  ptrdiff_t groups, kept;   // of `groups` groups of neighbouring experts the `kept` best are open; 1 and 1: all
  float scale;              // weights are multiplied by this
} up_router;

/// Most experts of a layer.
enum { up_most_experts = 4096 };

/// Scores [T,E] of logits [T,E], the K experts with the highest score + bias (bias [E] or NULL; best first, of equals the
/// lower number), and their weights [T,K], which are made of scores without bias. E <= up_most_experts.
/// `held`: `chosen` is given, and only the weights are made.
void up_route(const float *logits, const float *bias, const up_router *rule, ptrdiff_t tokens, ptrdiff_t experts,
              ptrdiff_t slots, bool held, float *scores, int32_t *chosen, float *weights);

/// dlogits [T,E] from dweights [T,K] and, unless it is NULL, from `pull` [E]: the gradient of a loss of the scores, each
/// token's divided by their sum, that is the same for every token.
void up_route_backward(const float *scores, const int32_t *chosen, const float *dweights, const float *pull,
                       const up_router *rule, ptrdiff_t tokens, ptrdiff_t experts, ptrdiff_t slots, float *dlogits);

/// Orders slots by expert, and by number within an expert: rows starts[e] ..< starts[e + 1] are expert e's.
/// starts [E + 1]; row_of_slot and slot_of_row [count] are each other's inverse.
void up_order_slots(const int32_t *chosen, ptrdiff_t count, ptrdiff_t experts, int64_t *starts, int32_t *row_of_slot,
                    int32_t *slot_of_row);

/// out[r] = w x[s / K], s = slot_of_row[r], w = weights[s] or 1: `rows` rows of width D.
void up_gather_rows(const float *x, const int32_t *slot_of_row, const float *weights, ptrdiff_t slots, float *out,
                    ptrdiff_t rows, ptrdiff_t width);

/// out[t] (+)= sum over j of w y[row_of_slot[s]], w = weights[s] or 1, in the order of the slots. out may not be y.
void up_combine_rows(const float *y, const int32_t *row_of_slot, const float *weights, ptrdiff_t slots, float *out,
                     ptrdiff_t tokens, ptrdiff_t width, bool add);

/// dots[s] = a[t] . b[row_of_slot[s]].
void up_slot_dots(const float *a, const float *b, const int32_t *row_of_slot, ptrdiff_t slots, float *dots,
                  ptrdiff_t tokens, ptrdiff_t width);
