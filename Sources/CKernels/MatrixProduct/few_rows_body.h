// Products with few rows, for one instruction set and one element type of the weights: included once a type by each of
// few_rows_{avx512,avx2,portable}.c, which define
//   LANES, DOTS          floats per vector; dot products made at once (8 or 16), as many accumulators
//   vec                  a vector
//   fma_vec(x, y, sum)   x y + sum
//   load_float32, load_bfloat16, load_float16, load_int8 (at)    LANES numbers as float32
//   load_first_float32, load_first_... (at, count)               the first `count` <= LANES of them; other lanes are 0
//   sums_of_lanes(v, sums)                                       sums[i] = the sum of v[i]'s lanes, i < DOTS
//   store_results(c, sums, count, alpha, beta)                   c[j] = alpha sums[j] + beta c[j], j < count
//   STREAMS              of W that one row of A reads side by side, a divisor of DOTS; 0: adjacent rows, DOTS of them
// and for each inclusion ELEMENT, its type, and TYPED(name), name_<element>.

/// C[rows,cols] = alpha A W^T + beta C for rows x cols = DOTS dot products; those beyond the tile's rows and columns
/// repeat the last one and are dropped. `rows`, `cols` and `prefetches` are literals at every call.
INLINE void TYPED(dot_tile)(ptrdiff_t k, const float *a, ptrdiff_t lda, const ELEMENT *w, ptrdiff_t ldw,
                            const dot_results *tile, const int rows, const int cols, const bool prefetches) {
  enum { step = LANES * sizeof(ELEMENT) };
  const float *a_row[4];
  const ELEMENT *w_row[DOTS];
  vec sum[DOTS];
  UNROLL for (int i = 0; i < rows; i++) a_row[i] = a + (i < tile->rows ? i : tile->rows - 1) * lda;
  UNROLL for (int j = 0; j < cols; j++) w_row[j] = w + (j < tile->cols ? j : tile->cols - 1) * ldw;
  UNROLL for (int i = 0; i < DOTS; i++) sum[i] = (vec){0};

  const char *ahead = (const char *)w + PREFETCHED_BYTES;
  ptrdiff_t p = 0;
  for (; p + LANES <= k; p += LANES) {
    vec x[4];
    if (prefetches) {
      UNROLL for (int line = 0; line < cols * step; line += 64) __builtin_prefetch(ahead + line);
      ahead += cols * step;
    }
    UNROLL for (int i = 0; i < rows; i++) x[i] = load_float32(a_row[i] + p);
    UNROLL for (int j = 0; j < cols; j++) {
      const vec y = TYPED(load)(w_row[j] + p);
      UNROLL for (int i = 0; i < rows; i++) sum[i * cols + j] = fma_vec(x[i], y, sum[i * cols + j]);
    }
  }
  if (p < k) {
    UNROLL for (int j = 0; j < cols; j++) {
      const vec y = TYPED(load_first)(w_row[j] + p, k - p);
      UNROLL for (int i = 0; i < rows; i++)
        sum[i * cols + j] = fma_vec(load_first_float32(a_row[i] + p, k - p), y, sum[i * cols + j]);
    }
  }

  float sums[DOTS];
  sums_of_lanes(sum, sums);
  for (ptrdiff_t i = 0; i < tile->rows; i++)
    store_results(tile->c + i * tile->ldc, sums + i * cols, tile->cols < cols ? tile->cols : cols, tile->alpha,
                  tile->beta);
}

// Functions of their own, so that the registers of one serve no other.
#define DOT_TILE(rows, prefetches)                                                                           \
  TARGET __attribute__((noinline)) static void TYPED(dot_tile_##rows##_##prefetches)(                        \
      ptrdiff_t k, const float *a, ptrdiff_t lda, const ELEMENT *w, ptrdiff_t ldw, const dot_results *tile) { \
    TYPED(dot_tile)(k, a, lda, w, ldw, tile, rows, DOTS / rows, prefetches);                                 \
  }
DOT_TILE(1, 0) DOT_TILE(2, 0) DOT_TILE(4, 0) DOT_TILE(1, 1) DOT_TILE(2, 1) DOT_TILE(4, 1)

