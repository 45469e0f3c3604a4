import ModelCore

/// How attention layers of a base become one other mixer: what the conversions of the methods have in common.
public protocol MixerReplacement: Codable, Equatable, Sendable {
  /// What takes attention's place.
  static var kind: MixerKind { get }
  /// Seed of everything that starts at random.
  var seed: UInt64 { get set }

  /// The converted model's shape.
  /// - Throws: usage errors for what cannot be done to this base
  func config(base: ModelConfig) throws -> ModelConfig

  /// The converted model before any training; `base` is left as it was.
  /// - Throws: as `config`
  func converted(_ base: LanguageModel) throws -> LanguageModel
}

extension MixerReplacement {
  /// As `--mixer` and `--linear` call it: mla, mamba2, gdn.
  public var name: String { Self.kind.shortName.lowercased() }

  /// The same with another seed.
  public func seeded(_ seed: UInt64) -> Self {
    var other = self
    other.seed = seed
    return other
  }
}

/// A replacement that makes every tensor of a new mixer by itself, from the attention that it replaces.
protocol TensorwiseReplacement: MixerReplacement {
  /// Writes a tensor of a converted layer.
  /// - Parameter config: the converted model's
  func write(
    _ tensor: TensorSpec, _ role: MixerRole, layer: Int, of config: ModelConfig, from teacher: TeacherRows,
    to destination: UnsafeMutablePointer<Float>
  ) throws
}

extension TensorwiseReplacement {
  /// Makes every tensor when the new model asks for it, so that nothing exists twice; `base` is left as it was.
  public func converted(_ base: LanguageModel) throws -> LanguageModel {
    let config = try config(base: base.config)
    let teacher = TeacherRows(source: ModelWeights(base), base: base.config)
    return try LanguageModel(
      config, weights: ReplacedMixers(replacement: self, config: config, teacher: teacher), file: "converted model")
  }
}

/// The weights of a model whose attention layers became another mixer, made as they are asked for.
private struct ReplacedMixers<Replacement: TensorwiseReplacement>: WeightSource {
  let replacement: Replacement
  let config: ModelConfig
  let teacher: TeacherRows

  var names: Set<String>? { nil }

  func read(_ tensor: TensorSpec, into destination: UnsafeMutablePointer<Float>) throws {
    guard case .mixer(let role) = tensor.role, let layer = tensor.layer,
      config.mixers[layer] != teacher.base.mixers[layer]
    else {
      return try teacher.source.read(teacher.base.counterpart(of: tensor), into: destination)
    }
    try replacement.write(tensor, role, layer: layer, of: config, from: teacher, to: destination)
  }
}
