import CKernels
import COpenBLAS

/// The BLAS and the kernels it has chosen for this processor: "OpenBLAS 0.3.29, SkylakeX kernels".
public func blasDescription() -> String {
  let name = String(cString: openblas_get_config()).split(separator: " ").prefix(2).joined(separator: " ")
  return "\(name), \(String(cString: openblas_get_corename())) kernels"
}

/// The instruction set of our own matrix products and attention: "avx512", or the lower one that UPCYCLE_ISA names.
public func kernelsDescription() -> String {
  switch up_chosen_instruction_set() {
  case up_avx512: "avx512"
  case up_avx2: "avx2"
  default: "portable"
  }
}
