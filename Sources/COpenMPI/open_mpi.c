#include "include/open_mpi.h"

#include <dlfcn.h>
#include <stdio.h>

// MPI_THREAD_SERIALIZED of Open MPI.
enum { thread_serialized = 2 };

static struct {
  int (*init_thread)(int *, char ***, int, int *);
  int (*finalize)(void);
  int (*abort)(void *, int);
  int (*comm_rank)(void *, int *);
  int (*comm_size)(void *, int *);
  int (*comm_dup)(void *, void **);
  int (*type_contiguous)(int, void *, void **);
  int (*type_commit)(void **);
  int (*ialltoallv)(const void *, const int *, const int *, void *, void *, const int *, const int *, void *, void *,
                    void **);
  int (*test)(void **, int *, void *);
  void *world;
  void *byte;
} mpi;

static char message[512];

const char *up_mpi_load(void) {
  if (mpi.world) return NULL;
  // Open MPI's plugins look its symbols up globally.
  void *library = dlopen("libmpi.so.40", RTLD_NOW | RTLD_GLOBAL);
  if (!library) library = dlopen("libmpi.so", RTLD_NOW | RTLD_GLOBAL);
  if (!library) {
    snprintf(message, sizeof message, "%s", dlerror());
    return message;
  }
  struct {
    const char *name;
    void **address;
  } wanted[] = {
      {"MPI_Init_thread", (void **)&mpi.init_thread},   {"MPI_Finalize", (void **)&mpi.finalize},
      {"MPI_Abort", (void **)&mpi.abort},               {"MPI_Comm_rank", (void **)&mpi.comm_rank},
      {"MPI_Comm_size", (void **)&mpi.comm_size},       {"MPI_Comm_dup", (void **)&mpi.comm_dup},
      {"MPI_Type_contiguous", (void **)&mpi.type_contiguous}, {"MPI_Type_commit", (void **)&mpi.type_commit},
      {"MPI_Ialltoallv", (void **)&mpi.ialltoallv},     {"MPI_Test", (void **)&mpi.test},
      {"ompi_mpi_byte", &mpi.byte},                     {"ompi_mpi_comm_world", &mpi.world},
  };
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    *wanted[i].address = dlsym(library, wanted[i].name);
    if (!*wanted[i].address) {
      snprintf(message, sizeof message, "libmpi lacks %s: it is not Open MPI", wanted[i].name);
      mpi.world = NULL;
      return message;
    }
  }
  return NULL;
}

int up_mpi_init(int *rank, int *size) {
  int provided = 0;
  int error = mpi.init_thread(NULL, NULL, thread_serialized, &provided);
  if (!error) error = mpi.comm_rank(mpi.world, rank);
  if (!error) error = mpi.comm_size(mpi.world, size);
  return error;
}

int up_mpi_finalize(void) { return mpi.finalize(); }

void up_mpi_abort(int code) { mpi.abort(mpi.world, code); }

void *up_mpi_channel(void) {
  void *channel = NULL;
  return mpi.comm_dup(mpi.world, &channel) ? NULL : channel;
}

void *up_mpi_row_type(int bytes) {
  void *type = NULL;
  if (mpi.type_contiguous(bytes, mpi.byte, &type) || mpi.type_commit(&type)) return NULL;
  return type;
}

void *up_mpi_start_all_to_all(void *channel, void *row_type, const void *send, const int *send_rows,
                              const int *send_starts, void *receive, const int *receive_rows,
                              const int *receive_starts, int *error) {
  void *request = NULL;
  *error = mpi.ialltoallv(send, send_rows, send_starts, row_type, receive, receive_rows, receive_starts, row_type,
                          channel, &request);
  return *error ? NULL : request;
}

int up_mpi_test(void **request) {
  int done = 0;
  // MPI_STATUS_IGNORE is the null pointer.
  int error = mpi.test(request, &done, NULL);
  return error ? -1 - error : done;
}
