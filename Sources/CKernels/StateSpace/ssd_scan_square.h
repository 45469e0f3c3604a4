// The backward of a scan where N = P = SIZE, a power of 2: a row of the state is one vector. Included once a size by
// ssd_scan.c, which defines SIZE and SIZED(name), name_<size>.

/// Unaligned: rows lie where the caller has them.
typedef float SIZED(row) __attribute__((vector_size(4 * SIZE), aligned(4), may_alias));

static inline __attribute__((always_inline)) float SIZED(sum)(const SIZED(row) *x) {
  float lanes[SIZE];
  *(SIZED(row) *)lanes = *x;
  UNROLL for (int width = SIZE / 2; width > 0; width /= 2)
    UNROLL for (int l = 0; l < width; l++) lanes[l] += lanes[l + width];
  return lanes[0];
}

// As `scan_backward` keeps them: states transposed, [P, N], their gradient both ways.
static inline __attribute__((always_inline)) double SIZED(scan_backward)(
  const float *restrict c, const float *restrict b, const float *restrict x, ptrdiff_t stride,
  const float *restrict dt, const float *restrict decay, float d, const float *restrict entry,
  const float *restrict dy, ptrdiff_t dy_stride, float *restrict d_state, float *restrict dc,
  float *restrict db, float *restrict dx, float *restrict ddt, float *restrict through_decay,
  float *restrict states, ptrdiff_t rows) {
  typedef SIZED(row) row;
  row dh_t[SIZE];
  for (int n = 0; n < SIZE; n++)
    for (int p = 0; p < SIZE; p++) {
      states[p * SIZE + n] = entry[n * SIZE + p];
      dh_t[p][n] = d_state[n * SIZE + p];
    }
  // The state before every token, again.
  for (ptrdiff_t t = 0; t + 1 < rows; t++) {
    const row *before = (const row *)(states + t * SIZE * SIZE), b_t = *(const row *)(b + t * stride);
    row *after = (row *)(states + (t + 1) * SIZE * SIZE);
    ROLLED for (int p = 0; p < SIZE; p++) after[p] = decay[t] * before[p] + dt[t] * x[t * stride + p] * b_t;
  }
  double skip = 0;
  for (ptrdiff_t t = rows - 1; t >= 0; t--) {
    const float *x_t = x + t * stride, *dy_t = dy + t * dy_stride;
    const row *h = (const row *)(states + t * SIZE * SIZE);
    const row c_t = *(const row *)(c + t * stride), b_t = *(const row *)(b + t * stride), dys = *(const row *)dy_t;
    const float a = decay[t], step = dt[t];
    const row written = step * b_t, of_skip = dys * *(const row *)x_t;
    skip += SIZED(sum)(&of_skip);

    row of_c = {}, of_b = {}, decayed = {};
    ROLLED for (int p = 0; p < SIZE; p++) {
      of_c += (a * h[p] + written * x_t[p]) * dy_t[p];
      dh_t[p] += c_t * dy_t[p];
      of_b += dh_t[p] * x_t[p];
      decayed += dh_t[p] * h[p];
      dh_t[p] *= a;
    }
    row of_x = d * dys, *dh = (row *)d_state;
    ROLLED for (int n = 0; n < SIZE; n++) {
      const row now = dh[n] + c[t * stride + n] * dys;
      of_x += step * b[t * stride + n] * now;
      dh[n] = now * a;
    }
    *(row *)(dx + t * stride) += of_x;
    *(row *)(dc + t * stride) += of_c;
    *(row *)(db + t * stride) += step * of_b;
    const row of_step = b_t * of_b;
    ddt[t] = SIZED(sum)(&of_step);
    through_decay[t] = SIZED(sum)(&decayed) * a;
  }
  return skip;
}
#undef SIZE
#undef SIZED
