import ArgumentParser
import Collectives
import Commands
import Foundation
import Groundwork

/// `farskip simulate --durations`: what hiding the collectives buys, by discrete events.
struct Simulate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Simulates a training step of a stack of blocks with experts: ordinary, FarSkip and its rivals.",
    discussion: """
      Durations are forward milliseconds of one block: A projections, B core attention, G gate, D dispatch, E experts,
      C combine, S shared expert. Backward computation takes twice as long, communication the same.

      Example:
        farskip simulate --durations A=2,B=3,G=1,D=4,E=5,C=4,S=2 --layers 4 --json
      """)

  @Option(help: "Milliseconds of the sub-operations.") var durations: String
  @Option(help: "Blocks with experts.") var layers = 4
  @Option(help: "Ranks that are simulated side by side.") var ranks = 1
  @Option(help: "Slow-down of computation while a collective is in flight, 1 or more.") var kappa = 1.0
  @Flag(help: "Also the other methods of hiding communication.") var rivals = false
  @Option(help: "Write the event log of both passes as Chrome trace JSON.") var timeline: String?
  @Flag(help: "Print JSON.") var json = false

  func run() { runReportingErrors { try simulate() } }

  private func simulate() throws {
    let block = try LayerDurations(parsing: durations, option: "--durations")
    guard (1...10_000).contains(layers) else {
      throw UpcycleError.usage("is out of range", at: "--layers", expected: "1 to 10000", found: "\(layers)")
    }
    guard (1...4096).contains(ranks) else {
      throw UpcycleError.usage("is out of range", at: "--ranks", expected: "1 to 4096", found: "\(ranks)")
    }
    guard kappa >= 1, kappa.isFinite else {
      throw UpcycleError.usage("is no slow-down", at: "--kappa", expected: "1 or more", found: "\(kappa)")
    }
    guard block.computation > 0 || block.communication > 0 else {
      throw UpcycleError.usage("are all zero", at: "--durations", expected: "something that takes time")
    }
    let model = OverlapModel(durations: block, layers: layers, slowdown: .whileInFlight(kappa), ranks: ranks)
    let standard = model.training(.standard)
    let others = ([.farskip, .farskipFree] + (rivals ? OverlapMethod.rivals : [])).map { model.training($0) }
    if let timeline {
      var trace = ChromeTrace()
      for times in [standard] + others {
        trace.add(times.forward, of: model.schedule(times.method, .forward), named: "\(times.method.rawValue) forward")
        trace.add(times.backward!, of: model.schedule(times.method, .backward), named: "\(times.method.rawValue) backward")
      }
      try writeFile(trace.json.text() + "\n", to: URL(fileURLWithPath: timeline))
    }
    if json { return print(document(standard, others).text(pretty: true)) }
    print("method             forward ms  backward ms  overlap %  speed-up")
    for times in [standard] + others {
      print(
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
