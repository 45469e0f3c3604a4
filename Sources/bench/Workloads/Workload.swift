import Foundation
import Groundwork

/// One thing to measure: how to run it, what a run amounts to, and which requests make the peers do the same.
struct Workload {
  var name: String
  var summary: String
  /// Of the reported figure: a rate when `amount` is set, else seconds.
  var unit: String
  /// Units per run (tokens, or gigabytes, ...); nil to report seconds.
  var amount: Double?
  /// Floating-point operations (sgemm) or bytes read and written (memcpy) of a run, and where they can be done at best.
  var work: [(amount: Double, roof: Roof)] = []
  /// What peers are called -> arguments of peer.py; the fastest one is the peer of the ratio.
  var requests: KeyValuePairs<String, String> = [:]
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
      + [.connectivity] + Workload.scoring + Workload.hybridTraining + Workload.longDecoding
      + [.sgemmPeak, .memcpyPeak]
  }

  /// One warm-up, then ours and the peer's runs in turn; short ones after one more that does not count, since the other
  /// side had the caches and the processors in between.
  func measure(repeats: Int, peers: Peers?, roofs: Roofs) throws -> Report.Entry {
    let run = try prepare()
    let start = monotonicSeconds()
    try run()
    let warmup = monotonicSeconds() - start < 2 ? 1 : 0
    let other = try beside?()
    try other?()
    let able = requests.compactMap { name, request in peers?.start(name, request).map { (name, request, peer: $0) } }
    var ours: [Double] = []
    var others: [Double] = []
    var theirs = able.map { (name: $0.0, figures: [Double]()) }
    for _ in 0..<min(repeats, mostRepeats) {
      pause()
      if warmup > 0 { try run() }
      let began = monotonicSeconds()
      try run()
      ours.append(figure((monotonicSeconds() - began) / Double(repeated), amount))
      if let other {
        pause()
        if warmup > 0 { try other() }
        let began = monotonicSeconds()
        try other()
        others.append(figure((monotonicSeconds() - began) / Double(repeated), amount))
      }
      for (index, (_, request, peer)) in able.enumerated() {
        if let answer = peer.measure(request, warmup: warmup) {
          theirs[index].figures += answer.seconds.map { figure($0, amount == nil ? nil : answer.amount) }
        }
      }
    }
    let middle = median(ours)
    theirs = theirs.filter { !$0.figures.isEmpty }
    // Seconds: less is better.
    let fastest = theirs.max { (median($0.figures) < median($1.figures)) == (amount != nil) }
    let samples = fastest?.figures ?? others
    for part in work { roofs.measure(part.roof) }
    return Report.Entry(
      name: name, unit: unit, ours: rounded(middle), peer: samples.isEmpty ? nil : rounded(median(samples)),
      peerName: fastest?.name,
      peers: theirs.count > 1
        ? Dictionary(uniqueKeysWithValues: theirs.map { ($0.name, rounded(median($0.figures))) }) : nil,
      ratio: other != nil
        ? median(zip(ours, others).map { ratio($0, $1) }) : fastest.map { ratio(middle, median($0.figures)) },
      work: work, seconds: amount.map { $0 / middle } ?? middle,
      roof: work.count > 1 ? .sum : work.first?.roof,
      samples: .init(ours: ours.map(rounded), peer: samples.map(rounded)), note: note)
  }

  /// How many times faster ours is.
  private func ratio(_ ours: Double, _ theirs: Double) -> Double {
    rounded(amount == nil ? theirs / ours : ours / theirs)
  }

  private func figure(_ seconds: Double, _ amount: Double?) -> Double { amount.map { $0 / seconds } ?? seconds }

  /// Lets the other side's idle workers, which spin for a moment after their last job, go to sleep.
  private func pause() { usleep(20_000) }
}
