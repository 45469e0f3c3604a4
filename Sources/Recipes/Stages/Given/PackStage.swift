import Foundation
import Groundwork
import LabKit
import TokenData

/// A text, as a given file.
struct PackParameters: StageParameters {
  var text: String
  var sha256: String

  enum CodingKeys: String, CodingKey, CaseIterable { case text, sha256 }
}

/// `pack`: a text file as token shards by the parent model's tokenizer, each document behind its beginning token.
let packStage = Stage(
  name: "pack", version: 1, parents: ["model"], parameters: PackParameters.self, seeded: false,
  run: { context, parameters in
    let file = try GivenFile(path: parameters.text, sha256: parameters.sha256).located()
    let tokenizer = try Tokenizer.load(from: try context.parent("model").folder)
    let writer = try ShardWriter(folder: context.folder.appendingPathComponent("shards"), tokenizer: tokenizer)
    try DocumentReader(file, separator: .init("auto")).forEachDocument { text, _ in
      try writer.append(document: tokenizer.encodeDocument(text, appendingEnd: false))
    }
    _ = try writer.finish()
    return StageResult()
  })

/// What `pack` wrote, for a model with this tokenizer.
func packedText(_ parent: StageContext.Parent, _ tokenizer: Tokenizer) throws -> TokenShards {
  try TokenShards(parent.folder.appendingPathComponent("shards"), tokenizer: tokenizer)
}
