import Groundwork

/// A family of models on the Hub: how it spells a model. One file a family, one registration (`Families`); nothing
/// outside of these files asks which family a model is of.
///
/// What is computed depends on `ModelConfig` alone: a family turns its keys and defaults into the configuration's
/// facts, writes them back, and names the tensors.
public protocol Family: Sendable {
  /// `model_type`
  var architecture: Architecture { get }
  /// The entry of `architectures` in config.json.
  var className: String { get }
  /// What a checkpoint calls the tensors.
  var names: TensorNames { get }

  /// Reads the family's keys. Keys that do not change what is computed are ignored; a feature that we do not
  /// implement is refused by name. The caller validates.
  func read(_ model: JSONObject) throws -> ModelConfig
  /// The configuration in the family's keys, `model_type` and `architectures` among them; reading it back gives an
  /// equal value.
  func json(_ config: ModelConfig) -> [String: JSONValue]
  /// Refuses what the family cannot spell, by key.
  func validate(_ config: ModelConfig, _ check: ConfigCheck) throws

  /// Whether the family's layers may have experts.
  var hasExperts: Bool { get }
  /// Whether `sliding_window` counts where `use_sliding_window` is absent.
  var usesWindowsUnlessSaid: Bool { get }
  /// Whether the family turns only a part of each head (`partial_rotary_factor`).
  var rotatesPartOfHeads: Bool { get }
  /// Whether a model of the family with other mixers in some layers is still one that we can spell (as `hybrid`).
  var isConvertible: Bool { get }
  /// The family of this model with attention in every layer.
  func architecture(attentionOnly config: ModelConfig) -> Architecture
  /// Whether a checkpoint may hold this tensor although no layer asks for it.
  func ignores(_ name: String, of config: ModelConfig) -> Bool
}

extension Family {
  /// Llama's.
  public var names: TensorNames { TensorNames() }
  /// No.
  public var hasExperts: Bool { false }
  /// Yes.
  public var usesWindowsUnlessSaid: Bool { true }
  /// No.
  public var rotatesPartOfHeads: Bool { false }
  /// Yes.
  public var isConvertible: Bool { true }
  /// Nothing more than what every model must obey.
  public func validate(_ config: ModelConfig, _ check: ConfigCheck) throws {}
  /// The plain family of its attention, which converted models come back to; its own with experts.
  public func architecture(attentionOnly config: ModelConfig) -> Architecture {
    isConvertible && config.experts == nil ? .plain(config.attention) : architecture
  }

  /// Buffers, and tied copies of the head.
  public func ignores(_ name: String, of config: ModelConfig) -> Bool { isBufferOrTiedHead(name, of: config) }

  func isBufferOrTiedHead(_ name: String, of config: ModelConfig) -> Bool {
    name.hasSuffix("rotary_emb.inv_freq") || (config.tieWordEmbeddings && name == names.head)
  }
}

/// The family that a model is spelled in, by its `model_type`. Declared in the families' files.
public struct Architecture: RawRepresentable, Hashable, Codable, Sendable {
  /// `model_type`
  public let rawValue: String

  /// - Parameter rawValue: `model_type`
  public init(rawValue: String) { self.rawValue = rawValue }

  /// The type that spells it.
  /// - Precondition: it is registered (those that configurations name are)
  public var family: any Family { Families.family(of: self) }
}

/// The families that there are: ours, and those that a program registers before it reads or writes their models.
public enum Families {
  private static let registry = Registry<Architecture, any Family>(
    [
      Llama(), Qwen2(), Qwen3(), Qwen3MoE(), Llama4(), DeepSeek.v2, DeepSeek.v3, StockMamba2(), Qwen3Next(),
      Qwen3Dot5(), FlashLinear(), Mistral(), SmolLM3(), OLMo2(), Phi3(), Granite(), Gemma2(), Gemma3(), MiniCPM3(),
      GPT2(), Hybrid(),
    ], key: { $0.architecture })

  /// Makes a family known under its `model_type`.
  public static func register(_ family: any Family) { registry.add(family) }

  /// In the order of registration.
  public static var all: [any Family] { registry.all }

  static func family(of architecture: Architecture) -> any Family {
    guard let family = registry[architecture] else {
      preconditionFailure("no family \"\(architecture.rawValue)\" is registered")
    }
    return family
  }

  /// The family that a config.json names: by `model_type`, or where that is absent by `architectures`.
  static func family(naming model: JSONObject) throws -> any Family {
    let known = all.map(\.architecture.rawValue).joined(separator: ", ")
    if let type = try model.string("model_type") {
      guard let family = registry[Architecture(rawValue: type)] else {
        throw model.unsupported("model_type", "this architecture (known: \(known))")
      }
      return family
    }
    guard let name = try model.array("architectures")?.first?.string else {
      throw UpcycleError("\"model_type\" is missing", at: model.file, expected: "one of \(known)")
    }
    guard let family = all.first(where: { $0.className == name }) else {
      throw model.unsupported("architectures", "this architecture (known: \(known))")
    }
    return family
  }
}
