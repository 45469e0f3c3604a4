// Every kernel on odd shapes, in buffers of exactly the documented size, under the address and undefined-behaviour
// sanitizers (Scripts/torture/kernels.sh builds and runs it). The numbers do not matter here; tests compare them.
#include "kernels.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// MARK: Buffers

static uint64_t state = 1;
static uint64_t next(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return state >> 33;
}
static ptrdiff_t below(ptrdiff_t count) { return (ptrdiff_t)(next() % (uint64_t)count); }

// Buffers of one round, freed together.
static void *held[512];
static int holding = 0;
static void *hold(size_t bytes) {
  if (holding == 512) abort();
  void *memory = malloc(bytes ? bytes : 1);
  return held[holding++] = memory;
}
static void drop(void) {
  while (holding > 0) free(held[--holding]);
}
// Numbers in -1 ..< 1; starts 4 bytes past an aligned place half of the time.
static float *floats(ptrdiff_t count) {
  ptrdiff_t shift = below(2);
  float *x = (float *)hold((size_t)(count + shift) * sizeof(float)) + shift;
  for (ptrdiff_t i = 0; i < count; i++) x[i] = (float)next() / 1073741824.0f - 1;
  return x;
}
static double *doubles(ptrdiff_t count) {
  double *x = hold((size_t)count * sizeof(double));
  for (ptrdiff_t i = 0; i < count; i++) x[i] = (double)next() / 1073741824.0 - 1;
  return x;
}
static int32_t *numbers(ptrdiff_t count, ptrdiff_t from, ptrdiff_t to) {
  int32_t *x = hold((size_t)count * sizeof(int32_t));
  for (ptrdiff_t i = 0; i < count; i++) x[i] = (int32_t)(from + below(to - from));
  return x;
}
// [rows, width] with `stride` floats from row to row: the last row ends at its width.
static float *strided(ptrdiff_t rows, ptrdiff_t width, ptrdiff_t stride) {
  return floats(rows > 0 ? (rows - 1) * stride + width : 0);
}

static const ptrdiff_t odd[] = {1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 129, 200};
static ptrdiff_t size(ptrdiff_t most) {
  ptrdiff_t value;
  do value = odd[below(sizeof odd / sizeof *odd)];
  while (value > most);
  return value;
}

// MARK: Families

static void elementwise(void) {
  ptrdiff_t n = size(200), m = size(65);
  float *a = floats(n * m), *b = floats(n * m), *c = floats(n * m), *d = floats(n * m);
  up_add(a, b, c, n * m);
  up_axpy(0.5f, a, c, n * m);
  up_multiply(a, b, c, n * m);
  up_scale(0.5f, c, n * m);
  up_dot(a, b, n * m);
  up_sum_of_squares(a, n * m);
  up_count_nonfinite(a, n * m);
  up_silu(a, c, n * m);
  up_silu_backward(a, b, c, n * m);
  up_sigmoid_gate(a, b, c, n * m);
  up_sigmoid_gate_backward(a, b, c, d, floats(n * m), n * m);
  up_swiglu(floats(2 * n * m), c, n, m);
  up_swiglu_backward(floats(2 * n * m), c, floats(2 * n * m), n, m);
  ptrdiff_t wide = m + below(9), wider = m + below(9);
  up_copy_block(strided(n, m, wide), wide, strided(n, m, wider), wider, n, m);
  up_add_block(strided(n, m, wide), wide, strided(n, m, wider), wider, n, m);
  up_add_bias(c, floats(m), n, m);
  up_column_sums(c, floats(m), n, m);
  up_adamw(a, b, floats(n * m), (float *)memset(floats(n * m), 0, (size_t)(n * m) * sizeof(float)), n * m, 1e-3f, 0.9f,
           0.99f, 1e-8f, 0.1f, 0.1f, 0.1f, 1);
  up_row_distances(a, b, c, n, m, (int)below(2));
}

