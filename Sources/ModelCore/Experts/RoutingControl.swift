import Autograd
import TensorCore

/// How the routers of a model behave beyond their weights, and what they did: one object for all layers.
public final class RoutingControl {
  /// Every expert gets the same number of tokens whatever the router says, for measuring speed: slot j of token t goes
  /// to expert (t K + j) mod E with weight 1 / K.
  public var isForced = false
  /// Weight of each layer's load-balance loss in training; see `Tape.route`. It acts through the gradients alone.
  public var balanceWeight: Float = 0

  /// Every layer keeps the choice of its first pass: the loss is then smooth, as finite differences need it.
  var holdsChoices = false { didSet { held = [:] } }
  private var held: [Int: ExpertChoice] = [:]

  func held(_ layer: Int) -> ExpertChoice? { holdsChoices ? held[layer] : nil }

  /// What a layer's router did on recorded passes since `restart`.
  public struct Record: Sendable {
    /// The layer's number.
    public let layer: Int
    /// Slots that each expert got, [E].
    public var loads: [Int]
    /// Sum over passes of E sum_e f_e P_e (1 is even), and the passes; 0 unless `balanceWeight` is set.
    public var balance = 0.0
    /// Recorded passes.
    public var passes = 0
  }

  /// One for every layer with experts.
  public private(set) var records: [Record] = []
  private var biases: [Parameter?] = []

  func add(layer: Int, bias: Parameter?, experts: Int) {
    records.append(Record(layer: layer, loads: [Int](repeating: 0, count: experts)))
    biases.append(bias)
  }

  func note(layer: Int, _ choice: ExpertChoice, balance: Double) {
    if holdsChoices { held[layer] = choice }
    guard let index = records.firstIndex(where: { $0.layer == layer }) else { return }
    for (expert, load) in choice.loads.enumerated() { records[index].loads[expert] += load }
    records[index].balance += balance
    records[index].passes += 1
  }

  /// Forgets what was recorded.
  public func restart() {
    for index in records.indices {
      records[index].loads = [Int](repeating: 0, count: records[index].loads.count)
      (records[index].balance, records[index].passes) = (0, 0)
    }
  }

  /// Replaces what was counted of the experts' loads, by record, with the counts of all ranks.
  public func replaceLoads(_ loads: [[Int]]) {
    for (index, load) in loads.enumerated() { records[index].loads = load }
  }

  /// Mean over layers and passes of E sum_e f_e P_e; nil when nothing was recorded.
  public var meanBalance: Double? {
    let passes = records.reduce(0) { $0 + $1.passes }
    return passes == 0 ? nil : records.reduce(0) { $0 + $1.balance } / Double(passes)
  }

  /// DeepSeek-V3's balance without a loss: every expert's bias moves by `rate`, up where its load since `restart` is
  /// below the mean, down where it is above.
  public func updateBias(rate: Double) {
    for (record, bias) in zip(records, biases) {
      guard let bias, record.passes > 0 else { continue }
      let mean = Double(record.loads.reduce(0, +)) / Double(record.loads.count)
      for (expert, load) in record.loads.enumerated() where Double(load) != mean {
        bias.value.pointer[expert] += Float(Double(load) < mean ? rate : -rate)
      }
    }
  }
}
