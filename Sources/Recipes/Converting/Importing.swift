import Foundation
import Groundwork
import ModelCore
import TokenData

/// Writes a llama2.c checkpoint and its tokenizer as a model folder.
/// - Returns: the config written
/// - Throws: an error where the tokenizer has another number of tokens than the checkpoint
@discardableResult
public func writeImportedModel(_ source: Llama2CFile, _ tokenizer: Tokenizer, to folder: URL) throws -> ModelConfig {
  var config = source.config
  guard tokenizer.vocabularySize == config.vocabularySize else {
    throw UpcycleError(
      "the tokenizer does not belong to the checkpoint", at: folder.path,
      expected: "\(config.vocabularySize) tokens", found: "\(tokenizer.vocabularySize)")
  }
  config.bosTokenId = tokenizer.bos.map(Int.init)
  // llama2.c's models put the beginning token between documents, so it ends a text as well.
  config.eosTokenIds = [tokenizer.eos, tokenizer.bos].compactMap { $0.map(Int.init) }
  try tokenizer.save(to: folder)
  try writeModelFolder(config, from: source, to: folder)
  return config
}
