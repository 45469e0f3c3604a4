import ArgumentParser
import Commands
import Foundation
import Groundwork
import ModelCore
import TrainingCommands
import Upcycling

/// `zebra compose`: the hybrid from the two ILD models.
struct Compose: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Put a hybrid together: chosen layers from the latent-attention model, the others from the linear one.",
    discussion: """
      Whole decoder layers are copied; embedding, final norm and head are the base's. --dtype base stores what holds \
      the numbers of both --mla and --linear.

      Example:
        zebra compose --base runs/babyllama --mla runs/all-mla \\
          --linear runs/all-mamba2 --layers 0,4 --out runs/zebra
      """)

  @Option(help: "Base model folder.") var base: String
  @Option(help: "ILD model whose layers are latent attention.") var mla: String
  @Option(help: "ILD model whose layers are Mamba2, Gated DeltaNet or another recurrence.") var linear: String
  @Option(help: "Layers to take from --mla, such as 0,5,10,14 (zebra select chooses them).") var layers: String
  @OptionGroup var output: OutputFolder
  @OptionGroup var stored: StoredType
  @Flag(help: "Print what was made as JSON.") var json = false

  func run() {
    runReportingErrors {
      let chosen = try parsedLayers(layers, "--layers", such: "0,5,10,14")
      try output.write(from: [base, mla, linear], json: json) { folder in
        let students = [URL(fileURLWithPath: mla), URL(fileURLWithPath: linear)]
        let config = try Composition(latentLayers: chosen).write(
          base: URL(fileURLWithPath: base), latent: students[0], linear: students[1], to: folder,
          type: stored.type(widestOf: students + [URL(fileURLWithPath: base)]))
        let object: [String: JSONValue] = [
          "layers": .array(chosen.sorted().map { .int($0) }), "kv_percent": .double(config.kvPercent),
          "kv_numbers_per_token": .int(config.kvNumbersPerToken), "state_numbers": .int(config.stateNumbers),
          "parameters": .int(config.parameterCount),
        ]
        let size = String(
          format: "%@ parameters, cache %.2f %% of the base's per token and %@ numbers per sequence",
          formatCount(config.parameterCount), config.kvPercent, formatCount(config.stateNumbers))
        let mixers = config.mixers.map(\.shortName).joined(separator: " ")
        return .init("\(mixers)\n\(size)\nmodel: \(output.out)", json: output.naming(.object(object)))
      }
    }
  }
}