static void norms(void) {
  ptrdiff_t rows = size(33), width = size(129), heads = size(5), group = size(33);
  float *x = floats(rows * width), *y = floats(rows * width), *inverse = floats(rows), *w = floats(width);
  up_rms_norm(x, below(2) ? w : 0, y, inverse, rows, width, 1e-5f);
  up_rms_norm(x, w, y, 0, rows, width, 1e-5f);
  up_rms_norm_backward(x, w, inverse, y, floats(rows * width), floats(width), rows, width, (int)below(2));
  ptrdiff_t full = group * heads, stride = full + below(7);
  float *kept = floats(rows * heads), *gated = floats(rows * full), *z = strided(rows, full, stride);
  up_gate_then_norm(floats(rows * full), z, stride, floats(full), gated, kept, rows, full, group, 1e-5f);
  up_gate_then_norm_backward(floats(rows * full), z, stride, floats(full), kept, gated, floats(rows * full),
                         strided(rows, full, stride), stride, floats(full), rows, full, group);
  up_norm_then_gate(floats(rows * full), z, stride, floats(group), gated, kept, rows, full, group, 1e-5f);
  up_norm_then_gate_backward(floats(rows * full), z, stride, floats(group), kept, gated, floats(rows * full),
                         strided(rows, full, stride), stride, floats(group), rows, full, group);
  up_l2_norm(z, stride, gated, full, kept, rows, heads, group, 1e-6f);
  up_l2_norm_backward(gated, kept, floats(rows * full), strided(rows, full, stride), stride, rows, heads, group);
  ptrdiff_t dim = 2 * size(33), positions = size(65), row = heads * dim + below(5);
  up_rotary(strided(rows, heads * dim, row), rows, row, heads, dim, dim, floats(positions * dim / 2),
            floats(positions * dim / 2), numbers(rows, 0, positions), below(2), below(2));
}

static void losses(void) {
  ptrdiff_t rows = size(17), width = size(200);
  int32_t *targets = numbers(rows, -1, width);
  float *z = floats(rows * width), *out = floats(rows), *teacher = floats(rows * width);
  up_cross_entropy(z, teacher, targets, rows, width, 1, 0.5f, 0.1f, out, floats(rows), (int)below(2));
  up_cross_entropy(floats(rows * width), 0, targets, rows, width, 1, 0, 0.1f, out, floats(rows), 1);
  int32_t *valid = numbers(rows, 0, width);
  up_log_probability(z, valid, rows, width, out, numbers(rows, 0, 1));
  up_log_probability_backward(z, valid, out, rows, width);
}

static void attention(void) {
  ptrdiff_t Tk = size(200), Tq = below(2) ? Tk : 1 + below(Tk), dk = size(below(3) ? 129 : 8), dv = size(129);
  ptrdiff_t qs = dk + below(9), ks = dk + below(9), vs = dv + below(9), os = dv + below(9);
  float *q = strided(Tq, dk, qs), *k = strided(Tk, dk, ks), *v = strided(Tk, dv, vs), *out = strided(Tq, dv, os);
  float *lse = floats(Tq);
  up_attention_forward(q, qs, k, ks, v, vs, out, os, lse, Tq, Tk, dk, dv, 0.1f);
  up_attention_backward(q, qs, k, ks, v, vs, out, os, strided(Tq, dv, os), os, lse, strided(Tq, dk, qs), qs,
                        strided(Tk, dk, ks), ks, strided(Tk, dv, vs), vs, Tq, Tk, dk, dv, 0.1f);
  ptrdiff_t groups = size(5), heads = size(7);
  qs = dk + below(5), os = dv + below(5), ks = groups * dk + below(5), vs = groups * dv + below(5);
  float *wide = strided(groups * heads, dv, os), *sums = floats(groups * heads);
  up_attention_heads(strided(groups * heads, dk, qs), qs, strided(Tk, groups * dk, ks), ks,
                     strided(Tk, groups * dv, vs), vs, wide, os, sums, groups, heads, Tk, dk, dv, 0.1f);
  up_attention_join(wide, os, sums, strided(groups * heads, dv, os), os, floats(groups * heads), groups * heads, dv);
  heads = 1 << below(5);
  qs = heads * dk + below(5), os = heads * dv + below(5), ks = dk + below(5), vs = dv + below(5);
  up_attention_group(strided(Tq, heads * dk, qs), qs, strided(Tk, dk, ks), ks, strided(Tk, dv, vs), vs,
                     strided(Tq, heads * dv, os), os, heads, Tq, Tk, dk, dv, 0.1f);
}

