// Unicode's character data (decompositions, combining classes), for text normalisation.
#include <utf8proc.h>
