import Foundation
import Groundwork
import TokenData
import Worlds

/// Training and held-out text for a model where none is named: the microworld's, for models with the ladder's
/// tokenizer.
/// - Parameters:
///   - mixture: which of its texts
public func ladderText(
  for model: URL, _ mixture: MicroworldCorpus.Mixture = .instruction, quiet: Bool = false
) throws -> (training: TokenShards, heldOut: TokenShards) {
  let tokenizer = try Tokenizer.load(from: model)
  guard let places = try? Places(), let edition = places.edition(of: tokenizer) else {
    throw UpcycleError.usage(
      "is needed", field: "data", expected: "token shards", found: "nothing",
      hint:
        "only the ladder's models, inside a checkout, have the microworld's text as default; shards pack makes shards")
  }
  let text = MicroworldText(places.microworld, edition: edition)
  return (
    try text.training(mixture, tokenizer: tokenizer, quiet: quiet),
    try text.heldOut(mixture, tokenizer: tokenizer, quiet: quiet)
  )
}

/// The generated text of the ladder's world as token shards, made on first use and kept under
/// `runs/microworld`. The shards' folder name says everything that decides their content.
public struct MicroworldText: Sendable {
  /// The one world of the ladder.
  public static let worldSeed: UInt64 = 1
  /// Pieces of the ladder's tokenizer.
  public static let vocabularySize = 2048
  /// Tokens of a mixture that serve every distillation; longer runs take several passes over them.
  static let trainingTokens = 4_000_000
  /// Tokens of held-out text that every run shares.
  static let heldOutTokens = 50_000

  /// What the text tells of.
  public let world: World
  private let folder: URL

  /// Nothing is generated before it is asked for.
  public init(_ folder: URL, edition: Edition = .first) {
    self.folder = folder
    world = World(seed: Self.worldSeed, edition: edition)
  }

  /// The text of the checkout around the working folder, of the edition whose ladder has this tokenizer (of the first one, where
  /// none has).
  init(for tokenizer: Tokenizer) throws {
    self.init(try Places().microworld, edition: Edition(of: tokenizer))
  }

  /// The text that distillations of a mixture train on.
  /// - Parameters:
  ///   - part: of another author's text, the documents of this stage
  ///   - rho: nil: the text that the base was pretrained on; else another author's, who gives this share of answers wrongly
  func training(
    _ mixture: MicroworldCorpus.Mixture, _ part: MicroworldCorpus.Part = .training, rho: Double? = nil,
    tokenizer: Tokenizer, quiet: Bool = true
  ) throws -> TokenShards {
    let foreign = try rho.map(ForeignText.init(errorShare:))
    return try shards(
      mixture, foreign == nil ? .training : part, foreign: foreign, tokens: Self.trainingTokens, tokenizer: tokenizer,
      quiet: quiet)
  }

  /// The text that all models of a mixture are measured on.
  func heldOut(
    _ mixture: MicroworldCorpus.Mixture = .instruction, tokenizer: Tokenizer, quiet: Bool = true
  ) throws -> TokenShards {
    try shards(mixture, .validation, tokens: Self.heldOutTokens, tokenizer: tokenizer, quiet: quiet)
  }

  /// Windows of 256 tokens of training text that evaluation never sees, for conversions that look at text.
  func calibration(windows: Int, tokenizer: Tokenizer) throws -> [[Int32]] {
    let shards = try shards(.instruction, tokens: Self.heldOutTokens, tokenizer: tokenizer)
    return try (0..<windows).map { try shards.read($0 * 256..<($0 + 1) * 256) }
  }

  /// Byte-level BPE of 2,048 pieces trained on the two mixtures of short documents: the tokenizer of every ladder
  /// model.
  public func trainTokenizer(documents: Int = 20_000) throws -> Tokenizer {
    var trainer = try BPETrainer(vocabularySize: Self.vocabularySize)
    for mixture in [MicroworldCorpus.Mixture.pretraining, .instruction] {
      let corpus = MicroworldCorpus(world: world, mixture: mixture, seed: Self.worldSeed)
      for index in 0..<documents { trainer.add(corpus.document(index)) }
    }
    return try trainer.train()
  }

  /// At least `tokens` tokens of a mixture: documents 0, 1, 2, ... of the corpus, each behind its beginning
  /// token and followed by its end token.
  /// - Parameter foreign: nil: by the world's own author
  public func shards(
    _ mixture: MicroworldCorpus.Mixture, _ part: MicroworldCorpus.Part = .training, foreign: ForeignText? = nil,
    tokens: Int, tokenizer: Tokenizer, quiet: Bool = true
  ) throws -> TokenShards {
    let corpus = MicroworldCorpus(world: world, mixture: mixture, seed: Self.worldSeed, part: part, foreign: foreign)
    // Different text under the same name would go unnoticed, so the first documents are part of the name.
    let sample = sha256((0..<200).map { corpus.document($0) }.joined(separator: "\n"))
    let edition = world.edition == .first ? "" : "world\(world.edition.rawValue)-"
    let author = foreign.map { "\($0.name)-" } ?? ""
    let name = "\(edition)\(author)\(mixture)-\(part)-\(tokens)-\(tokenizer.fingerprint.prefix(8))-\(sample.prefix(8))"
    let url = folder.appendingPathComponent(name)
    if let ready = try? TokenShards(url, tokenizer: tokenizer) { return ready }
    // Sweeps side by side want the same text: the first one makes it, the others wait.
    try makeDirectory(folder)
    let lock = try FileLock(waitingFor: folder.appendingPathComponent("\(name).lock"))
    defer { withExtendedLifetime(lock) {} }
    if let ready = try? TokenShards(url, tokenizer: tokenizer) { return ready }
    let writer = try ShardWriter(folder: url, tokenizer: tokenizer)
    let progress = ProgressLine("\(mixture) tokens", total: tokens, quiet: quiet)
    var index = 0
    while writer.tokens < tokens {
      try writer.append(document: tokenizer.encodeDocument(corpus.document(index), appendingEnd: true))
      index += 1
      progress.update(min(writer.tokens, tokens))
    }
    _ = try writer.finish()
    progress.finish("\(formatCount(writer.tokens)) in \(counted(index, "document"))")
    return try TokenShards(url, tokenizer: tokenizer)
  }
}
