// The bodies for all element types, after an instruction set's definitions (few_rows_body.h).
#define ELEMENT float
#define TYPED(name) name##_float32
#include "few_rows_body.h"

#define ELEMENT uint16_t
#define TYPED(name) name##_bfloat16
#include "few_rows_body.h"

#define ELEMENT uint16_t
#define TYPED(name) name##_float16
#include "few_rows_body.h"

#define ELEMENT int8_t
#define TYPED(name) name##_int8
#include "few_rows_body.h"

#define FEW_ROWS_KERNELS {few_rows_float32, few_rows_bfloat16, few_rows_float16, few_rows_int8}
