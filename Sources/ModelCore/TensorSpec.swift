/// One tensor of a model: what it is, where it belongs, its name in a checkpoint, its row-major shape (weights are
/// out x in, as in PyTorch) and how it starts when a model is made from nothing.
///
/// Layers ask for their tensors by role; sources of weights answer a whole spec, so nobody guesses from a name what a
/// tensor is. Names are the families' (`TensorNames`).
public struct TensorSpec: Equatable, Sendable {
  /// In a checkpoint.
  public var name: String
  /// Row-major, out x in.
  public var shape: [Int]
  /// nil: not part of a layer.
  public var layer: Int?
  /// What it is to its model.
  public var role: TensorRole
  /// In a model made from nothing.
  public var start: TensorStart
  /// The larger tensor that a checkpoint keeps it in (Phi-3's q, k and v); nil: it is stored by itself.
  public var part: Part?
  /// A checkpoint keeps it, or the larger tensor, as in x out (GPT-2's Conv1D).
  public var isTransposed = false

  /// Rows of a larger tensor, both seen as out x in.
  public struct Part: Equatable, Sendable {
    /// Of the larger tensor.
    public var name: String
    /// Of the larger tensor.
    public var shape: [Int]
    /// Numbers of it that come before ours.
    public var offset: Int
  }

  /// The name that a checkpoint's header holds it under.
  public var storedName: String { part?.name ?? name }

  /// The shape that stands beside that name.
  public var storedShape: [Int] {
    let whole = part?.shape ?? shape
    return isTransposed ? whole.reversed() : whole
  }

  /// - Parameters:
  ///   - layer: nil outside of layers
  ///   - role: left out for tensors that belong to no model
  public init(
    _ name: String, _ shape: [Int], layer: Int? = nil, role: TensorRole = .other, start: TensorStart = .normal
  ) {
    self.name = name
    self.shape = shape
    self.layer = layer
    self.role = role
    self.start = start
  }

  /// Numbers in it.
  public var count: Int { shape.reduce(1, *) }

  /// Whether it is part of a layer's mixer.
  public var isMixers: Bool { if case .mixer = role { true } else { false } }

  /// Which tensor of a model this is, whatever its name.
  public var place: TensorPlace { TensorPlace(role, layer: layer) }
}

/// A tensor of a model by layer and role.
public struct TensorPlace: Hashable, Sendable {
  /// Nil: not part of a layer.
  public var layer: Int?
  /// What it is to its model.
  public var role: TensorRole

  /// - Parameter layer: nil outside of layers
  public init(_ role: TensorRole, layer: Int? = nil) {
    self.role = role
    self.layer = layer
  }
}

/// What a tensor is to its model.
public enum TensorRole: Hashable, Sendable {
  /// [vocabulary, d]
  case embedding
  /// [positions, d], of what joins the embedding
  case positions
  /// [d], behind the last layer
  case finalNorm
  /// [d], of a LayerNorm
  case finalNormBias
  /// [vocabulary, d]; absent when the embedding serves
  case head
  /// [d], before the mixer
  case inputNorm
  /// [d], of a LayerNorm
  case inputNormBias
  /// One of the mixer's own.
  case mixer(MixerRole)
  /// [d], before feed-forward or experts
  case transformNorm
  /// [d], of a LayerNorm
  case transformNormBias
  /// [d], of what the mixer adds
  case mixerOutputNorm
  /// [d], of what feed-forward or experts add
  case transformOutputNorm
  /// Of a dense feed-forward.
  case feedForward(Projection)
  /// Of a dense feed-forward without a gate: as many as the projection has rows.
  case feedForwardBias(Projection)
  /// [experts, d]
  case router
  /// [experts], added to the scores that choose, not to the weights
  case correctionBias
  /// Of one routed expert.
  case expert(Int, Projection)
  /// Of all routed experts of a layer, gate and up side by side: [experts, d, 2 F]
  case stackedGateUp
  /// Of all routed experts of a layer: [experts, F, d]
  case stackedDown
  /// Of the shared experts, which are one feed-forward.
  case sharedExpert(Projection)
  /// No part of a model.
  case other

  /// The three matrices of a SwiGLU; the raw value is the Hub's name of them.
  public enum Projection: String, CaseIterable, Sendable {
    /// [F, d]
    case gate = "gate_proj"
    /// [F, d]
    case up = "up_proj"
    /// [d, F]
    case down = "down_proj"
  }
}

/// A tensor of a mixer. The raw value is the name it has below its module in a checkpoint, unless a family spells it
/// otherwise (`TensorNames.mixerTensors`). Every mixer declares its own in its folder.
public struct MixerRole: RawRepresentable, Hashable, Sendable {
  /// The name below the mixer's module.
  public let rawValue: String
  /// - Parameter rawValue: the name below the mixer's module
  public init(rawValue: String) { self.rawValue = rawValue }
  /// - Parameter name: below the mixer's module
  public init(_ name: String) { rawValue = name }

  /// The projection that writes to the residual stream, which every mixer has.
  public static let output = MixerRole("o_proj.weight")
}

/// How a tensor starts in a model that is made from nothing. Random values depend on seed and name only.
public enum TensorStart: Equatable, Sendable {
  /// normal(0, deviation): matrices.
  case normal
  /// The same divided by sqrt(2 layers): matrices that write to the residual stream.
  case residual
  /// The same number everywhere: norms and biases.
  case constant(Float)
  /// What a mixer prescribes.
  case drawn(Draw)

  /// Values made from numbers uniform in [0, 1).
  public struct Draw: Equatable, Sendable {
    /// Two draws of one name are the same.
    public var name: String
    /// Of a number uniform in [0, 1).
    public var value: @Sendable (Double) -> Double

    /// - Parameter value: of a number uniform in [0, 1)
    public init(_ name: String, value: @escaping @Sendable (Double) -> Double) {
      self.name = name
      self.value = value
    }

    /// By name.
    public static func == (a: Draw, b: Draw) -> Bool { a.name == b.name }
  }
}
