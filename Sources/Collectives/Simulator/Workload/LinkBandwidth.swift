import Groundwork

/// GB/s of the links inside a node and between nodes, one way per GPU, as people type them: `310GB/s,50GB/s`, or one
/// value for both.
/// - Throws: usage errors of `link`; a link of bandwidth 0 never delivers
public func parseLinks(_ text: String) throws -> (intra: Double, inter: Double) {
  let form = "such as 310GB/s,50GB/s: inside a node, between nodes"
  let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
  guard (1...2).contains(parts.count) else {
    throw UpcycleError.usage("is not a pair of bandwidths", field: "link", expected: form, found: text)
  }
  let values = try parts.map { part in
    guard part.hasSuffix("/s"), let bytes = parseBytes(String(part.dropLast(2))) else {
      throw UpcycleError.usage("is not a bandwidth", field: "link", expected: form, found: part)
    }
    if bytes == 0 {
      throw UpcycleError.usage("a link without bandwidth never delivers", field: "link", expected: form, found: part)
    }
    return Double(bytes) / 1e9
  }
  return (values[0], values[values.count - 1])
}
