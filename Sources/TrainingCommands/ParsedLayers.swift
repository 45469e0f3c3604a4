import Groundwork
import Upcycling

/// Layers as people list them, such as 0,5,10,14 or 0-3.
/// - Parameter option: the flag that an error names
public func parsedLayers(_ text: String, _ option: String, such example: String) throws -> [Int] {
  guard case .list(let layers) = try? LayerSelection(text) else {
    throw UpcycleError.usage("is not a list of layers", at: option, expected: "such as \(example)", found: text)
  }
  return layers
}
