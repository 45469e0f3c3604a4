import Foundation
import Groundwork
import TensorCore

/// The version in the making, as in CHANGELOG.md.
public let upcycleVersion = "0.1.0-dev"

/// What `--version` prints: what decides the bits of a result besides its options.
func versionText(of program: String) -> String {
  """
  \(program) \(upcycleVersion)
  commit: \(checkoutOfThisProgram().map(sourceCommit) ?? "unknown")
  BLAS: \(blasDescription())
  kernels: \(kernelsDescription())
  threads: \(Threads.count)
  """
}

/// The folder with Package.swift around the executable, from which it was built.
private func checkoutOfThisProgram() -> URL? {
  var folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
  while folder.path != "/" {
    folder.deleteLastPathComponent()
    if FileManager.default.fileExists(atPath: folder.appendingPathComponent("Package.swift").path) { return folder }
  }
  return nil
}

/// Whether the command line asks for the version, wherever it does.
func asksForVersion(_ arguments: [String]) -> Bool {
  arguments.dropFirst().prefix { $0 != "--" }.contains("--version")
}
