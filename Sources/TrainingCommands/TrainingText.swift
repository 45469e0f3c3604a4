import Commands
import Foundation
import Groundwork
import ModelCore
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

/// Says where text is cut into longer sequences than the model has positions: it trains there, but was not made for it.
public func noteLongSequences(_ time: Int, of model: URL) throws {
  let positions = try ModelConfig(contentsOf: model).maxPosition
  if time > positions {
    printNote(
      "note: sequences of \(formatCount(time)) tokens are longer than the \(formatCount(positions)) positions of "
        + "\(model.relativePath)")
  }
}
