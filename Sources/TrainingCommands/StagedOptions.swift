import ArgumentParser
import Commands
import Distillation
import Foundation
import Groundwork
import ModelCore

/// What the commands that train in several stages ask alike, beside their models, their text and their rates.
public struct StagedOptions: ParsableArguments {
  /// Where the finished model goes.
  @OptionGroup public var output: OutputFolder
  @Option(help: "Folder of the stages before the last (default: OUT.stages).") var work: String?
  @Option(help: "Sequences per step.") public var batch = 8
  @Option(help: "Tokens per sequence.") public var sequence = 256
  @Option(help: "Seed of the order of the data and of random starts.") public var seed: UInt64 = 1
  @Option(help: "Seconds between checkpoints.") public var saveEvery = 60.0
  @OptionGroup var stored: StoredType
  /// How processes share the batches.
  @OptionGroup public var onRanks: RankOptions
  /// As the flag says.
  @Flag(help: "No progress line.") public var quiet = false

  /// For the argument parser.
  public init() {}

  /// Where the stages before the last stand.
  public var workFolder: URL {
    URL(fileURLWithPath: work ?? (output.out.hasSuffix("/") ? String(output.out.dropLast()) : output.out) + ".stages")
  }

  /// The type of the finished model's numbers.
  /// - Throws: failures of reading the model that the run begins with
  public func type(from base: URL) throws -> ElementType { try stored.type(of: base) }

  /// Says that layers which a method makes linear lose what of the base's attention they have no place for.
  public func noteBiases(of base: URL) throws {
    if try ModelConfig(contentsOf: base).attention.qkvBias {
      printNote("note: the linear layers have no place for the base's biases on queries, keys and values")
    }
  }

  /// Trains all stages on ranks that share every batch; an interrupt ends them after a step.
  /// - Parameters:
  ///   - inputs: what the command reads, as given
  ///   - base: the model that becomes another
  ///   - teacher: the model that is followed
  ///   - body: is given the folder, whether it may replace another training or model in it, and whether to be quiet
  /// - Returns: what `body` found; nil on all ranks but the first
  public func train<Outcome>(
    from inputs: [String?], base: URL, teacher: URL, on ranks: any TrainingRanks,
    _ body: (_ out: URL, _ force: Bool, _ isQuiet: Bool) throws -> Outcome
  ) throws -> Outcome? {
    try ranks.agreeing { try ranks.tellShares(of: batch, "sequences", student: base, frozen: teacher) }
    Interrupt.listen()
    let outcome = try output.train(from: inputs, on: ranks, saveEvery: saveEvery) { out, force in
      do { return try body(out, force, quiet || !ranks.writes) } catch var error as UpcycleError
        where error.what == RunDirectory.otherSettings
      {
        // A stage's own settings are other numbers than this command's options.
        (error.expected, error.found) = (nil, nil)
        error.hint = "give the options that its stages were begun with, name another `out`, or replace it with `force`"
        throw error
      }
    }
    return ranks.writes ? outcome : nil
  }
}
