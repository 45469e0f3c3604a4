import Foundation
import Groundwork

/// How the processes of one training act as one: who adds gradients up, who decides to save and to stop, who writes.
///
/// Every rank runs the same loop on its own part of each batch. What the loop asks here is asked on all ranks at the
/// same moment, and answered alike. `SingleRank` is a training on its own.
public protocol TrainingRanks {
  /// Whether this rank writes what there is once: the plan, the metrics, the finished model.
  var writes: Bool { get }

  /// Makes this rank's gradients those of the whole batch.
  /// - Parameters:
  ///   - sums: what the rank's part of the batch adds to the step's measures, in an order of the trainer's choice
  ///   - norm: the L2 norm of this rank's gradients, for ranks that each hold all of them
  /// - Returns: the sums over ranks, and the norm of the whole batch's gradients; the same bits on all ranks
  func reduce(_ sums: [Double], norm: () -> Double) throws -> (sums: [Double], norm: Double)

  /// Whether any rank wishes to stop, and whether it is time to save.
  func decide(stop: Bool, save: Bool) throws -> (stop: Bool, save: Bool)

  /// Runs a check or a preparation on every rank; where it fails on one, it fails on all.
  func agreeing<Result>(_ body: () throws -> Result) throws -> Result

  /// The newest of the steps whose states this rank has that all ranks have too; nil: there is none.
  func newestCommon(_ steps: [Int]) throws -> Int?

  /// Where this rank keeps its states.
  func states(in checkpoint: URL) -> URL

  /// An error that every rank has come to by itself, so that it is told once.
  func shared(_ error: UpcycleError) -> any Error
}

/// A training in one process.
public struct SingleRank: TrainingRanks {
  public init() {}

  public var writes: Bool { true }
  public func reduce(_ sums: [Double], norm: () -> Double) -> (sums: [Double], norm: Double) { (sums, norm()) }
  public func decide(stop: Bool, save: Bool) -> (stop: Bool, save: Bool) { (stop, save) }
  public func agreeing<Result>(_ body: () throws -> Result) throws -> Result { try body() }
  public func newestCommon(_ steps: [Int]) -> Int? { steps.max() }
  public func states(in checkpoint: URL) -> URL { checkpoint }
  public func shared(_ error: UpcycleError) -> any Error { error }
}
