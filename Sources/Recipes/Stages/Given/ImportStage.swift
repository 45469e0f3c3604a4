import Foundation
import Groundwork
import LabKit
import ModelCore
import TokenData

/// A checkpoint in llama2.c's format and its tokenizer, as given files.
struct ImportParameters: StageParameters {
  var checkpoint: String
  var checkpointSHA256: String
  var tokenizer: String
  var tokenizerSHA256: String

  enum CodingKeys: String, CodingKey, CaseIterable {
    case checkpoint
    case checkpointSHA256 = "checkpoint_sha256"
    case tokenizer
    case tokenizerSHA256 = "tokenizer_sha256"
  }
}

/// `import`: somebody else's checkpoint and its tokenizer, as a model folder.
let importStage = Stage(
  name: "import", version: 1, parameters: ImportParameters.self, seeded: false,
  run: { context, parameters in
    let source = try Llama2CFile(
      GivenFile(path: parameters.checkpoint, sha256: parameters.checkpointSHA256).located())
    let tokenizer = try Tokenizer.load(
      from: GivenFile(path: parameters.tokenizer, sha256: parameters.tokenizerSHA256).located().path)
    try writeImportedModel(source, tokenizer, to: context.folder)
    return StageResult()
  })
