import Groundwork

/// Refuses impossible values of a configuration.
public struct ConfigCheck {
  /// What errors name as the place.
  public let file: String

  /// - Parameter file: what errors name as the place
  public init(file: String) { self.file = file }

  /// - Parameters:
  ///   - key: of config.json
  ///   - what: is wrong with it
  /// - Throws: a failure that names file, key, what was expected and what was found
  public func require(_ condition: Bool, _ key: String, _ expected: String, _ found: Any, _ what: String) throws {
    if !condition { throw UpcycleError("\"\(key)\": \(what)", at: file, expected: expected, found: "\(found)") }
  }

  /// Refuses a rope whose scaling does not know every pair of `dim` dimensions.
  public func rope(_ rope: RopeConfig, dim: Int) throws {
    guard let pairs = rope.knownPairs else { return }
    try require(pairs >= dim / 2, "short_factor", "\(dim / 2) factors, one for every pair", pairs, "too few")
  }

  /// The shape of a kind of layer that the model has.
  /// - Throws: a failure that names the key whose absence left it out
  public func shape<Shape>(_ shape: Shape?, _ key: String, of kind: MixerKind) throws -> Shape {
    guard let shape else {
      throw UpcycleError("\"\(key)\" is missing although a layer is \(kind.rawValue)", at: file)
    }
    return shape
  }
}
