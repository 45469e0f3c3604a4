import Foundation

/// Learning rate by step: linear warm-up, then cosine down to `floor` of the peak (0 in the papers).
///
/// Step s counts from 0. Warm-up step s gives peak (s + 1) / warmup; the last step ends at the floor's
/// neighbourhood as Hugging Face's cosine does: progress (s - warmup) / (steps - warmup).
public struct Schedule: Codable, Equatable, Sendable {
  /// The highest rate.
  public var peak: Double
  /// Of the whole training.
  public var steps: Int
  /// Steps of the linear rise.
  public var warmup: Int
  /// The last rate as a fraction of the peak.
  public var floor: Double

  init(peak: Double, steps: Int, warmup: Int, floor: Double = 0) {
    self.peak = peak
    self.steps = steps
    self.warmup = warmup
    self.floor = floor
  }

  /// The learning rate of a step, counted from 0.
  public func rate(at step: Int) -> Double {
    if step < warmup { return peak * Double(step + 1) / Double(warmup) }
    let progress = Double(step - warmup) / Double(max(1, steps - warmup))
    let cosine = 0.5 * (1 + cos(Double.pi * min(1, progress)))
    return peak * (floor + (1 - floor) * cosine)
  }
}
