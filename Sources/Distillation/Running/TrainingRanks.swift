import Autograd
import Foundation
import Groundwork
import ModelCore
import TensorCore

/// How the processes of one training act as one: who adds gradients up, who decides to save and to stop, who writes.
///
/// Every rank runs the same loop on its own part of each batch. What the loop asks here is asked on all ranks at the
/// same moment, and answered alike. `SingleRank` is a training on its own.
public protocol TrainingRanks {
  /// From 0.
  var rank: Int { get }
  /// How many they are.
  var size: Int { get }
  /// Whether each rank keeps the optimizer's state of its share of the parameters, and no more.
  var shardsOptimizer: Bool { get }
  /// Whether this rank keeps states of its own on disk; otherwise the first rank's serve all.
  var keepsStates: Bool { get }

  /// Called once, when it is settled which parameters of the model train.
  func begin(_ model: LanguageModel)

  // MARK: A step

  /// Lets messages proceed while the tape computes.
  func attend(_ tape: Tape)

  /// The gradients of this layer are complete on this rank; each layer once a step, or not at all, on all ranks alike.
  func passed(_ layer: Int)

  /// Makes this rank's gradients those of the whole batch.
  /// - Parameters:
  ///   - sums: what the rank's part of the batch adds to the step's measures, in an order of the trainer's choice
  ///   - norm: the L2 norm of this rank's gradients, for ranks that each hold all of them
  /// - Returns: the sums over ranks, and the norm of the whole batch's gradients; the same bits on all ranks
  func reduce(_ sums: [Double], norm: () -> Double) throws -> (sums: [Double], norm: Double)

  /// The part of a model's flat buffer that this rank's optimizer updates.
  func share(of count: Int) -> Range<Int>

  /// Gives every rank all the numbers of a model's flat buffer [parameters], each from the first rank whose share it is in.
  func gather(_ values: Tensor) throws

  // MARK: A run

  /// Whether any rank wishes to stop, and whether it is time to save.
  func decide(stop: Bool, save: Bool) throws -> (stop: Bool, save: Bool)

  /// Runs a check or a preparation on every rank; where it fails on one, it fails on all. It may hold others.
  func agreeing<Result>(_ body: () throws -> Result) throws -> Result

  /// What the first rank finds out, on all: a hash of files that the others need not read.
  func fromFirst(_ body: () throws -> String) throws -> String

  /// A model whose weights the first rank reads for all.
  /// - Parameter folder: its checkpoint, which only the first rank must find
  func load(_ config: ModelConfig, from folder: URL) throws -> LanguageModel

  /// The newest of the steps whose states this rank has that all ranks have too; nil: there is none.
  func newestCommon(_ steps: [Int]) throws -> Int?

  /// Where this rank keeps its states.
  func states(in checkpoint: URL) -> URL

  /// An error that every rank has come to by itself, so that it is told once.
  func shared(_ error: UpcycleError) -> any Error
}

extension TrainingRanks {
  /// Whether this rank writes what there is once: the plan, the metrics, the finished model.
  public var writes: Bool { rank == 0 }

  /// This rank's part of so many things, as many as every other's.
  public func part(of count: Int) -> Range<Int> { count * rank / size..<count * (rank + 1) / size }

  /// Runs `body` on the rank that writes, while the others wait.
  public func onFirst(_ body: () throws -> Void) throws { try agreeing { if writes { try body() } } }

  /// A model folder, whose config every rank reads.
  public func load(_ folder: URL) throws -> LanguageModel {
    try load(agreeing { try ModelConfig(contentsOf: folder) }, from: folder)
  }

  /// Runs what makes files on the first rank, then on the others, which find them.
  public func inTurn<Result>(_ body: () throws -> Result) throws -> Result {
    if size > 1 { try onFirst { _ = try body() } }
    return try agreeing(body)
  }

  /// What the first rank makes, on all.
  public func valueFromFirst<Value: Codable>(_ body: () throws -> Value) throws -> Value {
    let text = try fromFirst { try jsonText(body()) }
    return try JSONDecoder().decode(Value.self, from: Data(text.utf8))
  }
}

/// A training in one process: its wishes are decisions, its sums the whole batch's, its share everything.
public struct SingleRank: TrainingRanks {
  /// Needs no MPI.
  public init() {}

  public var rank: Int { 0 }
  public var size: Int { 1 }
  public var shardsOptimizer: Bool { false }
  public var keepsStates: Bool { true }
  public func begin(_ model: LanguageModel) {}
  public func attend(_ tape: Tape) {}
  public func passed(_ layer: Int) {}
  public func reduce(_ sums: [Double], norm: () -> Double) -> (sums: [Double], norm: Double) { (sums, norm()) }
  public func share(of count: Int) -> Range<Int> { 0..<count }
  public func gather(_ values: Tensor) {}
  public func decide(stop: Bool, save: Bool) -> (stop: Bool, save: Bool) { (stop, save) }
  public func agreeing<Result>(_ body: () throws -> Result) throws -> Result { try body() }
  public func fromFirst(_ body: () throws -> String) throws -> String { try body() }
  /// Reads the checkpoint itself.
  /// - Throws: failures that name a file or a tensor which is missing, damaged or of another shape
  public func load(_ config: ModelConfig, from folder: URL) throws -> LanguageModel {
    try LanguageModel(config, weights: CheckpointReader(folder), file: folder.path)
  }
  public func newestCommon(_ steps: [Int]) -> Int? { steps.max() }
  public func states(in checkpoint: URL) -> URL { checkpoint }
  public func shared(_ error: UpcycleError) -> any Error { error }
}
