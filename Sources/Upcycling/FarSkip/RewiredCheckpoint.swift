import Foundation
import Groundwork
import ModelCore

/// FarSkip's conversion (FarSkip-Collective, section 3): layers of a model with experts read the residual stream elsewhere. No weight
/// changes; the files are copied as they are, config.json gets `farskip_connectivity`.
/// - Returns: the new configuration
/// - Throws: usage errors for a dense model, layers that it does not have, and a destination that holds other files
public func rewireCheckpoint(
  at source: URL, _ selection: LayerSelection, as connectivity: Connectivity, to destination: URL
) throws -> ModelConfig {
  let base = try ModelConfig(contentsOf: source)
  guard base.experts != nil else {
    throw UpcycleError.usage(
      "is a dense model: it has no experts, and so no communication to hide", at: source.path,
      expected: "a model with experts ("
        + Families.all.filter(\.hasExperts).map(\.architecture.rawValue).joined(separator: ", ") + ")",
      found: base.architecture.rawValue)
  }
  let config = try base.connecting(selection.resolve(layerCount: base.layerCount), as: connectivity)
  let output = try outputFolder(destination, keepingApartFrom: source)
  // Reading all proves that the weights are whole before they are copied.
  let weights = try CheckpointReader(source)
  for tensor in base.tensors {
    let matrix = try weights.stored(tensor)
    try weights.requireFinite(tensor, matrix?.hasNonFinite ?? weights.read(tensor).hasNonFinite)
  }
  for name in weights.fileNames {
    // In the Hub's cache files are links: what they lead to is copied.
    let file = source.appendingPathComponent(name).resolvingSymlinksInPath()
    do {
      try FileManager.default.copyItem(at: file, to: output.work.appendingPathComponent(name))
    } catch { throw UpcycleError("cannot be copied: \(error.localizedDescription)", at: file.path) }
  }
  try copyTokenizer(from: source, to: output.work)
  try config.save(to: output.work)
  try output.commit()
  return config
}
