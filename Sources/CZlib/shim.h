// Deflate, for documents in .gz files.
#include <zlib.h>

// inflateInit2 is a macro; the window size 15 + 16 reads the gzip format.
static inline int upcycle_inflate_init_gzip(z_stream *stream) { return inflateInit2(stream, 15 + 16); }
