// Hot loops of Upcycle, in C, by kind: matrix products, attention, state spaces, elementwise work and norms, losses,
// experts, threads. A function runs on the calling thread (Swift splits rows over threads: TensorCore/Threads), works on
// contiguous float32 rows unless strides are given, and takes its space from the caller. Two kinds keep a block of their
// own per thread, taken at the thread's first call and freed at its end: attention (its scratch) and the products with
// packed operands (`up_sgemm`, `up_dgemm`). The *_reference and *_naive recurrences, for tests and timing, allocate as
// they like. Each kernel has a scalar twin in the tests.
#pragma once

#include "Attention/attention.h"
#include "Attention/bounded_attention.h"
#include "Elementwise/adamw.h"
#include "Elementwise/elementwise.h"
#include "Elementwise/rms_norm.h"
#include "Elementwise/rotary.h"
#include "Experts/experts.h"
#include "InstructionSet/instruction_set.h"
#include "Losses/cross_entropy.h"
#include "Losses/distance.h"
#include "MatrixProduct/few_rows.h"
#include "MatrixProduct/gemm.h"
#include "MatrixProduct/gemm_double.h"
#include "StateSpace/causal_conv.h"
#include "StateSpace/delta.h"
#include "StateSpace/dynamic_conv.h"
#include "StateSpace/gated_norm.h"
#include "StateSpace/ssd.h"
#include "Threads/threads.h"
