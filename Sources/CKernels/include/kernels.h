// Hot loops of Upcycle, in C. Every function is single-threaded, works on contiguous float32 rows
// unless strides are given, and allocates nothing; Swift splits rows over threads (TensorCore/Threads).
// Each has a scalar twin in the tests.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adamw.h"
#include "attention.h"
#include "causal_conv.h"
#include "cross_entropy.h"
#include "delta.h"
#include "distance.h"
#include "elementwise.h"
#include "experts.h"
#include "gemm.h"
#include "gated_norm.h"
#include "gemm_double.h"
#include "rms_norm.h"
#include "rotary.h"
#include "ssd.h"
#include "threads.h"
