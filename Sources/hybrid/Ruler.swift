import ArgumentParser
import Commands
import Evaluation
import Foundation
import Groundwork
import LabKit
import ModelCore
import Recipes
import TokenData
import Worlds

extension RulerScale: ExpressibleByArgument {}
extension RulerScore.Metric: ExpressibleByArgument {}

/// `hybrid ruler`: long-context tasks, as scores of a model or as files.
struct Ruler: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "RULER: thirteen long-context tasks at exact lengths, or a grid of needles by length and depth.",
    discussion: """
      Prompt, answer prefix and the answer's budget together take a length's tokens, counted with the model's \
      tokenizer. Samples follow from --seed; their keys, values and people never stand in the microworld's training \
      text. --write keeps the samples as JSON Lines in NVIDIA's fields (DIR/LENGTH/TASK.jsonl) and needs no model; \
      --read scores such files, and NVIDIA's own (DIR/LENGTH/data/TASK/validation.jsonl) with RULER's budgets of 128 \
      tokens for needles, 120 and 50 for words, 30 for variables, 32 for questions. Answers are generated greedily; a \
      reference counts where it stands in the answer, whatever its case. --predictions keeps them as NVIDIA's \
      evaluate.py reads them.

      Example:
        hybrid ruler --model runs/hylo-2k --lengths 512,1024,2048 --plot ruler.svg
        hybrid ruler --model runs/hylo-2k --grid --lengths 256,512,1024,2048 \\
          --plot needles.svg
        hybrid ruler --tasks niah_single_1,vt --lengths 1k,4k --samples 500 \\
          --write samples
        hybrid ruler --model runs/hylo-2k --read samples
        hybrid ruler --model runs/hylo-2k --read RULER/benchmark/synthetic \\
          --lengths 4096 --samples 500 --predictions runs/predictions
      """)

  @Option(help: "Model folder: config.json, safetensors, tokenizer.json.") var model: String?
  @Option(
    help: """
      all, or names: \(RulerTask.allCases.map(\.rawValue).joined(separator: ", ")) (default: all, or what --read has).
      """)
  var tasks: String?
  @Option(help: "Lengths in tokens, such as 512,1k,2k (default: \(usualLengths), or what --read has).")
  var lengths: String?
  private static let usualLengths = "512,1024,2048"
  @Option(help: "Samples per task and length.") var samples = 40
  @Option(help: "Seed of the samples (default: 42).") var seed: UInt64?
  @Option(
    help: "Sizes of prompts: small (vocabularies of about 2,048 pieces), paper (RULER's own; default: small).")
  var scale: RulerScale?
  @Option(help: "Score: nvidia (question answering: any reference), lm-eval (share of references).") var metric =
    RulerScore.Metric.nvidia
  @Flag(
    help:
      "One needle task at every length and depth instead of all tasks (HyLo's Figure 2); --tasks names another than niah_single_2."
  )
  var grid = false
  private static let usualDepths = "0,25,50,75,100"
  @Option(help: "Depths of the grid, in percent (default: \(usualDepths)).") var depths: String?
  @Flag(help: "Measure lengths beyond max_position_embeddings too.") var beyondPositions = false
  @Option(help: "Write the samples here as JSON Lines.") var write: String?
  @Option(help: "Score the samples of this folder, ours or NVIDIA's.") var read: String?
  @Option(help: "Write every answer here (LENGTH/TASK.jsonl).") var predictions: String?
  @Option(help: "Tokenizer folder for --write without a model; the ladder's where absent.") var tokenizer: String?
  @Option(help: "Write the scores as CSV.") var csv: String?
  @Option(defaultAsFlag: "ruler.svg", help: "Draw a heat map as SVG (with gnuplot, inside a checkout).") var plot:
    String?
  @Flag(help: "Print the scores as JSON.") var json = false
  @Flag(help: "No progress on standard error.") var quiet = false

  func run() { runReportingErrors { try measure() } }

  private func measure() throws {
    let (tasks, lengths) = try tasksAndLengths()
    try require((1...100_000).contains(samples), "--samples", "1 to 100,000", "\(samples)")
    try requireMemory(
      // Text, ids and answers.
      cappedProduct(samples, lengths.max() ?? 0, 16), for: "\(samples) samples", at: "--samples, --lengths")
    try refuseContradictions(tasks)
    try keepApart(lengths)
    let csvFile = try csv.map { try outputFile($0, "--csv", replacing: "csv") }
    let picture = try plot.map {
      (try outputFile($0, "--plot", replacing: "svg"), try FigureScript.ofCheckout(grid ? "needles.gp" : "ruler.gp"))
    }
    let tokenizer = try loadTokenizer()
    let set = RulerSet(
      world: World(seed: MicroworldText.worldSeed, edition: Edition(of: tokenizer)), tokenizer: tokenizer,
      scale: scale ?? .small, seed: seed ?? 42)
    let depths: [Double?] = grid ? try percents() : [nil]
    guard let model else { return try writeSamples(set, tasks, lengths) }
    let scored = try rulerReport(
      set, model: URL(fileURLWithPath: model), tasks: tasks, lengths: lengths, depths: depths, samples: samples,
      metric: metric, beyondPositions: beyondPositions, read: read.map { URL(fileURLWithPath: $0) },
      write: write.map { URL(fileURLWithPath: $0) }, predictions: predictions.map { URL(fileURLWithPath: $0) },
      quiet: quiet || json)
    // Neither a file that cannot be written nor a closed pipe costs the other.
    let written = Result { if let csvFile { try writeFile(scored.csv.text, to: csvFile) } }
    try show(scored)
    try written.get()
    if let (plot, script) = picture { try drawRuler(scored, with: script, to: plot) }
    [csvFile, picture?.0].compactMap { $0 }.forEach(sayWritten)
  }

  /// Refuses options that exclude each other, or say nothing beside the others.
  private func refuseContradictions(_ tasks: [RulerTask]) throws {
    if model == nil && write == nil {
      throw UpcycleError.usage("give a model to score, or a folder to write samples to", at: "--model, --write")
    }
    if model != nil && tokenizer != nil {
      throw UpcycleError.usage("is the model's own", at: "--tokenizer", expected: "it or --model")
    }
    if model == nil {
      try refuse(
        [
          "--predictions": predictions != nil, "--read": read != nil, "--csv": csv != nil, "--plot": plot != nil,
          "--json": json, "--grid": grid, "--beyond-positions": beyondPositions, "--metric": metric != .nvidia,
        ], "needs a model", hint: "--model names it")
    }
    if grid {
      try refuse(
        ["--predictions": predictions != nil, "--write": write != nil], "keeps one file a task and length",
        hint: "leave --grid out")
    }
    if grid && tasks.count != 1 {
      throw UpcycleError.usage(
        "a grid is of one task", at: "--tasks", expected: "one with --grid", found: self.tasks ?? "all")
    }
    if depths != nil && !grid {
      throw UpcycleError.usage("says where a grid has its needles", at: "--depths", expected: "--grid with it")
    }
    if read != nil {
      try refuse(["--seed": seed != nil, "--scale": scale != nil], "says how samples are made, not read")
    }
    if read != nil && grid {
      throw UpcycleError.usage("says at which depths needles are made", at: "--grid", expected: "it or --read")
    }
  }

  /// Refuses to write where samples are read, and answers over samples: their files have the same names.
  private func keepApart(_ lengths: [Int]) throws {
    func places(_ path: String) -> [String] {
      let folder = URL(fileURLWithPath: path)
      // --read may name the folder of one length.
      return ([folder] + lengths.map { folder.appendingPathComponent("\($0)") }).map(resolvedPath)
    }
    for (option, path) in [("--write", write), ("--predictions", predictions)] {
      guard let path, let read, places(path).contains(resolvedPath(URL(fileURLWithPath: read))) else { continue }
      throw UpcycleError.usage("is what the command reads", at: option, expected: "another folder", found: path)
    }
    if let write, let predictions, places(write)[0] == places(predictions)[0] {
      throw UpcycleError.usage(
        "is where the samples are written", at: "--predictions", expected: "another folder", found: predictions)
    }
  }

  private func show(_ scored: RulerReport) throws {
    if !json { return try printResult(grid ? scored.grid : scored.table) }
    let averages = scored.lengths.reduce(into: [:]) { $0[String($1)] = scored.average(length: $1) }
    let added = JSONValue.object(grid ? [:] : ["averages": try jsonValue(averages)])
    try printResult(jsonValue(scored, snakeCase: true).merging(added).text(pretty: true))
  }

  /// What was asked for; where that is left out, what the folder of samples has, or the usual.
  private func tasksAndLengths() throws -> ([RulerTask], [Int]) {
    var lengths = try self.lengths.map { try parsedCounts($0, "--lengths") }
    var tasks = try self.tasks.map { names in
      try suggesting(RulerTask.allCases.map(\.rawValue)) { try RulerTask.list(names) }
    }
    if grid && self.tasks ?? "all" == "all" { tasks = [.single2] }
    if let read, model != nil, lengths == nil || tasks == nil {
      let there = try RulerFiles.contents(
        of: URL(fileURLWithPath: read), tasks: tasks ?? RulerTask.allCases, lengths: lengths)
      lengths = lengths ?? there.lengths
      tasks = tasks ?? there.tasks
    }
    return (tasks ?? RulerTask.allCases, try lengths ?? parsedCounts(Self.usualLengths, "--lengths"))
  }

  private func writeSamples(_ set: RulerSet, _ tasks: [RulerTask], _ lengths: [Int]) throws {
    let start = monotonicSeconds()
    // Every length is checked before any file is written.
    for length in lengths { for task in tasks { _ = try set.samples(task, length: length, count: 1) } }
    let folder = URL(fileURLWithPath: write!)
    for length in lengths {
      for task in tasks {
        try RulerFiles.requireNoOther(in: folder, of: task, length, set.scale) {
          try set.samples(task, length: length, count: samples)
        }
      }
    }
    let progress = ProgressLine("ruler", total: tasks.count * lengths.count * samples, quiet: quiet)
    var done = 0
    for length in lengths {
      for task in tasks {
        try RulerFiles.write(
          set.samples(task, length: length, count: samples), of: task, length, set.scale, to: folder)
        done += samples
        progress.update(done, "samples")
      }
    }
    progress.finish(counted(done, "sample"))
    try printResult(
      "\(write!): \(counted(done, "sample")) of \(counted(tasks.count, "task")) in \(formatDuration(monotonicSeconds() - start))"
    )
  }

  private func loadTokenizer() throws -> Tokenizer {
    let folder = try (tokenizer ?? model).map { URL(fileURLWithPath: $0) } ?? Places().tokenizer
    return try Tokenizer.load(from: folder)
  }

  private func percents() throws -> [Double?] {
    try (depths ?? Self.usualDepths).split(separator: ",", omittingEmptySubsequences: false).map { part in
      guard let depth = Double(part), (0...100).contains(depth) else {
        throw UpcycleError.usage(
          "is not a place in percent", at: "--depths", expected: "such as 0,50,100", found: "\"\(part)\"")
      }
      return depth
    }
  }

  private func require(_ ok: Bool, _ option: String, _ expected: String, _ found: String) throws {
    if !ok { throw UpcycleError.usage("is out of range", at: option, expected: expected, found: found) }
  }
}
