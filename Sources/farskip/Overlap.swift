import ArgumentParser
import Collectives
import Commands
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
      Durations are forward milliseconds of one block, as in farskip simulate; backward computation takes twice as \
      long. Computation is slept or made of matrix products calibrated to the durations; messages are real, of the \
      size that takes D and C on the link, and count as delivered when the link model says so. overlap = 1 - exposed \
      / isolated; late is what of exposed is waiting for a rank that started the collective later, where the link is \
      not to blame.

      --mode training has two all-to-alls a block, forward and backward (expert parallelism); --mode prefill two \
      all-reduces a block (tensor and expert parallelism).

      Ranks are those of mpirun, or threads of this process without it. Some machines want more of mpirun: \
      --oversubscribe for more ranks than cores, OMPI_ALLOW_RUN_AS_ROOT=1 and OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 for \
      root.

      Example:
        mpirun -np 2 farskip overlap --layers 24 --mode prefill --compute product \\
          --timeline prefill.json
      """)

  @Option(help: "Milliseconds of the sub-operations.") var durations = "A=3,B=4,G=1,D=3,E=5,C=3,S=2"
  @Option(help: "Blocks with experts.") var layers = 6
  @Option(help: "training, prefill.") var mode = Mode.training
  @Option(help: "sleep, product.") var compute = Computation.sleep
  @Option(help: "Latency and bandwidth of every rank's link, ALPHA,BETA.") var link = "50us,10MB/s"
  @Option(help: "How messages proceed: poll (between slices of computation), thread.") var progress = MessageProgress
    .Mode.poll
  @Option(help: "Repetitions by turns; medians are reported.") var repeats = 5
  @Option(help: "Ranks, as threads, without mpirun (default: 2).") var ranks: Int?
  @Flag(help: "Also the other methods of hiding communication.") var rivals = false
  @Option(help: "Write the last repetition's events: Chrome trace JSON, and CSV beside it.") var timeline: String?
  @Flag(help: "Print JSON.") var json = false

  func run() {
    runReportingErrors {
      let isSaid = ranks != nil
      let ranks = ranks ?? 2
      if !(1...1000).contains(ranks) {
        throw UpcycleError.usage("is out of range", at: "--ranks", expected: "1 to 1000", found: "\(ranks)")
      }
      // An impossible link ends the job before it starts; on several processes all must agree.
      let rate = Result { try LinkRate(parsing: link) }
      try runRanks(threads: ranks, link: try? rate.get(), spelling: Flags(of: Self.self).spelling) { ranks in
        let (measurement, file) = try ranks.agreeing {
          if MPIRanks.isLaunched { try refuse(["--ranks": isSaid], "is said by mpirun -np") }
          return (
            try self.measurement(try rate.get(), ranks),
            try timeline.map(timelineFile)
          )
        }
        try ranks.requireSame(options: [
          ("--durations", durations), ("--layers", "\(layers)"), ("--mode", mode.rawValue),
          ("--compute", compute.rawValue), ("--link", link), ("--progress", progress.rawValue),
          ("--repeats", "\(repeats)"), ("--rivals", rivals ? "it" : "none"),
        ])
        let outcome = try measurement.run(on: ranks)
        if ranks.rank == 0 { try report(measurement, outcome, timeline: file) }
      }
    }
  }

  private func measurement(_ rate: LinkRate, _ ranks: any Communicator) throws -> OverlapMeasurement {
    for (option, value) in [("--layers", layers), ("--repeats", repeats)] where !(1...1000).contains(value) {
      throw UpcycleError.usage("is out of range", at: option, expected: "1 to 1000", found: "\(value)")
    }
    let isPrefill = mode == .prefill
    let others = rivals ? OverlapMethod.rivals.filter { !isPrefill || $0.offers(.prefill) } : []
    let measurement = OverlapMeasurement(
      durations: try LayerDurations(parsing: durations), layers: layers, isPrefill: isPrefill,
      methods: [.standard, .farskip] + others, computation: compute, progress: progress, rate: rate, repeats: repeats)
    // Those of mpirun may be on several machines.
    try measurement.validate(ranks: ranks.size, here: neighbours(ranks))
    return measurement
  }

  private func report(_ measurement: OverlapMeasurement, _ outcome: OverlapMeasurement.Outcome, timeline: URL?) throws {
    if let timeline {
      try outcome.timeline.write(to: timeline)
      sayWritten(timeline)
    }
    try printResult(json ? outcome.json(measurement).text(pretty: true) : outcome.table(measurement))
  }
}
