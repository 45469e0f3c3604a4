#pragma once
#include <stddef.h>

// The few functions of Open MPI that we call, found when the program runs, so that building needs no MPI and every
// other command runs without. Open MPI's handles are addresses: of exported objects (MPI_COMM_WORLD, MPI_BYTE) or of
// what its functions make.

/// Loads the library. Returns NULL, or why it cannot be used.
const char *up_mpi_load(void);

/// Starts MPI for calls from one thread at a time. 0, or an error code.
int up_mpi_init(int *rank, int *size);
int up_mpi_finalize(void);
/// Ends all ranks; does not return.
void up_mpi_abort(int code);

/// A communicator of all ranks with an order of collectives of its own; NULL on failure.
void *up_mpi_channel(void);
/// A data type of so many bytes, which counts are multiples of; NULL on failure.
void *up_mpi_row_type(int bytes);

/// MPI_Ialltoallv. Counts and displacements are in rows. All arrays must stay until the request is complete.
/// Returns the request, or NULL with the error code in `*error`.
void *up_mpi_start_all_to_all(void *channel, void *row_type, const void *send, const int *send_rows,
                              const int *send_starts, void *receive, const int *receive_rows,
                              const int *receive_starts, int *error);
/// Whether the request is complete (it is then gone); -1 - code on failure. Lets all messages of this process proceed.
int up_mpi_test(void **request);
