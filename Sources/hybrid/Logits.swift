import ArgumentParser
import Commands
import Evaluation
import Foundation
import Groundwork
import ModelCore

/// `hybrid logits`: what a model says to given ids, for comparison with other implementations.
struct Logits: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes the logits of given token ids.",
    discussion: """
      FILE.json is a list of equally long lists of ids; the output holds `logits` [batch, time, vocab], float32.

      Example:
        hybrid logits --model runs/babyllama --ids ids.json --out logits.safetensors
      """)

  @OptionGroup var model: ModelOption
  @Option(help: "JSON list of equally long lists of ids.") var ids: String
  @Option(help: "The safetensors file to write.") var out: String

  func run() throws { runReportingErrors { try write() } }

  private func write() throws {
    let file = try outputFile(out, "--out", replacing: "safetensors")
    let model = try self.model.load()
    let rows = try IdTable(contentsOf: URL(fileURLWithPath: ids), vocabulary: model.config.vocabularySize)
    try model.config.requirePositions(rows.time, field: "ids")
    if let note = model.config.positionsNote(rows.time) { printNote(note) }
    let logits = model.logits(ids: rows.ids, batch: rows.batch, time: rows.time)
    let writer = try SafetensorsWriter(file, tensors: [TensorSpec("logits", logits.shape)])
    try writer.write("logits", UnsafeBufferPointer(start: logits.pointer, count: logits.count))
    try writer.commit()
    sayWritten(file)
  }
}