#if STREAMS
/// One row of A with n rows of W, a multiple of DOTS, the same sums as dot_tile's. STREAMS rows far from each other are
/// read side by side, whole lines at a time, each followed by the row after it: streams as long as memory is fetched
/// ahead for, where adjacent rows are many and as short as a row.
TARGET static void TYPED(one_row)(ptrdiff_t n, ptrdiff_t k, float alpha, const float *a, const ELEMENT *w,
                                  ptrdiff_t ldw, float beta, float *c) {
  enum { line = 64 / sizeof(ELEMENT), rows = DOTS / STREAMS };
  const ptrdiff_t apart = n / STREAMS;
  for (ptrdiff_t j = 0; j < apart; j += rows) {
    vec all[DOTS];
    for (int i = 0; i < rows; i++) {
      const ELEMENT *row[STREAMS];
      vec sum[STREAMS];
      UNROLL for (int s = 0; s < STREAMS; s++) {
        row[s] = w + (s * apart + j + i) * ldw;
        sum[s] = (vec){0};
      }
      ptrdiff_t p = 0;
      for (; p + line <= k; p += line)
        UNROLL for (int part = 0; part < line; part += LANES) {
          const vec x = load_float32(a + p + part);
          UNROLL for (int s = 0; s < STREAMS; s++) sum[s] = fma_vec(x, TYPED(load)(row[s] + p + part), sum[s]);
        }
      for (; p < k; p += LANES) {
        const ptrdiff_t count = k - p < LANES ? k - p : LANES;
        const vec x = load_first_float32(a + p, count);
        UNROLL for (int s = 0; s < STREAMS; s++) sum[s] = fma_vec(x, TYPED(load_first)(row[s] + p, count), sum[s]);
      }
      UNROLL for (int s = 0; s < STREAMS; s++) all[s * rows + i] = sum[s];
    }
    float sums[DOTS];
    sums_of_lanes(all, sums);
    UNROLL for (int s = 0; s < STREAMS; s++)
      store_results(c + s * apart + j, sums + s * rows, rows, alpha, beta);
  }
}
#endif

TARGET static void TYPED(few_rows)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, float alpha, const float *a, ptrdiff_t lda,
                                   const void *weights, ptrdiff_t ldw, float beta, float *c, ptrdiff_t ldc) {
  typedef void (*tile_function)(ptrdiff_t, const float *, ptrdiff_t, const ELEMENT *, ptrdiff_t, const dot_results *);
  static const tile_function tiles[2][3] = {
      {TYPED(dot_tile_1_0), TYPED(dot_tile_2_0), TYPED(dot_tile_4_0)},
      {TYPED(dot_tile_1_1), TYPED(dot_tile_2_1), TYPED(dot_tile_4_1)}};
  const ELEMENT *w = weights;
#if STREAMS
  if (m == 1) {
    const ptrdiff_t whole = n / DOTS * DOTS;
    TYPED(one_row)(whole, k, alpha, a, w, ldw, beta, c);
    n -= whole, w += whole * ldw, c += whole;
  }
#endif
  const bool prefetches = PREFETCHES && ldw == k && k * (ptrdiff_t)sizeof(ELEMENT) < PREFETCHED_BYTES;
  for (ptrdiff_t block = 0; block < n; block += 16) {  // 16 rows of W stay near for all rows of A
    const ptrdiff_t end = block + 16 < n ? block + 16 : n;
    for (ptrdiff_t i = 0; i < m;) {
      const ptrdiff_t rows = m - i >= 3 ? 4 : m - i, cols = DOTS / rows;
      for (ptrdiff_t j = block; j < end; j += cols) {
        const dot_results tile = {c + i * ldc + j, ldc, m - i < rows ? m - i : rows, end - j, alpha, beta};
        tiles[prefetches && i == 0][rows / 2](k, a + i * lda, lda, w + j * ldw, ldw, &tile);
      }
      i += rows;
    }
  }
}
#undef DOT_TILE
#undef ELEMENT
#undef TYPED
