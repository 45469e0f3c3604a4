import Foundation
import Groundwork

/// Refuses a folder for a recipe's intermediate models that holds a model itself, or is to hold the recipe's own.
/// - Throws: a usage error of the field `work`
func requireWorkFolder(_ work: URL, apartFrom models: [URL]) throws {
  let holdsModel = FileManager.default.fileExists(atPath: work.appendingPathComponent("config.json").path)
  if holdsModel || models.contains(where: { resolvedPath($0) == resolvedPath(work) }) {
    throw UpcycleError.usage(
      "is a model's own folder", field: "work", expected: "a folder for the intermediate models", found: work.path)
  }
}
