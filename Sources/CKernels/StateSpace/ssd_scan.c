#include <math.h>

#include "../InstructionSet/clones.h"
#include "StateSpace/ssd.h"

// The bodies are inlined with constant N and P for the sizes of the ladder, so that a state stays in registers.
static inline __attribute__((always_inline)) void scan(
  const float *restrict c, const float *restrict b, const float *restrict x, ptrdiff_t stride,
  const float *restrict dt, const float *restrict decay, float d, float *restrict state,
  float *restrict y, ptrdiff_t y_stride, ptrdiff_t rows, const ptrdiff_t N, const ptrdiff_t P) {
  for (ptrdiff_t t = 0; t < rows; t++, c += stride, b += stride, x += stride, y += y_stride) {
    const float a = decay[t], step = dt[t];
    for (ptrdiff_t p = 0; p < P; p++) y[p] = d * x[p];
    for (ptrdiff_t n = 0; n < N; n++) {
      float *restrict h = state + n * P;
      const float write = step * b[n], read = c[n];
      for (ptrdiff_t p = 0; p < P; p++) {
        h[p] = a * h[p] + write * x[p];
        y[p] += read * h[p];
      }
    }
  }
}

// States are kept transposed, [P, N], and their gradient both ways: so every sum over n or p runs across vectors
// and none inside one, but for the three scalars of a token.
static inline __attribute__((always_inline)) double scan_backward(
  const float *restrict c, const float *restrict b, const float *restrict x, ptrdiff_t stride,
  const float *restrict dt, const float *restrict decay, float d, const float *restrict entry,
  const float *restrict dy, ptrdiff_t dy_stride, float *restrict d_state, float *restrict dc,
  float *restrict db, float *restrict dx, float *restrict ddt, float *restrict through_decay,
  float *restrict states, ptrdiff_t rows, const ptrdiff_t N, const ptrdiff_t P) {
  float turned[256], written[256], dc_t[256], db_t[256], decayed[256];  // N * P <= 256
  for (ptrdiff_t n = 0; n < N; n++)
    for (ptrdiff_t p = 0; p < P; p++) {
      states[p * N + n] = entry[n * P + p];
      turned[p * N + n] = d_state[n * P + p];
    }
  // The state before every token, again.
  for (ptrdiff_t t = 0; t + 1 < rows; t++) {
    const float *restrict before = states + t * N * P;
    float *restrict after = states + (t + 1) * N * P;
    for (ptrdiff_t p = 0; p < P; p++) {
      const float write = dt[t] * x[t * stride + p];
      for (ptrdiff_t n = 0; n < N; n++)
        after[p * N + n] = decay[t] * before[p * N + n] + write * b[t * stride + n];
    }
  }
  double skip = 0;
  for (ptrdiff_t t = rows - 1; t >= 0; t--) {
    const float *restrict c_t = c + t * stride, *restrict b_t = b + t * stride, *restrict x_t = x + t * stride;
    const float *restrict dy_t = dy + t * dy_stride, *restrict before = states + t * N * P;
    float *restrict dx_t = dx + t * stride;
    const float a = decay[t], step = dt[t];
    float of_skip = 0;
    for (ptrdiff_t p = 0; p < P; p++) {
      dx_t[p] += d * dy_t[p];
      of_skip += dy_t[p] * x_t[p];
    }
    skip += of_skip;
    for (ptrdiff_t n = 0; n < N; n++) {
      dc_t[n] = db_t[n] = decayed[n] = 0;
      written[n] = step * b_t[n];
    }
    for (ptrdiff_t p = 0; p < P; p++) {
      float *restrict dh = turned + p * N;
      const float *restrict h = before + p * N;
      for (ptrdiff_t n = 0; n < N; n++) {
        dc_t[n] += (a * h[n] + written[n] * x_t[p]) * dy_t[p];
        dh[n] += c_t[n] * dy_t[p];
        db_t[n] += dh[n] * x_t[p];
        decayed[n] += dh[n] * h[n];
        dh[n] *= a;
      }
    }
    for (ptrdiff_t n = 0; n < N; n++) {
      float *restrict dh = d_state + n * P;
      for (ptrdiff_t p = 0; p < P; p++) {
        dh[p] += c_t[n] * dy_t[p];
        dx_t[p] += written[n] * dh[p];
        dh[p] *= a;
      }
    }
    float of_step = 0, of_decay = 0;
    for (ptrdiff_t n = 0; n < N; n++) {
      dc[t * stride + n] += dc_t[n];
      db[t * stride + n] += step * db_t[n];
      of_step += b_t[n] * db_t[n];
      of_decay += decayed[n];
    }
    ddt[t] = of_step;
    through_decay[t] = of_decay * a;
  }
  return skip;
}

#define UNROLL _Pragma("clang loop unroll(full)")
// Unrolled whole, the rows of a state are more than the registers and much slower.
#define ROLLED _Pragma("clang loop unroll(disable)")

#define SIZE 8
#define SIZED(name) name##_8
#include "ssd_scan_square.h"

#define SIZE 16
#define SIZED(name) name##_16
#include "ssd_scan_square.h"

UP_CLONES void up_ssd_scan(const float *c, const float *b, const float *x, ptrdiff_t stride, const float *dt,
                           const float *decay, float d, float *state, float *y, ptrdiff_t y_stride,
                           ptrdiff_t rows, ptrdiff_t N, ptrdiff_t P) {
  UP_RELAXED
  if (N == 8 && P == 8) {
    scan(c, b, x, stride, dt, decay, d, state, y, y_stride, rows, 8, 8);
  } else if (N == 16 && P == 16) {
    scan(c, b, x, stride, dt, decay, d, state, y, y_stride, rows, 16, 16);
  } else {
    scan(c, b, x, stride, dt, decay, d, state, y, y_stride, rows, N, P);
  }
}

UP_CLONES double up_ssd_scan_backward(const float *c, const float *b, const float *x, ptrdiff_t stride,
                                      const float *dt, const float *decay, float d, const float *entry,
                                      const float *dy, ptrdiff_t dy_stride, float *d_state, float *dc,
                                      float *db, float *dx, float *ddt, float *through_decay,
                                      float *states, ptrdiff_t rows, ptrdiff_t N, ptrdiff_t P) {
  UP_RELAXED
  if (N == 8 && P == 8)
    return scan_backward_8(c, b, x, stride, dt, decay, d, entry, dy, dy_stride, d_state, dc, db, dx, ddt,
                           through_decay, states, rows);
  if (N == 16 && P == 16)
    return scan_backward_16(c, b, x, stride, dt, decay, d, entry, dy, dy_stride, d_state, dc, db, dx, ddt,
                            through_decay, states, rows);
  return scan_backward(c, b, x, stride, dt, decay, d, entry, dy, dy_stride, d_state, dc, db, dx, ddt,
                       through_decay, states, rows, N, P);
}
