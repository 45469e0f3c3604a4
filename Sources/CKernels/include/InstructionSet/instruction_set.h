#pragma once

/// The instruction sets that matrix products and attention come in, each holding the ones before it.
typedef enum {
  up_portable,  ///< what the architecture guarantees: SSE2 on x86-64, NEON on aarch64
  up_avx2,      ///< x86-64-v3: AVX2, FMA, F16C
  up_avx512,    ///< x86-64-v4: AVX-512 F, BW, CD, DQ, VL
} up_instruction_set;

/// The best that the processor has.
up_instruction_set up_processor_instruction_set(void);

/// The one in use: the processor's best, or the lower one that UPCYCLE_ISA (portable, avx2, avx512) names, so that one
/// machine can try several; fixed at the first call. Another value of it, or one that the processor lacks, ends the
/// process with one line and exit code 2.
///
/// It decides for `up_sgemm`, `up_dgemm`, `up_sgemm_rows`, products with 16-bit weights and all of attention.h. Loops
/// marked UP_CLONES (elementwise, norms, losses, state space) are chosen by the loader for the processor, before any
/// environment can be read, and OpenBLAS goes by its own OPENBLAS_CORETYPE: both stay as they are.
up_instruction_set up_chosen_instruction_set(void);
