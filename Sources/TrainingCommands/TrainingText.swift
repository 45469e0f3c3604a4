import Foundation
import Recipes
import TokenData
import Worlds

/// Token shards by their folders: the text that a model trains on and the text that it is measured on. Without `data`
/// models of the ladder have the microworld's, of this mixture.
public func trainingText(
  for model: URL, data: String?, heldOut: String?, mixture: MicroworldCorpus.Mixture = .instruction, quiet: Bool
) throws -> (training: TokenShards, heldOut: TokenShards?) {
  let held = try heldOut.map { try TokenShards(URL(fileURLWithPath: $0)) }
  if let data { return (try TokenShards(URL(fileURLWithPath: data)), held) }
  let own = try ladderText(for: model, mixture, quiet: quiet)
  return (own.training, held ?? own.heldOut)
}
