#pragma once

/// One huge page.
enum { packing_bytes = 2 << 20 };

/// This thread's block of `packing_bytes` for packed operands: allocated at its first call, kept until it ends. If it
/// cannot be had, the process aborts.
void *packing_buffer(void);
