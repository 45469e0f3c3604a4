import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Runs a command's body; an error becomes one line on standard error and the documented exit code
/// (2 for usage, 1 for failure).
public func runReportingErrors(_ body: () throws -> Void) {
  do { try body() } catch let error as UpcycleError {
    FileHandle.standardError.write(Data("error: \(error)\n".utf8))
    exit(error.exitCode)
  } catch {
    FileHandle.standardError.write(Data("error: \(error.localizedDescription)\n".utf8))
    exit(1)
  }
}
