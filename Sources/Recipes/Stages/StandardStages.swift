import Foundation
import Groundwork
import LabKit

/// Every stage that experiment files may name.
public func standardStages() -> StageRegistry {
  var registry = StageRegistry()
  for stage in [
    teacherStage, convertStage, intermediateStage, sensitivityStage, layerScoreStage, composeStage, distillStage,
    extendStage,
    rewireStage, selfDistillStage, pretrainStage,
    preferStage, evaluateStage, rulerStage, needlesStage, infoStage, layerParametersStage, placementStage, speedStage,
    latencyStage, memoryStage, memoryFormulaStage, memorySavingStage, simulateStage, simulateSharesStage,
    simulateDurationsStage, simulateSensitivityStage, overlapStage, parallelStage,
  ] {
    registry.register(stage)
  }
  return registry
}

/// Typed access to a stage's resolved parameters; an error names the parameter.
struct StageParameters {
  let config: JSONValue

  init(_ config: JSONValue) { self.config = config }

  func int(_ name: String) throws -> Int { try value(name, "a whole number") { $0.int } }
  func double(_ name: String) throws -> Double { try value(name, "a number") { $0.double } }
  func string(_ name: String) throws -> String { try value(name, "a text") { $0.string } }
  func bool(_ name: String) throws -> Bool { try value(name, "true or false") { $0.bool } }

  /// nil when the parameter is absent or null.
  func optional<T>(_ name: String, _ read: (JSONValue) -> T?) throws -> T? {
    guard let found = config[name], found != .null else { return nil }
    guard let value = read(found) else { throw UpcycleError.usage("has the wrong type", at: name, found: found.text()) }
    return value
  }

  /// A list or word as the command line spells it: [1, 3] -> "1,3", 12 -> "12", "all" -> "all".
  func spelled(_ name: String) throws -> String {
    switch config[name] {
    case .string(let text): return text
    case .int(let number): return String(number)
    case .array(let items): return items.compactMap(\.int).map(String.init).joined(separator: ",")
    default: throw UpcycleError.usage("is missing", at: name)
    }
  }

  /// One of an enumeration's values.
  func choice<T: RawRepresentable & CaseIterable>(_ name: String, _ type: T.Type) throws -> T
  where T.RawValue == String {
    let text = try string(name)
    guard let value = T(rawValue: text) else {
      throw UpcycleError.usage(
        "unknown value", at: name, expected: T.allCases.map(\.rawValue).joined(separator: ", "), found: text)
    }
    return value
  }

  private func value<T>(_ name: String, _ expected: String, _ read: (JSONValue) -> T?) throws -> T {
    guard let found = config[name], let value = read(found) else {
      throw UpcycleError.usage(
        "has the wrong type", at: name, expected: expected, found: config[name]?.text() ?? "nothing")
    }
    return value
  }
}
