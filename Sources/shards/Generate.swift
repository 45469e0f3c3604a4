import ArgumentParser
import Commands
import Foundation
import Groundwork
import Worlds

extension Edition: ExpressibleByArgument {}

/// `shards generate`: the microworld's texts, tasks and facts as files.
struct Generate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes the microworld: training text, held-out text, preference pairs and tasks.",
    discussion: """
      Everything follows from the seed. Documents in text files are separated by a line <|endoftext|>, which `shards \
      pack` understands. Sizes in tokens assume a 2,048-entry BPE trained on this text (about 3.9 bytes a token).

      Example:
        shards generate --out microworld --seed 1 --pretraining-tokens 8M \\
          --instruction-tokens 3M
        shards generate --out microworld2 --world 2 --foreign-tokens 2M --rho 0.1
      """)

  @OptionGroup var output: OutputFolder
  @Option(help: "Seed of the world and of everything written about it.") var seed: UInt64 = 1
  @Option(help: "Edition of the microworld: 1, or 2 (ten times as many facts; harder tasks).") var world = Edition.first
  @Option(help: "Size of pretraining.txt in tokens (8M, 500k, ...; 0 leaves it out).") var pretrainingTokens = "8M"
  @Option(help: "Size of instruction.txt in tokens.") var instructionTokens = "3M"
  @Option(help: "Size of each held-out text in tokens.") var validTokens = "100k"
  @Option(help: "Size of the text by another author, to distill on: in other words, half of the facts (0: none).")
  var foreignTokens = "0"
  @Option(help: "Share of the other author's answers that are wrong, 0 to 1.") var rho = 0.0
  @Option(help: "Number of preference pairs.") var preferences = "4000"
  @Option(help: "Items per task and set.") var items = "500"
  @Option(help: "Item sets, separated by commas.") var sets = "a,b"
  @Flag(help: "Print the manifest as JSON.") var json = false

  func run() throws { runReportingErrors { try generate() } }

  private func generate() throws {
    var export = MicroworldExport(seed: seed)
    export.edition = world
    export.pretrainingTokens = try count(pretrainingTokens, "--pretraining-tokens")
    export.instructionTokens = try count(instructionTokens, "--instruction-tokens")
    export.validationTokens = try count(validTokens, "--valid-tokens")
    export.foreignTokens = try count(foreignTokens, "--foreign-tokens")
    if export.foreignTokens > 0 { export.foreign = try ForeignText(errorShare: rho) }
    if export.foreignTokens == 0, rho != 0 {
      throw UpcycleError.usage("is for the other author's text", at: "--rho", hint: "give --foreign-tokens too")
    }
    export.preferencePairs = try count(preferences, "--preferences", most: 1_000_000)
    export.itemsPerTask = try count(items, "--items", most: 1_000_000)
    export.itemSets = try setNames()
    try output.write(from: [], json: json) { folder in
      let start = monotonicSeconds()
      let manifest = try export.write(to: folder) { file in
        printNote("\(file.file)  \(formatCount(file.count)) entries, \(formatCount(file.bytes)) bytes")
      }
      return .init(
        "\(output.out): \(formatCount(manifest.facts)) facts about \(formatCount(manifest.entities)) entities,"
          + " \(manifest.files.count) files in \(formatDuration(monotonicSeconds() - start))",
        json: try jsonValue(manifest))
    }
  }

  /// Each becomes a folder of its own.
  private func setNames() throws -> [String] {
    let names = sets.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    let areNames = names.allSatisfy { !$0.isEmpty && !$0.hasPrefix(".") && !$0.utf8.contains(UInt8(ascii: "/")) }
    guard areNames, Set(names).count == names.count else {
      throw UpcycleError.usage(
        "are no names of sets", at: "--sets",
        expected: "different names, separated by commas, without a slash or a dot in front", found: "'\(sets)'")
    }
    return names
  }

  private func count(_ text: String, _ option: String, most: Int = .max) throws -> Int {
    guard let value = parseCount(text) else {
      throw UpcycleError.usage("is not a count", at: option, expected: "a number such as 4000, 500k or 8M", found: text)
    }
    if value > most {
      throw UpcycleError.usage("is too much", at: option, expected: "at most \(formatCount(most))", found: text)
    }
    return value
  }
}
