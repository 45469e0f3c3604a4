// Zstandard, for token shards in the seekable format.
#include <zstd.h>
#include <zstd_errors.h>
