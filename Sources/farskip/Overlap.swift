import ArgumentParser
import Collectives
import Foundation
import Groundwork

extension Computation: ExpressibleByArgument {}
extension MessageProgress.Mode: ExpressibleByArgument {}

/// `farskip overlap`: Table 3 on an emulated link.
struct Overlap: ParsableCommand {
  enum Mode: String, CaseIterable, ExpressibleByArgument { case training, prefill }

  static let configuration = CommandConfiguration(
    abstract: "Measures on real ranks how much of its communication a stack of blocks hides: ordinary and FarSkip.",
    discussion: """
      Durations are forward milliseconds of one block, as in farskip simulate; backward computation takes twice as long.
      Computation is slept or made of matrix products calibrated to the durations; messages are real, of the size that takes
      D and C on the link, and count as delivered when the link model says so. overlap = 1 - exposed / isolated; late is what
      of exposed is waiting for a rank that started the collective later, where the link is not to blame.

      --mode training   two all-to-alls a block, forward and backward (expert parallelism)
      --mode prefill    two all-reduces a block (tensor and expert parallelism)

      Ranks are those of mpirun, or threads of this process without it. Some machines want more of mpirun: --oversubscribe
      for more ranks than cores, OMPI_ALLOW_RUN_AS_ROOT=1 and OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 for root.

      Example:
        mpirun -np 2 farskip overlap --layers 24 --mode prefill --compute product --timeline prefill.json
      """)

  @Option(help: "Milliseconds of the sub-operations.") var durations = "A=3,B=4,G=1,D=3,E=5,C=3,S=2"
  @Option(help: "Blocks with experts.") var layers = 6
  @Option(help: "training, prefill.") var mode = Mode.training
  @Option(help: "sleep, product.") var compute = Computation.sleep
  @Option(help: "Latency and bandwidth of every rank's link, ALPHA,BETA.") var link = "50us,10MB/s"
  @Option(help: "How messages proceed: poll (between slices of computation), thread.") var progress = MessageProgress
    .Mode.poll
  @Option(help: "Repetitions by turns; medians are reported.") var repeats = 5
  @Option(help: "Ranks, as threads, without mpirun.") var ranks = 2
  @Flag(help: "Also the other methods of hiding communication.") var rivals = false
  @Option(help: "Write the last repetition's events: Chrome trace JSON, and CSV beside it.") var timeline: String?
  @Flag(help: "Print JSON.") var json = false

  func run() {
    runReportingErrors {
      // An impossible link ends the job before it starts; on several processes all must agree.
      let rate = Result { try LinkRate(parsing: link, option: "--link") }
      try runRanks(threads: max(1, ranks), link: try? rate.get()) { ranks in
        let measurement = try ranks.agreeing { try self.measurement(try rate.get(), ranks: ranks.size) }
        try ranks.requireSame(options: [
          ("--durations", durations), ("--layers", "\(layers)"), ("--mode", mode.rawValue),
          ("--compute", compute.rawValue), ("--link", link), ("--progress", progress.rawValue),
          ("--repeats", "\(repeats)"), ("--rivals", rivals ? "it" : "none"),
        ])
        let outcome = try measurement.run(on: ranks)
        if ranks.rank == 0 { try report(measurement, outcome) }
      }
    }
  }

  private func measurement(_ rate: LinkRate, ranks: Int) throws -> OverlapMeasurement {
    for (option, value) in [("--layers", layers), ("--repeats", repeats)] where !(1...1000).contains(value) {
      throw UpcycleError.usage("is out of range", at: option, expected: "1 to 1000", found: "\(value)")
    }
    let isPrefill = mode == .prefill
    let others = rivals ? OverlapMethod.rivals.filter { !isPrefill || $0.offers(.prefill) } : []
    let measurement = OverlapMeasurement(
      durations: try LayerDurations(parsing: durations, option: "--durations"), layers: layers, isPrefill: isPrefill,
      methods: [.standard, .farskip] + others, computation: compute, progress: progress, rate: rate, repeats: repeats)
    try measurement.validate(ranks: ranks)
    return measurement
  }

  private func report(_ measurement: OverlapMeasurement, _ outcome: OverlapMeasurement.Outcome) throws {
    if let timeline { try outcome.timeline.write(to: URL(fileURLWithPath: timeline)) }
    try printResult(json ? outcome.json(measurement).text(pretty: true) : outcome.table(measurement))
  }
}

extension OverlapMeasurement.Outcome {
  private var standard: OverlapMeasurement.MethodResult { methods[0] }

  /// What a user reads.
  func table(_ measurement: OverlapMeasurement) -> String {
    var lines = [
      String(
        format: "%d ranks (%@), emulated link %g us, %g MB/s, %@ compute, medians of %d", ranks, transport,
        1e6 * measurement.rate.alpha, measurement.rate.beta / 1e6, measurement.computation.rawValue, measurement.repeats
      ),
      String(format: "alone: D %.3f ms, C %.3f ms", isolatedDispatch, isolatedCombine),
      "method             pass       ms     exposed ms    late ms  overlap %",
    ]
    for result in methods {
      for times in result.passes {
        lines.append(
          result.method.rawValue.padding(toLength: 19, withPad: " ", startingAt: 0)
            + times.pass.rawValue.padding(toLength: 9, withPad: " ", startingAt: 0)
            + String(
              format: "%9.2f%13.3f%11.3f%11.2f", times.milliseconds, times.exposed, times.late, 100 * times.overlap))
      }
      let speedup = standard.milliseconds / result.milliseconds
      lines.append(
        String(repeating: " ", count: 19)
          + String(
            format: "step     %9.2f%35.2f   speed-up %.3f, computation x %.3f", result.milliseconds,
            100 * result.overlap,
            speedup, result.computation / max(1e-9, standard.computation)))
    }
    return lines.joined(separator: "\n")
  }

  func json(_ measurement: OverlapMeasurement) -> JSONValue {
    .object([
      "ranks": .int(ranks), "transport": .string(transport), "layers": .int(measurement.layers),
      "mode": .string(measurement.isPrefill ? "prefill" : "training"), "repeats": .int(measurement.repeats),
      "compute": .string(measurement.computation.rawValue), "progress": .string(measurement.progress.rawValue),
      "link_alpha_seconds": .double(measurement.rate.alpha),
      "link_beta_bytes_per_second": .double(measurement.rate.beta),
      "isolated_dispatch_ms": .double(isolatedDispatch), "isolated_combine_ms": .double(isolatedCombine),
      "methods": .object(
        Dictionary(
          uniqueKeysWithValues: methods.map { ($0.method.rawValue.replacingOccurrences(of: "-", with: "_"), json($0)) })
      ),
    ])
  }

  private func json(_ result: OverlapMeasurement.MethodResult) -> JSONValue {
    var object: [String: JSONValue] = [
      "step_ms": .double(result.milliseconds), "overlap": .double(result.overlap),
      "speedup": .double(standard.milliseconds / result.milliseconds),
      "computation_slowdown": .double(result.computation / max(1e-9, standard.computation)),
    ]
    for times in result.passes {
      let name = times.pass.rawValue
      object["\(name)_ms"] = .double(times.milliseconds)
      object["overlap_\(name)"] = .double(times.overlap)
      object["exposed_\(name)_ms"] = .double(times.exposed)
      object["late_\(name)_ms"] = .double(times.late)
      object["exposed_shares_\(name)"] = .array(times.shares.map { .double($0) })
    }
    return .object(object)
  }
}
