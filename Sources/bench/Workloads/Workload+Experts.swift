import Autograd
import Groundwork
import ModelCore
import Published
import TensorCore

extension Workload {
  /// Mixture of experts against one dense product of the same operations: 16 experts of width 96, top 2, width 128,
  /// 4096 tokens routed by a random router.
  static var experts: [Workload] {
    [
      experts("experts_forward", "rows there, products, SwiGLU, rows back") { tape, experts, u, routing in
        let rows = experts.applyExperts(tape, experts.dispatched(tape, u, routing), starts: routing.choice.starts)
        _ = experts.combined(tape, rows, routing, leading: [u.rowCount])
      },
      dense,
    ]
  }

  static let expertTokens = 4096
  /// A pass takes milliseconds; so many in a row do not measure how threads wake up.
  private static let rounds = 16

  /// The product that the experts are compared with, measured as they are.
  private static var dense: Workload {
    let shape = ExpertShape()
    return Workload(
      name: "experts_dense",
      summary: "one dense product of the same operations, "
        + "[\(shape.rows), \(shape.width)] x [\(shape.width), \(3 * shape.expertWidth)]",
      unit: "GFLOP/s", amount: shape.work / 1e9, work: [(shape.work, .dense)], repeated: rounds
    ) {
      let (a, b) = shape.operands()
      return { for _ in 0..<rounds { _ = a.matrixProduct(b, transposed: true) } }
    }
  }

  private typealias Pass = (Tape, MixtureOfExperts, Variable, MixtureOfExperts.Routing) -> Void

  private static func experts(_ name: String, _ what: String, _ pass: @escaping Pass) -> Workload {
    let shape = ExpertShape()
    return Workload(
      name: name, summary: "\(shape.text), forward: \(what)", unit: "GFLOP/s", amount: shape.work / 1e9,
      work: [(shape.work, .dense)], repeated: rounds
    ) {
      var config = try ModelConfig.preset("nano-qwen-moe")
      config.layerCount = 1
      config.mixers = [.attention]
      config.experts?.layers = [0]
      let model = try LanguageModel(config, seed: 1)
      guard let experts = model.layers[0].transform?.experts else {
        throw UpcycleError("has no experts", at: "nano-qwen-moe")
      }
      let stream = RandomStream(seed: 4, "bench")
      let count = expertTokens * config.hiddenSize
      let u = Tensor(
        [expertTokens, config.hiddenSize], values: (0..<count).map { Float(stream.normal(at: UInt64($0))) })
      let tape = Tape(recording: false)
      let input = tape.constant(u)
      let routing = experts.route(tape, input)
      return { for _ in 0..<rounds { pass(tape, experts, input, routing) } }
    }
  }
}

/// The products of nano-qwen-moe's experts, and the dense product [T K, D] x [D, 3 F] of the same operations.
struct ExpertShape {
  let rows = 2 * Workload.expertTokens
  let width = 128
  let expertWidth = 96

  var work: Double { 6 * Double(rows * width * expertWidth) }
  var text: String { "16 experts of width \(expertWidth), top 2, width \(width), \(rows / 2) tokens" }

  func operands() -> (Tensor, Tensor) {
    let (a, b) = (Tensor([rows, width]), Tensor([3 * expertWidth, width]))
    a.fill(0.5)
    b.fill(0.25)
    return (a, b)
  }

  /// Operations per second of the dense product, as its median.
  func denseRate() -> Double {
    let (a, b) = operands()
    let seconds = (0..<9).map { _ in
      let began = monotonicSeconds()
      let c = a.matrixProduct(b, transposed: true)
      precondition(c.pointer[0] > 0)
      return monotonicSeconds() - began
    }.sorted()[4]
    return work / seconds
  }
}
