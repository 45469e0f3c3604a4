import Groundwork

/// What mixes tokens in one layer. The raw value is the spelling in `mixer_types`; kinds are declared in their mixers'
/// folders and registered in `Mixers`.
public struct MixerKind: RawRepresentable, Hashable, Codable, Sendable {
  /// The entry of `mixer_types` in config.json.
  public let rawValue: String

  /// - Parameter rawValue: the entry of `mixer_types`
  public init(rawValue: String) { self.rawValue = rawValue }

  /// The type that implements it.
  /// - Precondition: it is registered (kinds that a configuration names are)
  public var mixer: any Mixer.Type { Mixers.type(of: self) }

  /// As tables and reports name it.
  public var shortName: String { mixer.shortName }
}

/// The mixers that there are: ours, and those that a program registers before it reads or makes a model with them.
public enum Mixers {
  private static let registry = Registry<MixerKind, any Mixer.Type>(
    [
      Attention.self, LatentAttention.self, Mamba2.self, GatedDeltaNet.self, JetBlock.self, LightningAttention.self,
      LowRankAttention.self,
      PartialRopeAttention.self,
    ], key: { $0.kind })

  /// Makes a mixer known under its kind.
  public static func register(_ mixer: any Mixer.Type) { registry.add(mixer) }

  /// Every kind, in the order of registration.
  public static var kinds: [MixerKind] { registry.all.map { $0.kind } }

  static var types: [any Mixer.Type] { registry.all }

  static func type(of kind: MixerKind) -> any Mixer.Type {
    guard let type = registry[kind] else { preconditionFailure("no mixer \"\(kind.rawValue)\" is registered") }
    return type
  }

  /// The kind of this spelling in `mixer_types`; nil for an unknown one.
  public static func kind(_ name: String) -> MixerKind? { registry[MixerKind(rawValue: name)]?.kind }
}
