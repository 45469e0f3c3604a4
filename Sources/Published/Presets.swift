import Foundation
import Groundwork
import ModelCore

extension ModelConfig {
  /// The names that `preset(_:)` knows, published models first.
  public static var presetNames: [String] { presets.map(\.name) }

  /// The published models with experts, in the order of FarSkip-Collective's tables.
  public static var publishedWithExperts: [String] { withExperts.map(\.name) }

  /// A published shape, a model of the ladder, or a benchmark shape by name.
  /// - Throws: a usage error that lists the known names
  public static func preset(_ name: String) throws -> ModelConfig {
    guard let preset = presets.first(where: { $0.name == name.lowercased() }) else {
      throw UpcycleError.usage(
        "unknown preset \"\(name)\"", expected: "one of \(presetNames.joined(separator: ", "))",
        hint: nearest(to: name.lowercased(), among: presetNames).map { "did you mean \($0)?" })
    }
    return preset.config
  }

  private typealias Preset = (name: String, config: ModelConfig)

  private static let presets = dense + withExperts + hylo + ladder

  private static let dense = read(PackageResources.presets_dense_json5, "xecomla/published/presets.json5")
  private static let withExperts = read(PackageResources.presets_experts_json5, "farskip/published/presets.json5")
  private static let ladder = read(PackageResources.presets_ladder_json5, "teachers/presets.json5")

  private static let hylo: [Preset] = HyLoModel.all.map { model in
    guard let base = dense.first(where: { $0.name == model.base }) else {
      preconditionFailure("no preset of \(model.name)'s base \(model.base)")
    }
    return (model.name, model.config(base: base.config))
  }

  /// Configurations by name, in their families' keys. They are part of the program: an error is the repository's.
  private static func read(_ bytes: [UInt8], _ file: String) -> [Preset] {
    let file = "experiments/\(file)"
    do {
      return try JSONReader.parse(Data(bytes), file: file, dialect: .json5) { reader in
        var found: [Preset] = []
        try reader.object { reader, name in
          let name = String(decoding: name, as: UTF8.self)
          found.append((name, try ModelConfig(json: reader.value(), file: "\(file): \(name)")))
        }
        return found
      }
    } catch {
      preconditionFailure("\(error)")
    }
  }
}
