import Foundation
import Groundwork

/// Settings of a stage, decoded from the `with` of an experiment file. The coding keys are the parameters' names: as
/// specs spell them (`kv_rank`), as flags of commands do (`--kv-rank`), as documents do.
///
/// A stage may take several such groups side by side; each reads its own keys. Absent and null are the same.
public protocol StageParameters: Decodable, Sendable {
  associatedtype CodingKeys: CodingKey
  /// The parameters that a stage understands when it builds on these roles.
  static func names(buildingOn roles: Set<String>) -> [String]
}

extension StageParameters where CodingKeys: CaseIterable {
  /// All coding keys.
  public static func names(buildingOn roles: Set<String>) -> [String] { allNames }
  /// All coding keys.
  public static var allNames: [String] { CodingKeys.allCases.map(\.stringValue) }
}

extension StageParameters {
  /// Reads resolved parameters; keys of other groups are left alone.
  /// - Throws: errors that name the parameter in backquotes
  public init(resolved config: JSONValue) throws {
    for (name, value) in config.object ?? [:] { try requireCounts(value, name) }
    do { self = try JSONDecoder().decode(Self.self, from: Data(config.text().utf8)) } catch let error as DecodingError {
      if let name = Self.brokenCount(config) {
        throw UpcycleError.usage(
          "has the wrong type", field: name, expected: "a whole number", found: config[name]?.text() ?? "")
      }
      throw Self.plain(error, config)
    }
  }

  private static func plain(_ error: DecodingError, _ config: JSONValue) -> UpcycleError {
    func refusal(_ what: String, _ path: [any CodingKey], _ expected: String) -> UpcycleError {
      let field = path.first?.stringValue ?? "with"
      return .usage(what, field: field, expected: expected, found: config[field]?.text() ?? "nothing")
    }
    return switch error {
    case .keyNotFound(let key, _): .usage("is missing", field: key.stringValue)
    case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
      refusal("has the wrong type", context.codingPath, words(type))
    case .dataCorrupted(let context): refusal("unknown value", context.codingPath, context.debugDescription)
    @unknown default: UpcycleError("\(error)")
    }
  }

  /// The parameter whose broken number keeps the others from being read: Foundation does not name it.
  private static func brokenCount(_ config: JSONValue) -> String? {
    (config.object ?? [:]).sorted { $0.key < $1.key }.first { name, value in
      guard let number = value.double, number != number.rounded(), let whole = Int(exactly: number.rounded()) else {
        return false
      }
      let mended = config.merging(.object([name: .int(whole)]))
      return (try? JSONDecoder().decode(Self.self, from: Data(mended.text().utf8))) != nil
    }?.key
  }

  private static func words(_ type: Any.Type) -> String {
    switch type {
    case is Int.Type: "a whole number"
    case is Double.Type: "a number"
    case is Bool.Type: "true or false"
    case is String.Type: "a text"
    default: "a list"
    }
  }
}

/// Refuses whole numbers that count nothing: below zero, or beyond what anything has; of what a stage always has at least one
/// of, nothing and none too.
private func requireCounts(_ value: JSONValue, _ name: String) throws {
  let atLeastOne: Set = [
    "batch", "chunk", "context", "lengths", "ranks", "reads", "repeats", "samples", "sequence", "sequences", "shards",
  ]
  let range = (atLeastOne.contains(name) ? 1 : 0)...(1 << 48)
  switch value {
  case .int(let number) where !range.contains(number):
    throw UpcycleError.usage(
      "is out of range", field: name, expected: "\(range.lowerBound) to 2^48", found: "\(number)")
  case .array(let items):
    if items.isEmpty, atLeastOne.contains(name) {
      throw UpcycleError.usage("is empty", field: name, expected: "at least one number", found: "[]")
    }
    for item in items { try requireCounts(item, name) }
  default: break
  }
}

/// A parameter that is one of an enumeration's values; an error lists them.
@propertyWrapper
public struct OneOf<Value: RawRepresentable & CaseIterable & Sendable>: Decodable, Sendable
where Value.RawValue == String {
  /// The enumeration's value.
  public var wrappedValue: Value

  /// For parameters that a program makes, not a spec.
  public init(wrappedValue: Value) { self.wrappedValue = wrappedValue }

  public init(from decoder: any Decoder) throws {
    let box = try decoder.singleValueContainer()
    guard let value = Value(rawValue: try box.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(
        in: box, debugDescription: Value.allCases.map(\.rawValue).joined(separator: ", "))
    }
    wrappedValue = value
  }
}

/// Of a stage that only looks at what it builds on.
public struct NoParameters: StageParameters {
  public enum CodingKeys: CodingKey, CaseIterable {}
}

extension Stage {
  /// A stage whose parameters are decoded.
  /// - Parameters:
  ///   - parents: roles of the outputs that it may build on
  ///   - seeded: whether the run's seed changes its output
  ///   - isTimed: whether it measures time, so that nothing may run beside it
  ///   - inputs: contents outside of the parameters that decide the output: name -> hash
  ///   - run: computes it
  public init<Parameters: StageParameters>(
    name: String, version: Int, parents: [String] = [], parameters: Parameters.Type, seeded: Bool = true,
    isTimed: Bool = false, inputs: @escaping @Sendable (Parameters) throws -> [String: String] = { _ in [:] },
    run: @escaping @Sendable (StageContext, Parameters) throws -> StageResult
  ) {
    self.init(
      name: name, version: version, parents: parents, names: Parameters.names(buildingOn:),
      check: { _ = try Parameters(resolved: $0) }, seeded: seeded, isTimed: isTimed,
      inputs: { try inputs(Parameters(resolved: $0)) },
      run: { try run($0, Parameters(resolved: $0.config)) })
  }

  /// A stage that takes two groups of parameters.
  public init<First: StageParameters, Second: StageParameters>(
    name: String, version: Int, parents: [String] = [], parameters: (First.Type, Second.Type), seeded: Bool = true,
    isTimed: Bool = false, run: @escaping @Sendable (StageContext, First, Second) throws -> StageResult
  ) {
    self.init(
      name: name, version: version, parents: parents,
      names: { First.names(buildingOn: $0) + Second.names(buildingOn: $0) },
      check: {
        _ = try First(resolved: $0)
        _ = try Second(resolved: $0)
      }, seeded: seeded, isTimed: isTimed, inputs: { _ in [:] },
      run: { try run($0, First(resolved: $0.config), Second(resolved: $0.config)) })
  }

  /// A stage that takes three groups of parameters.
  public init<First: StageParameters, Second: StageParameters, Third: StageParameters>(
    name: String, version: Int, parents: [String] = [], parameters: (First.Type, Second.Type, Third.Type),
    seeded: Bool = true, isTimed: Bool = false,
    run: @escaping @Sendable (StageContext, First, Second, Third) throws -> StageResult
  ) {
    self.init(
      name: name, version: version, parents: parents,
      names: { First.names(buildingOn: $0) + Second.names(buildingOn: $0) + Third.names(buildingOn: $0) },
      check: {
        _ = try First(resolved: $0)
        _ = try Second(resolved: $0)
        _ = try Third(resolved: $0)
      }, seeded: seeded, isTimed: isTimed, inputs: { _ in [:] },
      run: { try run($0, First(resolved: $0.config), Second(resolved: $0.config), Third(resolved: $0.config)) })
  }
}
