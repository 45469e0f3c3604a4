import CKernels
import COpenBLAS
import Glibc

/// Starts this program again with kernels that fit the processor, if OpenBLAS chose its oldest ones.
///
/// OpenBLAS chooses when it is loaded, before `main`, and an older release does not know a newer processor: it then
/// falls back to SSE3, and the float64 products and eigenvectors of a conversion take a quarter longer (measured; our
/// own kernels serve the float32 products). OPENBLAS_CORETYPE overrules its choice; when it is set, nothing happens.
public func restartWithFittingKernels() {
  guard getenv("OPENBLAS_CORETYPE") == nil, up_has_avx2(), String(cString: openblas_get_corename()) == "Prescott" else {
    return
  }
  var path = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
  guard readlink("/proc/self/exe", &path, Int(PATH_MAX)) > 0 else { return }
  setenv("OPENBLAS_CORETYPE", "Haswell", 1)
  execv(path, CommandLine.unsafeArgv)
  // Only a failed start returns: go on as we are.
}
