import Autograd
import CKernels
import Foundation
import Groundwork
import TensorCore

/// AdamW (decoupled weight decay) over a model's flat parameter buffer, or over a rank's share of it. Moments are
/// float32, laid out as the parameters are; frozen parameters are left alone.
public final class AdamW {
  /// The constants of the update.
  public struct Settings: Codable, Equatable, Sendable {
    /// Decay of the first moment, in 0..<1.
    public var beta1 = 0.9
    /// Decay of the second moment, in 0..<1.
    public var beta2 = 0.98
    /// Added to the root of the second moment, at least 0.
    public var epsilon = 1e-8
    /// Decoupled: each step takes rate * weightDecay of a weight.
    public var weightDecay = 0.0

    /// The betas that X-EcoMLA prints, and no decay, unless said otherwise.
    public init(beta1: Double = 0.9, beta2: Double = 0.98, epsilon: Double = 1e-8, weightDecay: Double = 0) {
      self.beta1 = beta1
      self.beta2 = beta2
      self.epsilon = epsilon
      self.weightDecay = weightDecay
    }

    /// - Throws: usage errors that name the constant out of range
    public func validate() throws {
      for (name, beta) in [("beta1", beta1), ("beta2", beta2)] where !(0..<1).contains(beta) {
        throw UpcycleError.usage("is out of range", field: name, expected: "a number in 0..<1", found: "\(beta)")
      }
      for (name, value) in [("epsilon", epsilon), ("weight_decay", weightDecay)] where !(value >= 0 && value.isFinite) {
        throw UpcycleError.usage("is out of range", field: name, expected: "at least 0", found: "\(value)")
      }
    }
  }

  /// The constants.
  public let settings: Settings
  /// Steps taken.
  public var step = 0
  /// The numbers of the buffer that are updated here.
  public let share: Range<Int>
  /// First moments, [share].
  public let first: Tensor
  /// Second moments, [share].
  public let second: Tensor
  private let set: ParameterSet

  /// Step 0, moments 0.
  /// - Parameter share: of the parameters' flat buffer; nil: all of it
  public init(_ set: ParameterSet, _ settings: Settings, share: Range<Int>? = nil) {
    self.set = set
    self.settings = settings
    self.share = share ?? 0..<set.count
    first = Tensor.zeros([self.share.count])
    second = Tensor.zeros([self.share.count])
  }

  /// L2 norm of all gradients, summed in float64 in a fixed order.
  public func gradientNorm() -> Double {
    guard let gradients = set.gradients else { return 0 }
    let pieces = 64
    var sums = [Double](repeating: 0, count: pieces)
    sums.withUnsafeMutableBufferPointer { sums in
      let sums = sums.baseAddress!
      Threads.parallel(pieces) { piece in
        let low = set.count * piece / pieces
        let high = set.count * (piece + 1) / pieces
        sums[piece] = up_sum_of_squares(gradients.pointer + low, high - low)
      }
    }
    return sums.reduce(0, +).squareRoot()
  }

  /// One update with learning rate `rate`; gradients are multiplied by `gradientScale` first (clipping).
  public func update(rate: Double, gradientScale: Double = 1) {
    guard let gradients = set.gradients else { return }
    step += 1
    let correction1 = Float(1 - pow(settings.beta1, Double(step)))
    let correction2 = Float(1 - pow(settings.beta2, Double(step)))
    let set = self.set
    Threads.parallel(set.parameters.count) { index in
      let parameter = set.parameters[index]
      if !parameter.isTrainable { return }
      let range = set.range(of: index).clamped(to: share)
      if range.isEmpty { return }
      let moment = range.lowerBound - share.lowerBound
      up_adamw(
        set.values.pointer + range.lowerBound, gradients.pointer + range.lowerBound, first.pointer + moment,
        second.pointer + moment, range.count, Float(rate), Float(settings.beta1), Float(settings.beta2),
        Float(settings.epsilon), parameter.decays ? Float(settings.weightDecay) : 0, correction1, correction2,
        Float(gradientScale))
    }
  }
}
