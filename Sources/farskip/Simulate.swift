import ArgumentParser
import Collectives
import Commands
import Foundation
import Groundwork
import Recipes

/// `farskip simulate`: what hiding the collectives buys, by discrete events.
struct Simulate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Simulates a stack of blocks with experts: ordinary, FarSkip and its rivals.",
    discussion: """
      With --model a published model at full scale: work and messages follow from its shape, durations from what is \
      assumed of GPUs and links, which is printed. With --durations forward milliseconds of one block: A \
      projections, B core attention, G gate, D dispatch, E experts, C combine, S shared expert; backward computation \
      takes twice as long, communication the same.

      Example:
        farskip simulate --model deepseek-v3 --gpus 8,16,32,64 \\
          --link 310GB/s,50GB/s --plot
        farskip simulate --model deepseek-v2 --mode prefill --batch 16 \\
          --sequence 512 --json
        farskip simulate --durations A=2,B=3,G=1,D=4,E=5,C=4,S=2 --layers 4 --json
      """)

  @OptionGroup(title: "At full scale") var scale: ScaleOptions
  @Option(help: "Milliseconds of the sub-operations.") var durations: String?
  @Option(help: "Blocks with experts (with --durations; default 4).") var layers: Int?
  @Option(help: "Ranks that are simulated side by side (with --durations; default 1).") var ranks: Int?
  @Flag(help: "Also the other methods of hiding communication (with --durations).") var rivals = false
  @Option(
    help: """
      Slow-down of computation, 1 or more: with --durations while a collective is in flight (default 1), with --model of \
      everything that hides (default: fitted).
      """)
  var kappa: Double?
  @Option(help: "Write the event log as Chrome trace JSON (with --model: of the first GPU count).") var timeline:
    String?
  @Flag(help: "Print JSON.") var json = false

  func run() { runReportingErrors { try simulate() } }

  private func simulate() throws {
    if let kappa, !(kappa >= 1 && kappa.isFinite) {
      throw UpcycleError.usage("is no slow-down", at: "--kappa", expected: "1 or more", found: "\(kappa)")
    }
    let timeline = try timeline.map { try outputFile($0, "--timeline", replacing: "json") }
    switch (scale.model, durations) {
    case (let model?, nil):
      if layers != nil || ranks != nil || rivals {
        throw UpcycleError.usage(
          "belong to --durations", at: "--layers, --ranks and --rivals", hint: "--model shows every method")
      }
      try scale.simulate(model, kappa: kappa, timeline: timeline, json: json)
    case (nil, let durations?):
      if scale.isUsed {
        throw UpcycleError.usage("leaves options without a meaning", at: "--durations", hint: scale.names)
      }
      try simulate(durations, timeline: timeline)
    case (nil, nil):
      throw UpcycleError.usage("nothing to simulate", at: "farskip simulate", expected: "--model or --durations")
    default:
      throw UpcycleError.usage("exclude each other", at: "--model and --durations", expected: "one of them")
    }
  }

  private func simulate(_ durations: String, timeline: URL?) throws {
    let block = try LayerDurations(parsing: durations)
    let (layers, ranks) = (self.layers ?? 4, self.ranks ?? 1)
    guard (1...10_000).contains(layers) else {
      throw UpcycleError.usage("is out of range", at: "--layers", expected: "1 to 10000", found: "\(layers)")
    }
    guard (1...4096).contains(ranks) else {
      throw UpcycleError.usage("is out of range", at: "--ranks", expected: "1 to 4096", found: "\(ranks)")
    }
    guard block.computation > 0 || block.communication > 0 else {
      throw UpcycleError.usage("are all zero", at: "--durations", expected: "something that takes time")
    }
    let model = OverlapModel(durations: block, layers: layers, slowdown: .whileInFlight(kappa ?? 1), ranks: ranks)
    let stack = SimulatedStack(model, rivals: rivals)
    if let timeline {
      try stack.writeTimeline(to: timeline)
      sayWritten(timeline)
    }
    try printResult(json ? stack.json.text(pretty: true) : stack.table)
  }
}
