import Collectives
import Groundwork
import LabKit
import ModelCore
import Parallelism
import TensorCore
import TokenData

/// What is shared by whom, and what is read.
struct ParallelParameters: StageParameters {
  enum Text: String, CaseIterable { case heldOut = "held_out", oneToken = "one_token" }

  @OneOf var connectivity: Connectivity
  @OneOf var sharing: ParallelComparison.Sharing
  var ranks: Int
  @OneOf var text: Text

  enum CodingKeys: String, CodingKey, CaseIterable { case connectivity, sharing, ranks, text }
}

/// `parallel`: whether ranks compute what one rank does. The parent model with all layers connected by `connectivity`
/// reads four sequences on `ranks` threads that share its experts, or its heads and experts (`sharing`), one thread of
/// arithmetic each, messages in flight on a slow link. `text`: held_out, or one_token told again and again, which
/// leaves experts without work.
///
/// Distances are shares of the largest number: metrics `hidden` and `gradients` from one rank's plain pass, `overlap`
/// from the same ranks that wait for every message where it starts, `control` of the plain pass from the other
/// connectivity's (what a wrong edge would show); `fewest` tokens of an expert. Where heads are shared there are no
/// `gradients` and `fewest`.
let parallelStage = Stage(
  name: "parallel", version: 1, parents: ["model"], parameters: ParallelParameters.self, seeded: false,
  run: { context, parameters in
    let source = try context.parent("model").folder
    let (sharing, ranks) = (parameters.sharing, parameters.ranks)
    let (batch, time) = (4, 64)
    let ids: [Int32]
    switch parameters.text {
    case .heldOut:
      let tokenizer = try Tokenizer.load(from: source)
      let shards = try MicroworldText(for: tokenizer).heldOut(tokenizer: tokenizer)
      ids = try ShardBatches(shards, batch: batch, time: time, seed: 1).batch(step: 0).ids
    case .oneToken: ids = [Int32](repeating: 5, count: batch * time)
    }
    let threads = Threads.count
    Threads.set(1)
    defer { Threads.set(threads) }

    func comparison(_ connectivity: Connectivity) throws -> ParallelComparison {
      let base = try ModelConfig(contentsOf: source)
      let config = try base.connecting(Array(0..<base.layerCount), as: connectivity)
      let weights = try CheckpointReader(source)
      return ParallelComparison(
        model: { try LanguageModel(config, weights: CheckpointReader(source), file: source.path) }, weights: weights,
        ids: ids,
        batch: batch)
    }
    let subject = try comparison(parameters.connectivity)
    let hasGradients = sharing == .experts
    let plain = try subject.plain(gradients: hasGradients)
    let link = LinkRate(alpha: 50e-6, beta: 100e6)
    let overlapped = try subject.shared(sharing, ranks: ranks, overlaps: true, link: link)
    let blocking = try subject.shared(sharing, ranks: ranks, overlaps: false, link: link)
    let other = try comparison(parameters.connectivity == .standard ? .farskip : .standard).plain(gradients: false)
    let distance = ParallelComparison.States.distance
    var metrics = [
      "hidden": distance(overlapped.hidden, plain.hidden),
      "overlap": max(distance(overlapped.hidden, blocking.hidden), distance(overlapped.gradients, blocking.gradients)),
      "control": distance(other.hidden, plain.hidden),
    ]
    if hasGradients {
      metrics["gradients"] = distance(overlapped.gradients, plain.gradients)
      metrics["fewest"] = Double(plain.fewest)
    }
    return StageResult(metrics: metrics.mapValues { Metric($0) })
  })
