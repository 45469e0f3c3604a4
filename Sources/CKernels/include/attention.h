#pragma once
#include <stddef.h>
void up_attention_forward(const float *q, ptrdiff_t q_stride, const float *k, ptrdiff_t k_stride, const float *v, ptrdiff_t v_stride, float *out, ptrdiff_t out_stride, float *lse, ptrdiff_t Tq, ptrdiff_t Tk, ptrdiff_t dk, ptrdiff_t dv, float scale);
void up_attention_backward(const float *q, ptrdiff_t q_stride, const float *k, ptrdiff_t k_stride, const float *v, ptrdiff_t v_stride, const float *out, ptrdiff_t out_stride, const float *d_out, ptrdiff_t d_out_stride, const float *lse, float *dq, ptrdiff_t dq_stride, float *dk, ptrdiff_t dk_stride, float *dv, ptrdiff_t dv_stride, ptrdiff_t Tq, ptrdiff_t Tk, ptrdiff_t dim_k, ptrdiff_t dim_v, float scale);
