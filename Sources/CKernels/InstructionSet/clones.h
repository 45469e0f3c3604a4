// Compiles a function for AVX-512, AVX2 + FMA and the baseline, and picks one at load time, so that
// no build flag is needed and one binary serves every x86-64 machine. Reassociation and contraction
// are allowed inside the function only: infinities and NaN keep their meaning. Under the thread sanitizer there is one:
// what picks runs before the sanitizer does.
#pragma once
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UP_CLONES
#endif
#endif
#if defined(UP_CLONES)
#elif defined(__x86_64__)
#define UP_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define UP_CLONES
#endif
#define UP_RELAXED _Pragma("clang fp reassociate(on) contract(fast)")
