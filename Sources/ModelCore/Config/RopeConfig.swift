import Foundation

/// Rotary position embedding: which angle each pair of dimensions turns by per position.
///
/// The unscaled angle of pair j is theta^(-2j / D), where D is the number of rotated dimensions, or
/// `frequencyDim` when a layer keeps only the first pairs of a wider head (aligned rope slices).
public struct RopeConfig: Equatable, Sendable {
  /// How frequencies are stretched for contexts longer than those of pretraining.
  public enum Scaling: Equatable, Sendable {
    /// Frequencies as pretraining had them.
    case none
    /// Positions divided by `factor`.
    case linear(factor: Double)
    /// Long wavelengths alone are stretched.
    case llama3(Llama3)
    /// Low frequencies are divided along a ramp, cos and sin scaled.
    case yarn(Yarn)
    /// Every pair has its own divisor.
    case longRope(LongRope)
  }

  /// LongRoPE (arXiv 2402.13753; Phi-3, Phi-4, MiniCPM3): every pair's frequency is divided by its own factor. There
  /// are two lists, for contexts up to that of pretraining and beyond; the first alone is implemented, up to there.
  public struct LongRope: Equatable, Sendable {
    /// Of every pair (`short_factor`).
    public var shortFactors: [Double]
    /// The same for longer contexts (`long_factor`): kept for writing.
    public var longFactors: [Double]
    /// Context of pretraining, tokens (`original_max_position_embeddings`).
    public var originalMaxPosition: Int
    /// Multiplies cos and sin (`attention_factor`).
    public var attentionFactor: Double

    /// What the paper multiplies cos and sin by: sqrt(1 + ln s / ln L0), 1 where nothing is stretched.
    static func magnitude(factor: Double, original: Int) -> Double {
      factor <= 1 || original < 2 ? 1 : (1 + log(factor) / log(Double(original))).squareRoot()
    }
  }

  /// Llama 3's rule: long wavelengths are divided by `factor`, short ones kept, with a smooth passage.
  public struct Llama3: Equatable, Sendable {
    /// How much longer the context becomes (`factor`).
    public var factor: Double
    /// Wavelengths above originalMaxPosition over this are divided by `factor` (`low_freq_factor`).
    public var lowFrequencyFactor: Double
    /// Wavelengths below originalMaxPosition over this are kept (`high_freq_factor`).
    public var highFrequencyFactor: Double
    /// Context of pretraining, tokens (`original_max_position_embeddings`).
    public var originalMaxPosition: Int

    /// Llama 3's passage, wavelengths from a quarter of the original context to the whole, unless said otherwise.
    public init(
      factor: Double, lowFrequencyFactor: Double = 1, highFrequencyFactor: Double = 4, originalMaxPosition: Int
    ) {
      self.factor = factor
      self.lowFrequencyFactor = lowFrequencyFactor
      self.highFrequencyFactor = highFrequencyFactor
      self.originalMaxPosition = originalMaxPosition
    }
  }

  /// YaRN (arXiv 2309.00071), with the two `mscale` numbers that DeepSeek added.
  public struct Yarn: Equatable, Sendable {
    /// How much longer the context becomes (`factor`).
    public var factor: Double
    /// Context of pretraining, tokens (`original_max_position_embeddings`).
    public var originalMaxPosition: Int
    /// Turns over the original context above which a pair keeps its frequency (`beta_fast`).
    public var betaFast: Double
    /// Turns below which a pair is divided by `factor` (`beta_slow`).
    public var betaSlow: Double
    /// DeepSeek's factor of cos and sin, over `mscaleAllDim`'s (`mscale`).
    public var mscale: Double?
    /// DeepSeek's factor of the softmax scale (`mscale_all_dim`).
    public var mscaleAllDim: Double?
    /// Multiplies cos and sin; overrides what `factor` and the mscales give.
    public var attentionFactor: Double?
    /// Whether the ramp's ends are rounded outwards to whole pairs.
    public var truncate: Bool

    /// The paper's ramp, 32 turns to 1, and its factor of cos and sin, unless said otherwise.
    public init(
      factor: Double, originalMaxPosition: Int, betaFast: Double = 32, betaSlow: Double = 1,
      mscale: Double? = nil, mscaleAllDim: Double? = nil, attentionFactor: Double? = nil, truncate: Bool = true
    ) {
      self.factor = factor
      self.originalMaxPosition = originalMaxPosition
      self.betaFast = betaFast
      self.betaSlow = betaSlow
      self.mscale = mscale
      self.mscaleAllDim = mscaleAllDim
      self.attentionFactor = attentionFactor
      self.truncate = truncate
    }

