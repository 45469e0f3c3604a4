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
      With --model a published model at full scale: work and messages follow from its shape, durations from what is assumed
      of GPUs and links, which is printed. With --durations forward milliseconds of one block: A projections, B core
      attention, G gate, D dispatch, E experts, C combine, S shared expert; backward computation takes twice as long,
      communication the same.

      Examples:
        farskip simulate --model deepseek-v3 --gpus 8,16,32,64 --link 310GB/s,50GB/s --plot
        farskip simulate --model deepseek-v2 --mode prefill --batch 16 --sequence 512 --json
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
      try simulate(durations)
    case (nil, nil):
      throw UpcycleError.usage("nothing to simulate", at: "farskip simulate", expected: "--model or --durations")
    default:
      throw UpcycleError.usage("exclude each other", at: "--model and --durations", expected: "one of them")
    }
  }

  private func simulate(_ durations: String) throws {
    let block = try LayerDurations(parsing: durations, option: "--durations")
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
    let standard = model.training(.standard)
    let others = ([.farskip, .farskipFree] + (rivals ? OverlapMethod.rivals : [])).map { model.training($0) }
    if let timeline { try writeTimeline(of: [standard] + others, model, isTraining: true, to: timeline) }
    if json { return try printResult(document(standard, others).text(pretty: true)) }
    try printResult("method             forward ms  backward ms  overlap %  speed-up")
    for times in [standard] + others {
      try printResult(
        times.method.rawValue.padding(toLength: 16, withPad: " ", startingAt: 0)
          + String(
            format: "%13.3f%13.3f%11.2f%10.4f", times.forward.milliseconds, times.backward!.milliseconds,
            100 * times.overlap, standard.milliseconds / times.milliseconds))
    }
  }

  private func document(_ standard: MethodTimes, _ others: [MethodTimes]) -> JSONValue {
    var object: [String: JSONValue] = [
      "forward_standard": .double(standard.forward.milliseconds),
      "backward_standard": .double(standard.backward!.milliseconds),
    ]
    for times in others {
      let name = times.method.rawValue.replacingOccurrences(of: "-", with: "_")
      let suffix = times.method == .farskip ? "" : "_\(name)"
      object["forward_\(name)"] = .double(times.forward.milliseconds)
      object["backward_\(name)"] = .double(times.backward!.milliseconds)
      object["speedup\(suffix)"] = .double(standard.milliseconds / times.milliseconds)
      object["overlap\(suffix)"] = .double(times.overlap)
      object["overlap_forward\(suffix)"] = .double(times.forward.overlap)
      object["overlap_backward\(suffix)"] = .double(times.backward!.overlap)
    }
    return .object(object)
  }
}

/// Writes every method's passes, one process each.
func writeTimeline(of times: [MethodTimes], _ model: OverlapModel, isTraining: Bool, to file: String) throws {
  var trace = ChromeTrace()
  for times in times {
    let first: Pass = isTraining ? .forward : .prefill
    trace.add(
      times.forward, of: model.schedule(times.method, first), named: "\(times.method.rawValue) \(first.rawValue)")
    guard let backward = times.backward else { continue }
    trace.add(backward, of: model.schedule(times.method, .backward), named: "\(times.method.rawValue) backward")
  }
  try writeFile(trace.json.text() + "\n", to: URL(fileURLWithPath: file))
}
