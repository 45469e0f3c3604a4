import Collectives
import Distillation
import Foundation
import Groundwork
import ModelCore

private struct Wish: BitwiseCopyable { var stop, save: Bool }

/// Ranks of a communicator that train together, whatever they share.
protocol ContextRanks: TrainingRanks {
  var context: RankContext { get }
}

extension ContextRanks {
  /// The communicator's.
  public var rank: Int { context.ranks.rank }
  /// The communicator's.
  public var size: Int { context.ranks.size }

  /// Sums over ranks, added in their order.
  func total(_ own: [Double]) throws -> [Double] {
    let all = try context.ranks.allGather(own, filler: 0)
    return own.indices.map { place in all.reduce(0) { $0 + $1[place] } }
  }

  /// The clock of the first rank decides for all.
  public func decide(stop: Bool, save: Bool) throws -> (stop: Bool, save: Bool) {
    let wishes = try context.ranks.allGather([Wish(stop: stop, save: save)], filler: Wish(stop: false, save: false))
    return (wishes.contains { $0[0].stop }, wishes[0][0].save)
  }

  /// The error of the lowest rank that fails, on all.
  public func agreeing<Result>(_ body: () throws -> Result) throws -> Result { try context.ranks.agreeing(body) }

  /// By message.
  public func fromFirst(_ body: () throws -> String) throws -> String {
    try context.ranks.allGather(agreeing { writes ? try body() : "" })[0]
  }

  /// By message.
  public func load(_ config: ModelConfig, from folder: URL) throws -> LanguageModel {
    try context.ranks.load(config, from: folder)
  }

  /// Of states that every rank has for itself.
  public func newestCommon(_ steps: [Int]) throws -> Int? {
    let all = try context.ranks.allGather(steps, filler: 0)
    return all.dropFirst().reduce(Set(all[0])) { $0.intersection($1) }.max()
  }

  /// A folder of every rank.
  public func states(in checkpoint: URL) -> URL { checkpoint.appendingPathComponent("rank-\(rank)") }

  /// Told by the first rank.
  public func shared(_ error: UpcycleError) -> any Error { AgreedError(error) }
}
