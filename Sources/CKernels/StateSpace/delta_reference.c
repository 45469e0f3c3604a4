// The recurrence of delta.h token by token, in double for tests and in float for timing.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "StateSpace/delta.h"

#define real double
#define UP_TWIN(name) name##_reference
#include "delta_twin.h"
#undef real
#undef UP_TWIN

#define real float
#define UP_TWIN(name) name##_naive
#include "delta_twin.h"
