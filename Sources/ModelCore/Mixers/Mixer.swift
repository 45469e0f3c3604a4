import Autograd
import Groundwork
import TensorCore

/// The token mixer of a layer, everything about it: how a configuration spells its shape, which tensors it has, what
/// it computes, what it caches and what it costs. One folder a mixer, one registration (`Mixers`); in this module
/// nothing but the families' files asks which mixer a layer has.
public protocol Mixer: SendableMetatype {
  /// The entry of `mixer_types` in config.json.
  static var kind: MixerKind { get }
  /// As tables and reports name it.
  static var shortName: String { get }
  /// As reports call its layers, and the keys of their JSON begin.
  static var reportName: String { get }
  /// Its shape in a few words, such as "16 heads of 8, state 8"; nil where there is nothing to say.
  static func summary(_ config: ModelConfig) -> String?
  /// Its module's name below `model.layers.N.` where the family has none of its own for it.
  static var moduleName: String { get }

  // MARK: Configuration

  /// Reads the mixer's keys; called when some layer has this mixer, after everything else of the model is read.
  static func read(_ model: JSONObject, into config: inout ModelConfig) throws
  /// The same keys, for merging into the model's object; none where the model has no such layers.
  static func json(_ config: ModelConfig) -> [String: JSONValue]
  /// Refuses impossible values by key; called when some layer has this mixer.
  static func validate(_ config: ModelConfig, _ check: ConfigCheck) throws

  // MARK: Exact accounting

  /// The tensors of a layer in file order, output projection last.
  static func tensors(_ config: ModelConfig, layer: Int) -> [MixerTensor]
  /// Numbers that a layer's cache holds.
  static func cacheNeeds(_ config: ModelConfig, layer: Int) -> CacheNeeds
  /// What a layer computes and keeps beside its matrices.
  static func costs(_ config: ModelConfig, layer: Int) -> MixerCosts
  /// Heads that keep keys and values of their own in a row, [keys of all heads | values], and may each forget other
  /// tokens (`HeavyHitters`); nil: rows are something else, or there are none.
  static func evictableHeads(_ config: ModelConfig, layer: Int) -> Int?
  /// Whether ranks can each do some of its heads (`attentionHeads`, `keyValueHeads`).
  static var dividesByHeads: Bool { get }
  /// Whether all that it keeps of the past is of one size, however long the sequence.
  static var isLinear: Bool { get }

  // MARK: Computing

  /// Asks for the layer's tensors by role, in the order in which they shall lie in memory.
  /// - Throws: what `weights` throws; a failure that names the layer where the configuration lacks the mixer's shape
  init(_ config: ModelConfig, layer: Int, weights: LayerWeights) throws

  /// Training: x [B, T, D], normed -> [B, T, D], every sequence from position 0.
  /// - Parameters:
  ///   - positionIds: of every row, [B * T]
  ///   - between: called between the projections and the core, where a collective may be started or awaited
  ///     (FarSkip-Collective, section 3); a recurrent mixer is all core
  func forward(
    _ tape: Tape, _ x: Variable, batch: Int, time: Int, positionIds: [Int32], between: () -> Void
  ) -> Variable

  /// Decoding: rows [N, D] of several sequences, normed -> [N, D]; every segment's tokens join its cache.
  func extend(_ tape: Tape, _ x: Variable, _ segments: [CacheSegment], positionIds: [Int32]) -> Variable
}

extension Mixer {
  /// The short name in small letters.
  public static var reportName: String { shortName.lowercased() }
  /// Nothing.
  public static func summary(_ config: ModelConfig) -> String? { nil }
  /// Reads nothing: the mixer has no keys of its own.
  public static func read(_ model: JSONObject, into config: inout ModelConfig) throws {}
  /// No keys.
  public static func json(_ config: ModelConfig) -> [String: JSONValue] { [:] }
  /// Refuses nothing.
  public static func validate(_ config: ModelConfig, _ check: ConfigCheck) throws {}
  /// None.
  public static func evictableHeads(_ config: ModelConfig, layer: Int) -> Int? { nil }
  /// No.
  public static var dividesByHeads: Bool { false }
  /// No.
  public static var isLinear: Bool { false }

  /// Training without anything between projections and core.
  public func forward(_ tape: Tape, _ x: Variable, batch: Int, time: Int, positionIds: [Int32]) -> Variable {
    forward(tape, x, batch: batch, time: time, positionIds: positionIds, between: {})
  }
}

/// A mixer whose heads multiply rows of values by a matrix, which can be shown: attention's softmax, Mamba2's L * (C B^T).
/// Between the projections of one layer this is all that tells such mixers apart (MOHAWK, arXiv 2408.10189).
public protocol MatrixMixer: Mixer {
  /// x [B, T, D], normed, every sequence from position 0 -> [B, H, T * T]. Quadratic in time, for training by `distance`.
  func matrices(_ tape: Tape, _ x: Variable, batch: Int, time: Int, positionIds: [Int32]) -> Variable
}

/// A tensor that a mixer has in every layer of its kind.
public struct MixerTensor: Equatable, Sendable {
  /// What it is to the mixer.
  public var role: MixerRole
  /// Row-major, out x in.
  public var shape: [Int]
  /// In a model made from nothing.
  public var start: TensorStart

  /// A tensor of every layer.
  public init(_ role: MixerRole, _ shape: [Int], start: TensorStart = .normal) {
    self.role = role
    self.shape = shape
    self.start = start
  }
}

/// Numbers of one layer's cache of one sequence.
public struct CacheNeeds: Equatable, Sendable {
  /// Of every token: a row.
  public var perToken: Int
  /// Rows it keeps at most, of the last tokens; nil: of all.
  public var mostTokens: Int?
  /// Of the recurrent state, whatever the length; what served models keep in float32.
  public var recurrent: Int
  /// The last inputs of a convolution, whatever the length.
  public var recentInputs: Int

  /// Nothing unless said.
  public init(perToken: Int = 0, mostTokens: Int? = nil, recurrent: Int = 0, recentInputs: Int = 0) {
    self.perToken = perToken
    self.mostTokens = mostTokens
    self.recurrent = recurrent
    self.recentInputs = recentInputs
  }

  /// Numbers of the rows of a sequence of so many tokens.
  public func rowNumbers(context: Int) -> Int { perToken * min(context, mostTokens ?? .max) }

  /// Everything that does not grow.
  public var state: Int { recurrent + recentInputs }
}

/// What a layer of a mixer costs beside the products with its matrices.
public struct MixerCosts: Equatable, Sendable {
  /// Multiplications with an addition, per token.
  public var productsPerToken: Int
  /// The same per token and position that it sees, in a pass over whole sequences.
  public var productsPerPosition: Int
  /// The same for one new token and each cached one.
  public var productsPerCachedToken: Int
  /// Numbers per token that the backward pass needs: every operation's output, without the output projection's.
  public var keptNumbersPerToken: Int

  /// Nothing is computed beside the matrices unless said.
  public init(
    productsPerToken: Int = 0, productsPerPosition: Int = 0, productsPerCachedToken: Int = 0, keptNumbersPerToken: Int
  ) {
    self.productsPerToken = productsPerToken
    self.productsPerPosition = productsPerPosition
    self.productsPerCachedToken = productsPerCachedToken
    self.keptNumbersPerToken = keptNumbersPerToken
  }
}
