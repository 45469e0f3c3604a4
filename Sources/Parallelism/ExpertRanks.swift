import Autograd
import CKernels
import Collectives
import Distillation
import Foundation
import Groundwork
import ModelCore
import TensorCore

/// Ranks that share the experts of a model and train it together: replicated weights have their gradients summed, an
/// expert's are whole on the rank that has it.
final class ExpertRanks: ContextRanks {
  private let model: LanguageModel
  let context: RankContext
  /// Sums under way; a layer's begin while the backward pass goes on.
  let sums: GradientSums

  init(_ model: LanguageModel, _ context: RankContext) {
    self.model = model
    self.context = context
    sums = GradientSums(model, except: model.expertParameters, context)
  }

  var shardsOptimizer: Bool { false }
  var keepsStates: Bool { true }

  func begin(_ model: LanguageModel) {}

  /// `ExpertParallelModel` does.
  func attend(_ tape: Tape) {}

  func passed(_ layer: Int) { sums.passed(layer) }

  func reduce(_ own: [Double], norm: () -> Double) throws -> (sums: [Double], norm: Double) {
    sums.finish()
    try context.check()
    let totals = try total(own + [expertSquares])
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

  func share(of count: Int) -> Range<Int> { 0..<count }

  /// Nothing to do: replicated weights are equal, and experts stay where they are.
  func gather(_ values: Tensor) {}
}
