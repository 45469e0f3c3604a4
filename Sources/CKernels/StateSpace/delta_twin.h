// Body of the twins of delta.h, for one `real` and one suffix. The loops are the equations.

// e = v - S^T k.
static void UP_TWIN(delta_error)(const real *state, const real *k, const real *v, real *e, ptrdiff_t K, ptrdiff_t V) {
  for (ptrdiff_t j = 0; j < V; j++) e[j] = v[j];
  for (ptrdiff_t i = 0; i < K; i++)
    for (ptrdiff_t j = 0; j < V; j++) e[j] -= k[i] * state[i * V + j];
}

void UP_TWIN(up_delta_forward)(const real *q, ptrdiff_t q_stride, const real *k, ptrdiff_t k_stride, const real *v,
                               ptrdiff_t v_stride, const real *g, const real *beta, real scale, real *state, real *o,
                               ptrdiff_t o_stride, ptrdiff_t T, ptrdiff_t K, ptrdiff_t V) {
  real *e = malloc((size_t)V * sizeof(real));
  if (!e) abort();
  for (ptrdiff_t t = 0; t < T; t++) {
    const real *q_t = q + t * q_stride, *k_t = k + t * k_stride, decay = (real)exp(g[t]);
    real *o_t = o + t * o_stride;
    for (ptrdiff_t i = 0; i < K * V; i++) state[i] *= decay;
    UP_TWIN(delta_error)(state, k_t, v + t * v_stride, e, K, V);
    for (ptrdiff_t j = 0; j < V; j++) o_t[j] = 0;
    for (ptrdiff_t i = 0; i < K; i++)
      for (ptrdiff_t j = 0; j < V; j++) {
        real *s = state + i * V + j;
        *s += beta[t] * k_t[i] * e[j];
        o_t[j] += scale * q_t[i] * *s;
      }
  }
  free(e);
}

void UP_TWIN(up_delta_backward)(const real *q, ptrdiff_t q_stride, const real *k, ptrdiff_t k_stride, const real *v,
                                ptrdiff_t v_stride, const real *g, const real *beta, real scale, const real *start,
                                const real *d_o, ptrdiff_t do_stride, real *d_state, real *dq, real *dk, real *dv,
                                real *dg, real *dbeta, ptrdiff_t T, ptrdiff_t K, ptrdiff_t V) {
  // All states S_0 ... S_T, then S~, e and its gradient.
  real *states = malloc((size_t)((T + 2) * K * V + 2 * V) * sizeof(real));
  if (!states) abort();
  real *decayed = states + (T + 1) * K * V, *e = decayed + K * V, *de = e + V;
  memcpy(states, start, (size_t)(K * V) * sizeof(real));
  for (ptrdiff_t t = 0; t < T; t++) {
    const real *k_t = k + t * k_stride, *before = states + t * K * V, decay = (real)exp(g[t]);
    real *after = states + (t + 1) * K * V;
    for (ptrdiff_t i = 0; i < K * V; i++) after[i] = decay * before[i];
    UP_TWIN(delta_error)(after, k_t, v + t * v_stride, e, K, V);
    for (ptrdiff_t i = 0; i < K; i++)
      for (ptrdiff_t j = 0; j < V; j++) after[i * V + j] += beta[t] * k_t[i] * e[j];
  }
  for (ptrdiff_t t = T - 1; t >= 0; t--) {
    const real *q_t = q + t * q_stride, *k_t = k + t * k_stride, *do_t = d_o + t * do_stride;
    const real *before = states + t * K * V, *after = before + K * V, decay = (real)exp(g[t]);
    for (ptrdiff_t i = 0; i < K * V; i++) decayed[i] = decay * before[i];
    UP_TWIN(delta_error)(decayed, k_t, v + t * v_stride, e, K, V);
    // o_t = scale S_t^T q_t;  S_t = S~ + beta k e^T.
    for (ptrdiff_t j = 0; j < V; j++) de[j] = 0;
    dbeta[t] = dg[t] = 0;
    for (ptrdiff_t i = 0; i < K; i++) {
      real of_q = 0, of_k = 0;
      for (ptrdiff_t j = 0; j < V; j++) {
        real *ds = d_state + i * V + j;
        of_q += after[i * V + j] * do_t[j];
        *ds += scale * q_t[i] * do_t[j];
        of_k += *ds * e[j];
        de[j] += beta[t] * k_t[i] * *ds;
      }
      dq[t * K + i] = scale * of_q;
      dk[t * K + i] = beta[t] * of_k;
      dbeta[t] += k_t[i] * of_k;
    }
    // e = v - S~^T k;  S~ = e^g S_{t-1}.
    for (ptrdiff_t j = 0; j < V; j++) dv[t * V + j] = de[j];
    for (ptrdiff_t i = 0; i < K; i++)
      for (ptrdiff_t j = 0; j < V; j++) {
        real *ds = d_state + i * V + j;
        dk[t * K + i] -= decayed[i * V + j] * de[j];
        *ds -= k_t[i] * de[j];
        dg[t] += *ds * decayed[i * V + j];
        *ds *= decay;
      }
  }
  free(states);
}
