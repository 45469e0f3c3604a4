// OpenBLAS (matrix products) and LAPACKE (decompositions) as Debian packages them.
#include <cblas.h>
#include <lapacke.h>
