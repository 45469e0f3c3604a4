import CKernels
import Collectives
import Distillation
import Foundation
import Groundwork
import ModelCore

/// Ranks that share the experts of a model and train it together: replicated weights have their gradients summed, an
/// expert's are whole on the rank that has it.
final class ExpertRanks: TrainingRanks {
  private let model: LanguageModel
  private let context: RankContext
  /// Sums under way; a layer's begin while the backward pass goes on.
  let sums: GradientSums

  init(_ model: LanguageModel, _ context: RankContext) {
    self.model = model
    self.context = context
    sums = GradientSums(model, context)
  }

  var writes: Bool { context.ranks.rank == 0 }

  func reduce(_ own: [Double], norm: () -> Double) throws -> (sums: [Double], norm: Double) {
    sums.finish()
    try context.check()
    // Added in order of ranks.
    let all = try context.ranks.allGather(own + [expertSquares], filler: 0)
    let totals = (0...own.count).map { place in all.reduce(0) { $0 + $1[place] } }
    return (Array(totals.dropLast()), (replicatedSquares + totals[own.count]).squareRoot())
  }

  /// Of this rank's experts: nothing else of the experts has a gradient here.
  private var expertSquares: Double {
    model.expertParameters.reduce(0) { sum, parameter in
      sum + (parameter.gradient.map { up_sum_of_squares($0.pointer, $0.count) } ?? 0)
    }
  }

  private var replicatedSquares: Double {
    guard let gradients = model.parameters.gradients else { return 0 }
    return sums.runs.reduce(0) { $0 + up_sum_of_squares(gradients.pointer + $1.lowerBound, $1.count) }
  }

  /// The clock of the first rank decides for all.
  func decide(stop: Bool, save: Bool) throws -> (stop: Bool, save: Bool) {
    struct Wish: BitwiseCopyable { var stop, save: Bool }
    let wishes = try context.ranks.allGather([Wish(stop: stop, save: save)], filler: Wish(stop: false, save: false))
    return (wishes.contains { $0[0].stop }, wishes[0][0].save)
  }

  func agreeing<Result>(_ body: () throws -> Result) throws -> Result { try context.ranks.agreeing(body) }

  func newestCommon(_ steps: [Int]) throws -> Int? {
    let all = try context.ranks.allGather(steps, filler: 0)
    return all.dropFirst().reduce(Set(all[0])) { $0.intersection($1) }.max()
  }

  func states(in checkpoint: URL) -> URL { checkpoint.appendingPathComponent("rank-\(context.ranks.rank)") }

  func shared(_ error: UpcycleError) -> any Error { AgreedError(error) }
}
