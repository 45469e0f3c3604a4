import Foundation
import Groundwork
import TensorCore

/// What a run is made of, as hashes or names: a resumed run must be made of the same.
public struct RunIdentity: Codable, Equatable, Sendable {
  /// The student, or the model, at its start.
  public var student: String
  /// nil: none.
  public var teacher: String?
  /// The text or the pairs.
  public var data: String
  /// That compute: part of the bits.
  public var threads: Int
  /// That train together; nil: one process.
  public var ranks: Int?
  /// Whether each rank keeps its share of the optimizer's state, and no more; nil: no.
  public var shardsOptimizer: Bool?
  /// The text that the curve of held-out losses is measured on; nil: there is no such curve.
  public var heldOut: String?
  /// What the environment says about kernels, which decide the last bits; nil: nothing.
  public var kernels: String?

  /// What it is made of, trained by `ranks` on the threads that there are.
  public init(student: String, teacher: String?, data: String, heldOut: String? = nil, on ranks: any TrainingRanks) {
    self.init(
      student: student, teacher: teacher, data: data, threads: Threads.count, ranks: ranks.size > 1 ? ranks.size : nil,
      shardsOptimizer: ranks.shardsOptimizer ? true : nil, heldOut: heldOut)
  }

  /// Kernels and BLAS are those that the environment names now.
  public init(
    student: String, teacher: String?, data: String, threads: Int, ranks: Int? = nil, shardsOptimizer: Bool? = nil,
    heldOut: String? = nil
  ) {
    self.shardsOptimizer = shardsOptimizer
    self.heldOut = heldOut
    let environment = ProcessInfo.processInfo.environment
    let choices = ["UPCYCLE_BLAS", "UPCYCLE_ISA"].compactMap { name in environment[name].map { "\(name)=\($0)" } }
    kernels = choices.isEmpty ? nil : choices.joined(separator: " ")
    self.student = student
    self.teacher = teacher
    self.data = data
    self.threads = threads
    self.ranks = ranks
  }
}

/// What the machine is, for records: processor, cores and operating system; no host name.
public func machineDescription() -> [String: JSONValue] {
  [
    "cpu": .string(processorName()), "cores": .int(sysconf(Int32(_SC_NPROCESSORS_ONLN))),
    "system": .string(ProcessInfo.processInfo.operatingSystemVersionString),
  ]
}