    /// 0.1 m ln s + 1, and 1 when nothing is stretched.
    public static func magnitude(scale: Double, mscale: Double) -> Double {
      scale <= 1 ? 1 : 0.1 * mscale * log(scale) + 1
    }
  }

  /// The base of the frequencies (`rope_theta`), above 1.
  public var theta: Double
  /// Nothing, or one of four rules (`rope_type`).
  public var scaling: Scaling
  /// D in theta^(-2j / D) when it is not the number of rotated dimensions.
  public var frequencyDim: Int?
  /// Share of an attention head's dimensions that is turned, from the first on (`partial_rotary_factor`).
  public var rotatedShare = 1.0

  /// Whole heads turn; `rotatedShare` may be lowered afterwards.
  public init(theta: Double = 10_000, scaling: Scaling = .none, frequencyDim: Int? = nil) {
    self.theta = theta
    self.scaling = scaling
    self.frequencyDim = frequencyDim
  }

  /// The most positions that are turned as the model was made for; nil: no limit of the rope's own.
  var positionLimit: Int? { if case .longRope(let rule) = scaling { rule.originalMaxPosition } else { nil } }

  /// Pairs that the scaling knows; nil: any.
  var knownPairs: Int? { if case .longRope(let rule) = scaling { rule.shortFactors.count } else { nil } }

  /// What cos and sin are multiplied by (YaRN and LongRoPE, else 1).
  public var magnitude: Double {
    if case .longRope(let rule) = scaling { return rule.attentionFactor }
    guard case .yarn(let yarn) = scaling else { return 1 }
    if let attentionFactor = yarn.attentionFactor { return attentionFactor }
    if let mscale = yarn.mscale, let all = yarn.mscaleAllDim, mscale != 0, all != 0 {
      return Yarn.magnitude(scale: yarn.factor, mscale: mscale) / Yarn.magnitude(scale: yarn.factor, mscale: all)
    }
    return Yarn.magnitude(scale: yarn.factor, mscale: 1)
  }

  /// What DeepSeek multiplies the softmax scale of latent attention by: magnitude(mscale_all_dim) squared.
  public var latentScaleFactor: Double {
    guard case .yarn(let yarn) = scaling, let all = yarn.mscaleAllDim, all != 0 else { return 1 }
    let magnitude = Yarn.magnitude(scale: yarn.factor, mscale: all)
    return magnitude * magnitude
  }

  /// Angle per position of each rotated pair, highest frequency first; `dim` dimensions, dim / 2 angles.
  public func inverseFrequencies(dim: Int) -> [Double] {
    let width = frequencyDim ?? dim
    let plain = (0..<dim / 2).map { pow(theta, -2 * Double($0) / Double(width)) }
    switch scaling {
    case .none: return plain
    case .linear(let factor): return plain.map { $0 / factor }
    case .llama3(let rule): return plain.map { Self.stretch($0, by: rule) }
    case .yarn(let rule): return stretch(plain, width: width, by: rule)
    case .longRope(let rule): return zip(plain, rule.shortFactors).map { $0 / $1 }
    }
  }

  private static func stretch(_ frequency: Double, by rule: Llama3) -> Double {
    let turns = Double(rule.originalMaxPosition) * frequency / (2 * Double.pi)
    if turns < rule.lowFrequencyFactor { return frequency / rule.factor }
    // Llama-4-Scout has no passage: both factors are 1.
    if turns > rule.highFrequencyFactor || rule.highFrequencyFactor == rule.lowFrequencyFactor { return frequency }
    let kept = (turns - rule.lowFrequencyFactor) / (rule.highFrequencyFactor - rule.lowFrequencyFactor)
    return (1 - kept) * frequency / rule.factor + kept * frequency
  }

  /// Pair index range of YaRN's ramp: pairs below `low` keep their frequency, pairs above `high` are divided.
  public func yarnRamp(width: Int, rule: Yarn) -> (low: Double, high: Double) {
    func pair(turns: Double) -> Double {
      Double(width) * log(Double(rule.originalMaxPosition) / (turns * 2 * Double.pi)) / (2 * log(theta))
    }
    var low = pair(turns: rule.betaFast)
    var high = pair(turns: rule.betaSlow)
    if rule.truncate { (low, high) = (low.rounded(.down), high.rounded(.up)) }
    return (max(low, 0), min(high, Double(width - 1)))
  }

  private func stretch(_ plain: [Double], width: Int, by rule: Yarn) -> [Double] {
    var (low, high) = yarnRamp(width: width, rule: rule)
    if low == high { high += 0.001 }
    return plain.enumerated().map { index, frequency in
      let divided = min(max((Double(index) - low) / (high - low), 0), 1)
      return frequency / rule.factor * divided + frequency * (1 - divided)
    }
  }
}