static void recurrences(void) {
  ptrdiff_t T = size(65), K = size(33), V = size(33), N = size(33), P = below(3) ? size(17) : N < 12 ? (N = 8) : (N = 16), width = size(65), taps = size(5);
  ptrdiff_t s = width + below(5);
  ptrdiff_t ws = width + below(3);
  up_causal_conv(strided(T, width, s), s, below(2) ? strided(taps - 1, width, ws) : 0, strided(taps, width, ws), ws,
                 below(2) ? floats(width) : 0, strided(T, width, s), s, T, width, taps);
  up_causal_conv_backward(strided(T, width, s), s, strided(taps, width, width), width, floats(width),
                          strided(T, width, s), s, strided(T, width, s), s, strided(taps, width, width), width,
                          floats(width), floats(width), T, width, taps);
  up_sigmoid_column(strided(T, 1, s), s, floats(T), T);
  up_sigmoid_column_backward(floats(T), floats(T), strided(T, 1, s), s, T);
  up_softplus_column(strided(T, 1, s), s, 0.1f, floats(T), T);
  up_softplus_column_backward(strided(T, 1, s), s, 0.1f, floats(T), strided(T, 1, s), s, T);
  float *gram = floats(T * T), *decay = floats(T * T), *coupling = floats(T * T);
  up_delta_coupling(gram, decay, floats(T), coupling, T);
  up_delta_coupling_backward(gram, decay, floats(T), coupling, floats(T), floats(T), T);
  up_unit_lower_solve(strided(T, T, T + 3), T + 3, floats(T * width), T, width);
  up_unit_lower_solve_transposed(strided(T, T, T + 3), T + 3, floats(T * width), T, width);
  up_delta_step(floats(K), floats(K), floats(V), 0.9f, 0.5f, 0.1f, floats(K * V), floats(V), K, V);
  up_decay_matrix(floats(T), decay, T);
  up_exp_shifted(floats(T), 0.5f, floats(T), T);
  up_scale_rows(strided(T, width, s), s, floats(T), floats(T * width), T, width);
  up_add_scaled_rows(strided(T, width, s), s, floats(T), strided(T, width, s), s, T, width);
  up_row_dots(strided(T, width, s), s, strided(T, width, s), s, floats(T), T, width);
  up_decayed_scores_backward(gram, decay, coupling, floats(T), T);
  ptrdiff_t stride = (N > P ? N : P) + below(5), ys = P + below(5);
  float *c = strided(T, N, stride), *b = strided(T, N, stride), *x = strided(T, P, stride);
  up_ssd_scan(c, b, x, stride, floats(T), floats(T), 0.5f, floats(N * P), strided(T, P, ys), ys, T, N, P);
  if (N * P <= 256)
    up_ssd_scan_backward(c, b, x, stride, floats(T), floats(T), 0.5f, floats(N * P), strided(T, P, ys), ys,
                         floats(N * P), strided(T, N, stride), strided(T, N, stride), strided(T, P, stride), floats(T),
                         floats(T), floats(T * N * P), T, N, P);
}

