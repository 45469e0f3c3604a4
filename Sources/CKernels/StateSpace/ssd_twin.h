// Body of the twins of ssd.h, for one `real` and one suffix. The loops are the equations.

void UP_TWIN(up_ssd_forward)(const real *c, ptrdiff_t c_stride, const real *b, ptrdiff_t b_stride, const real *x,
                             ptrdiff_t x_stride, const real *dt, real a, real d, real *state, real *y,
                             ptrdiff_t y_stride, ptrdiff_t T, ptrdiff_t N, ptrdiff_t P) {
  for (ptrdiff_t t = 0; t < T; t++) {
    const real *c_t = c + t * c_stride, *b_t = b + t * b_stride, *x_t = x + t * x_stride;
    real *y_t = y + t * y_stride;
    const real decay = (real)exp(dt[t] * a);
    for (ptrdiff_t p = 0; p < P; p++) y_t[p] = d * x_t[p];
    for (ptrdiff_t n = 0; n < N; n++)
      for (ptrdiff_t p = 0; p < P; p++) {
        real *h = state + n * P + p;
        *h = decay * *h + dt[t] * b_t[n] * x_t[p];
        y_t[p] += c_t[n] * *h;
      }
  }
}

void UP_TWIN(up_ssd_backward)(const real *c, ptrdiff_t c_stride, const real *b, ptrdiff_t b_stride, const real *x,
                              ptrdiff_t x_stride, const real *dt, real a, real d, const real *start,
                              const real *dy, ptrdiff_t dy_stride, real *d_state, real *dc, real *db, real *dx,
                              real *ddt, real *da, real *dd, ptrdiff_t T, ptrdiff_t N, ptrdiff_t P) {
  // All states h_0 ... h_T.
  real *states = malloc((size_t)((T + 1) * N * P) * sizeof(real));
  if (!states) abort();
  memcpy(states, start, (size_t)(N * P) * sizeof(real));
  for (ptrdiff_t t = 0; t < T; t++) {
    const real decay = (real)exp(dt[t] * a);
    const real *before = states + t * N * P;
    real *after = states + (t + 1) * N * P;
    for (ptrdiff_t n = 0; n < N; n++)
      for (ptrdiff_t p = 0; p < P; p++)
        after[n * P + p] = decay * before[n * P + p] + dt[t] * b[t * b_stride + n] * x[t * x_stride + p];
  }
  *da = *dd = 0;
  for (ptrdiff_t t = T - 1; t >= 0; t--) {
    const real *c_t = c + t * c_stride, *b_t = b + t * b_stride, *x_t = x + t * x_stride;
    const real *dy_t = dy + t * dy_stride;
    const real *before = states + t * N * P, *after = states + (t + 1) * N * P;
    const real decay = (real)exp(dt[t] * a);
    real through_decay = 0, through_step = 0;
    for (ptrdiff_t p = 0; p < P; p++) {
      dx[t * P + p] = d * dy_t[p];
      *dd += dy_t[p] * x_t[p];
    }
    for (ptrdiff_t n = 0; n < N; n++) {
      real dc_n = 0, db_n = 0;
      for (ptrdiff_t p = 0; p < P; p++) {
        real *dh = d_state + n * P + p;
        *dh += c_t[n] * dy_t[p];
        dc_n += after[n * P + p] * dy_t[p];
        db_n += *dh * x_t[p];
        dx[t * P + p] += dt[t] * b_t[n] * *dh;
        through_decay += *dh * before[n * P + p];
        *dh *= decay;
      }
      dc[t * N + n] = dc_n;
      db[t * N + n] = dt[t] * db_n;
      through_step += b_t[n] * db_n;
    }
    ddt[t] = through_step + through_decay * decay * a;
    *da += through_decay * decay * dt[t];
  }
  free(states);
}
