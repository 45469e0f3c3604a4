import ArgumentParser
import Commands
import Export
import Foundation
import Groundwork
import ModelCore

extension ExportFormat: ExpressibleByArgument {}
extension ExportedType: ExpressibleByArgument {}

/// `hybrid export`: a model folder as other programs read it.
struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Writes a model for other programs: transformers, the papers' code, llama.cpp, mlx-lm.",
    discussion: """
      transformers: a model of latent attention alone becomes stock DeepSeek-V3; one of the Hub's families stays what \
      it is; mixes of attention, latent attention, Mamba2 and Gated DeltaNet get modeling_upcycle.py beside their \
      weights, which AutoModelForCausalLM runs with trust_remote_code=True; layers of Palu, MHA2MLA, HypeNet and Jet \
      are refused. official: the layout of the papers' released checkpoints. gguf: --out is one file for \
      llama.cpp, of Llama, Qwen2, Qwen3, and of latent attention alone if its latents are normed (convert \
      --latent-norm). mlx: a folder for mlx-lm, of the same models, latents normed or not. Tokenizer, chat template \
      and generation settings are carried along; pieces of llama2.c's kind become a tokenizer.json of the Hub.

      Example:
        hybrid export --model runs/mla-dpo --format transformers \\
          --out runs/for-transformers
        hybrid export --model runs/zebra-dpo --format official \\
          --out runs/for-the-papers-code
        hybrid export --model runs/mla-norm --format gguf --dtype q8_0 \\
          --out runs/mla.gguf
      """)

  @Option(help: "Model folder.") var model: String
  @Option(help: "Whose layout: transformers, official (the papers' code), gguf, mlx.") var format: ExportFormat
  @Option(help: "Type of the stored numbers: float32, bfloat16, float16 or, in GGUF, q8_0 (default: the model's).")
  var dtype: ExportedType?
  @OptionGroup var output: OutputFolder

  func run() { runReportingErrors { try write() } }

  private func write() throws {
    if format == .gguf {
      let file = try outputFile(output.out, "--out", replacing: "gguf", isForced: output.force)
      return try printResult(summary(try export(to: file)))
    }
    try output.write(from: [model]) { folder in .init(summary(try export(to: folder))) }
  }

  private func export(to destination: URL) throws -> ExportReport {
    let report = try exportModel(
      from: URL(fileURLWithPath: model, isDirectory: true), to: destination, as: format, type: dtype)
    for note in report.notes { printNote("note: \(note)") }
    return report
  }

  private func summary(_ report: ExportReport) -> String {
    "\(output.out): \(report.layout), \(formatCount(report.parameters)) parameters as \(report.type.rawValue)"
  }
}
