import Groundwork

/// Reads a list of layers: `all`, single indices and ranges, as in `1,3,5` or `0-7,12`; sorted, each once.
public func parseLayerList(_ text: String, layerCount: Int) throws -> [Int] {
  if text == "all" { return Array(0..<layerCount) }
  func fail(_ part: Substring) -> UpcycleError {
    .usage(
      "bad layer list", at: "--layers", expected: "all, or indices and ranges in 0...\(layerCount - 1)",
      found: String(part))
  }
  var layers: Set<Int> = []
  for part in text.split(separator: ",", omittingEmptySubsequences: false) {
    let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0.trimmingPrefix { $0 == " " }) }
    guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1] else { throw fail(part) }
    guard first <= last, (0..<layerCount).contains(first), last < layerCount else { throw fail(part) }
    layers.formUnion(first...last)
  }
  return layers.sorted()
}
