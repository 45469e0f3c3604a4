import CKernels
import COpenBLAS
import Glibc

/// Starts this program again where OpenBLAS chose other kernels than fit the instruction set in use: to be called first
/// thing in `main`.
///
/// OpenBLAS chooses when it is loaded, before `main`. An older release does not know a newer processor: it then falls
/// back to SSE3, and the float64 products and eigenvectors of a conversion take a quarter longer (measured; our own
/// kernels serve the float32 products). And where UPCYCLE_ISA asks for less than the processor has, OpenBLAS is to use
/// no more. OPENBLAS_CORETYPE overrules its choice; when it is set already, nothing happens.
public func restartWithFittingKernels() {
  let (chosen, best) = (up_chosen_instruction_set(), up_processor_instruction_set())
  let core = String(cString: openblas_get_corename())
  let fitting = chosen == up_portable ? "Prescott" : "Haswell"
  guard best != up_portable, chosen != best || core == "Prescott", core != fitting,
    getenv("OPENBLAS_CORETYPE") == nil
  else { return }
  var path = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
  guard readlink("/proc/self/exe", &path, Int(PATH_MAX)) > 0 else { return }
  setenv("OPENBLAS_CORETYPE", fitting, 1)
  execv(path, CommandLine.unsafeArgv)
  // Only a failed start returns: go on as we are.
}