static void experts(void) {
  ptrdiff_t T = size(33), groups = 1 + below(4), E = groups * size(16), D = size(65);
  ptrdiff_t kept = 1 + below(groups), most = kept * (E / groups), K = 1 + below(most < 8 ? most : 8);
  up_router rule = {.sigmoid = below(2), .normalized = below(2), .sums_two = E / groups > 1 && below(2),
                    .groups = groups, .kept = kept, .scale = 1.5f};
  float *scores = floats(T * E), *weights = floats(T * K);
  int32_t *chosen = numbers(T * K, 0, E), *rows = numbers(T * K, 0, 1), *slots = numbers(T * K, 0, 1);
  int64_t *starts = hold((size_t)(E + 1) * sizeof(int64_t));
  up_route(floats(T * E), below(2) ? floats(E) : 0, &rule, T, E, K, false, scores, chosen, weights);
  up_route(floats(T * E), 0, &rule, T, E, K, true, scores, chosen, weights);
  up_route_backward(scores, chosen, floats(T * K), below(2) ? floats(E) : 0, &rule, T, E, K, floats(T * E));
  up_order_slots(chosen, T * K, E, starts, rows, slots);
  float *sent = floats(T * K * D);
  up_gather_rows(floats(T * D), slots, below(2) ? weights : 0, K, sent, T * K, D);
  up_combine_rows(sent, rows, below(2) ? weights : 0, K, floats(T * D), T, D, below(2));
  up_slot_dots(floats(T * D), sent, rows, K, floats(T * K), T, D);
}

static void products(void) {
  ptrdiff_t m = size(200), n = size(200), k = size(200);
  bool ta = below(2), tb = below(2);
  ptrdiff_t lda = (ta ? m : k) + below(5), ldb = (tb ? k : n) + below(5), ldc = n + below(5);
  float *a = ta ? strided(k, m, lda) : strided(m, k, lda), *b = tb ? strided(n, k, ldb) : strided(k, n, ldb);
  float beta = (float)below(2);
  if (up_sgemm_available()) {
    up_sgemm(ta, tb, m, n, k, 0.5f, a, lda, b, ldb, beta, strided(m, n, ldc), ldc);
    if (!ta) up_sgemm_rows(tb, m, n, k, a, lda, b, ldb, beta, strided(m, n, ldc), ldc);
  }
  if (!ta) {
    float *panel = floats(up_gemm_panel_floats(n, k));
    up_sgemm_rows_portable(tb, m, n, k, a, lda, b, ldb, beta, strided(m, n, ldc), ldc, panel);
  }
  if (up_dgemm_available()) up_dgemm(false, false, m, n, k, 1, doubles(m * k), k, doubles(k * n), n, 0, doubles(m * n), n);
}

static void few_rows(void) {
  static const size_t bytes[] = {[up_float32] = 4, [up_bfloat16] = 2, [up_float16] = 2, [up_int8] = 1};
  ptrdiff_t m = below(2) ? 1 : size(33), n = size(200), k = size(200), lda = k + below(5), ldc = n + below(5);
  for (int element = up_float32; element <= up_int8; element++) {
    char *weights = hold((size_t)(n * k) * bytes[element]);
    for (ptrdiff_t i = 0; i < n * k * (ptrdiff_t)bytes[element]; i++) weights[i] = (char)below(60);
    up_few_rows((up_element)element, m, n, k, strided(m, k, lda), lda, weights, k, strided(m, n, ldc), ldc);
    if (up_sgemm_available())
      up_sgemm_stored((up_element)element, m, n, k, strided(m, k, lda), lda, weights, k, strided(m, n, ldc), ldc);
  }
}

int main(int count, char **arguments) {
  int rounds = count > 1 ? atoi(arguments[1]) : 200;
  up_set_threads(3);
  void (*families[])(void) = {elementwise, norms, losses, attention, recurrences, experts, products, few_rows};
  for (int round = 0; round < rounds; round++) {
    for (size_t family = 0; family < sizeof families / sizeof *families; family++) {
      families[family]();
      drop();
    }
  }
  printf("kernels: %d rounds of odd shapes, nothing found\n", rounds);
  return 0;
}
