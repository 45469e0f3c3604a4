// The recurrence of ssd.h token by token, in double for tests and in float for timing.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "StateSpace/ssd.h"

#define real double
#define UP_TWIN(name) name##_reference
#include "ssd_twin.h"
#undef real
#undef UP_TWIN

#define real float
#define UP_TWIN(name) name##_naive
#include "ssd_twin.h"
