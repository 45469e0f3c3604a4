import ArgumentParser
import Commands
import Foundation
import Groundwork
import TokenData

extension SplitPattern: ExpressibleByArgument {}

struct TrainTokenizer: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train-tokenizer",
    abstract: "Trains a byte-level BPE tokenizer and writes tokenizer.json.",
    discussion: """
      Example:
        shards train-tokenizer --input tinystories/train.txt \\
          --vocabulary-size 4096 --out runs/tokenizer
      """)

  @Option(parsing: .upToNextOption, help: "Files, folders, patterns or -, as for pack.") var input: [String]
  @Option(help: "Pieces in all: special tokens, 256 bytes, merges.") var vocabularySize: Int
  @OptionGroup var output: OutputFolder
  @Option(help: "How text is cut into words.") var pattern = SplitPattern.qwen
  @Option(parsing: .upToNextOption, help: "Special tokens; the first begins, the second ends a document.")
  var special: [String] = BPETrainer.defaultSpecialTokens
  @Option(help: "Where documents end, as for pack.") var documentSeparator = "auto"
  @Option(help: "JSON Lines: the key of the text; dots go deeper.") var field = "text"
  @Flag(help: "No progress on standard error.") var quiet = false

  func run() throws { runReportingErrors { try train() } }

  private func train() throws {
    let inputs = try DocumentInputs(input) {
      try DocumentReader($0, separator: .init(documentSeparator), field: field)
    }
    var trainer = try BPETrainer(vocabularySize: vocabularySize, pattern: pattern, specialTokens: special)
    try output.write(from: inputs.paths) { folder in
      for path in inputs.paths { try inputs.open(path).forEachDocument { text, _ in trainer.add(text) } }
      let progress = ProgressLine("train", total: vocabularySize, quiet: quiet)
      let tokenizer = try trainer.train { progress.update($0, "pieces") }
      try tokenizer.save(to: folder)
      let (pieces, wanted) = (formatCount(tokenizer.vocabularySize), formatCount(vocabularySize))
      progress.finish("\(pieces) pieces")
      let short = "the text has no more repeated pairs: \(pieces) of \(wanted) pieces\n"
      return .init(
        (tokenizer.vocabularySize < vocabularySize ? short : "")
          + "tokenizer \(tokenizer.fingerprint.prefix(12))  \(pieces) pieces  \(output.out)")
    }
  }
}
