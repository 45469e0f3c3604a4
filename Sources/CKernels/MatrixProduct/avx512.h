#pragma once
// For files of AVX-512 kernels, which run where `up_chosen_instruction_set` says so.
#if defined(__x86_64__)
#include <immintrin.h>
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl")))
#endif
