import ArgumentParser
import Foundation
import Groundwork
import TensorCore

/// Ends the process with one line when all tensors together pass so many bytes; files are complete at any moment, and a
/// run goes on from its last checkpoint.
/// - Parameter option: the flag that the line names
public func endProcess(above bytes: Int, _ option: String) {
  StoragePool.setLimit(bytes) { overflow in
    let error = UpcycleError(
      "the memory budget is used up", at: option, expected: "\(formatBytes(overflow.limit)) at most",
      found: "\(formatBytes(overflow.live)) held and \(formatBytes(overflow.requested)) more needed",
      hint: "the same command with a higher budget goes on from the last checkpoint")
    printNote("error: \(error)")
    Foundation.exit(error.exitCode)
  }
}
