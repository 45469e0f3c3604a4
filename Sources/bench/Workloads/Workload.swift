import Foundation
import Groundwork

/// One thing to measure: how to run it, what a run amounts to, and which request makes the peer do the same.
struct Workload {
  var name: String
  var summary: String
  /// Of the reported figure: a rate when `amount` is set, else seconds.
  var unit: String
  /// Units per run (tokens, or gigabytes, ...); nil to report seconds.
  var amount: Double?
  /// Floating-point operations (sgemm) or bytes read and written (memcpy) of a run.
  var work: Double?
  var roof: Roof?
  /// Work at several roofs, instead of `work` and `roof`.
  var parts: [(work: Double, roof: Roof)] = []
  /// Arguments of peer.py; nil when there is no peer for this.
  var request: String?
  /// Another run of ours in the peer's place, by turns with it; the ratio is then the median of those of the turns.
  var beside: (() throws -> () throws -> Void)?
  /// How often a run does what `unit` and the work are about.
  var repeated = 1
  /// For runs of many seconds: no more repeats than this.
  var mostRepeats = 99
  var note: String?
  /// Builds the subject and returns one run of it.
  var prepare: () throws -> () throws -> Void

  static var all: [Workload] {
    [
      .training("train_llama_d256", preset: "llama-d256"), .training("train_llama_d128", preset: "llama-d128"),
      .decoding("decode_llama_d256", preset: "llama-d256"), .conversion, .shardDecoding,
    ] + Workload.stored + Workload.attention + Workload.mamba2 + Workload.gatedDelta + Workload.experts
      + [.connectivity] + Workload.hybridTraining + Workload.longDecoding + [.sgemmPeak, .memcpyPeak]
  }

  /// One warm-up, then ours and the peer's runs in turn.
  func measure(repeats: Int, peer: Peer?, roofs: Roofs) throws -> Report.Entry {
    let run = try prepare()
    try run()
    let other = try beside?()
    try other?()
    if let request { _ = peer?.measure(request) }
    var ours: [Double] = []
    var theirs: [Double] = []
    for _ in 0..<min(repeats, mostRepeats) {
      pause()
      let began = monotonicSeconds()
      try run()
      ours.append(figure((monotonicSeconds() - began) / Double(repeated), amount))
      if let other {
        pause()
        let began = monotonicSeconds()
        try other()
        theirs.append(figure((monotonicSeconds() - began) / Double(repeated), amount))
      }
      if let request, let answer = peer?.measure(request) {
        theirs += answer.seconds.map { figure($0, amount == nil ? nil : answer.amount) }
      }
    }
    let middle = median(ours)
    let others = theirs.isEmpty ? nil : median(theirs)
    var percent: Double?
    if let roof, let work {
      let seconds = amount.map { $0 / middle } ?? middle
      percent = 100 * work / seconds / roofs.measure(roof)
    }
    if !parts.isEmpty {
      let seconds = amount.map { $0 / middle } ?? middle
      percent = 100 * parts.reduce(0) { $0 + $1.work / roofs.measure($1.roof) } / seconds
    }
    return Report.Entry(
      name: name, unit: unit, ours: rounded(middle), peer: others.map(rounded),
      ratio: other == nil ? others.map { ratio(middle, $0) } : median(zip(ours, theirs).map { ratio($0, $1) }),
      percentOfPeak: percent.map(rounded),
      roof: parts.isEmpty ? roof : .sum, samples: .init(ours: ours.map(rounded), peer: theirs.map(rounded)), note: note)
  }

  /// How many times faster ours is.
  private func ratio(_ ours: Double, _ theirs: Double) -> Double {
    rounded(amount == nil ? theirs / ours : ours / theirs)
  }

  private func figure(_ seconds: Double, _ amount: Double?) -> Double { amount.map { $0 / seconds } ?? seconds }

  /// Lets the other side's idle workers, which spin for a moment after their last job, go to sleep.
  private func pause() { usleep(20_000) }
}
