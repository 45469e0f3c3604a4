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
