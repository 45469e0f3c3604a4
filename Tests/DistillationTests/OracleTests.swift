import Autograd
import Distillation
import Foundation
import ModelCore
import TensorCore
import TestKit
import XCTest

/// Parity with tiny random models whose exact float32 outputs, gradients and AdamW losses were computed by
/// PyTorch: logits and loss, every parameter's gradient, ten optimizer steps.
final class OracleTests: XCTestCase {
  func testTiedLlamaMatchesPyTorch() throws { try check("llama_gqa_tied") }
  func testLlama3RopeMatchesPyTorch() throws { try check("llama_rope_llama3") }
  func testYarnMatchesPyTorch() throws { try check("llama_yarn") }
  func testQwen2MatchesPyTorch() throws { try check("qwen2_bias") }
  func testQwen3MatchesPyTorch() throws { try check("qwen3_qknorm") }
  func testLatentAttentionMatchesPyTorch() throws { try check("mla_dense") }
  func testStockMamba2MatchesPyTorch() throws { try check("mamba2") }
  func testQwen3NextGatedDeltaNetMatchesPyTorch() throws { try check("qwen3_next_gdn", isSteep: true) }
  func testLatentAttentionWithYarnMatchesPyTorch() throws { try check("mla_dense_yarn") }
  func testDeepSeekV2ExpertsMatchPyTorch() throws { try check("deepseek_v2_moe") }
  func testDeepSeekV3ExpertsMatchPyTorch() throws { try check("deepseek_v3_moe") }
  func testQwen3ExpertsMatchPyTorch() throws { try check("qwen3_moe") }
  func testLlama4ExpertsMatchPyTorch() throws { try check("llama4_text") }

  /// A parameter's gradient by PyTorch, whose models keep all experts of a layer in one tensor [E, 2 F, D] or [E, D,
  /// F]; nil when there is none.
  private func gradient(_ parameter: Parameter, _ expected: SafetensorsFile) throws -> [Float]? {
    let key = "grad.\(parameter.name)"
    if expected.info(key) != nil { return try expected.readFloats(key) }
    let parts = key.components(separatedBy: ".experts.")
    guard parts.count == 2, let expert = Int(parts[1].prefix { $0 != "." }) else { return nil }
    let isDown = parts[1].contains("down_proj")
    let stacked = parts[0] + (isDown ? ".experts.down_proj" : ".experts.gate_up_proj")
    guard expected.info(stacked) != nil else { return nil }
    let count = parameter.value.count
    let start = isDown ? expert * count : (2 * expert + (parts[1].contains("up_proj") ? 1 : 0)) * count
    return Array(try expected.readFloats(stacked)[start..<start + count])
  }

  /// - Parameter isSteep: short queries and keys are scaled to unit length: gradients are so large (54 against 3 in the
  ///   others) that rounding grows a thousandfold and more within ten steps. Their losses are then as far from
  ///   PyTorch's as those of the same model with weights changed in the last bit or two are from our own.
  private func check(_ name: String, isSteep: Bool = false) throws {
    let folder = try sharedFolder("oracles/\(name)")
    let model = try LanguageModel(folder: folder)
    let expected = try SafetensorsFile(folder.appendingPathComponent("expected.safetensors"))
    let ids = try expected.readIntegers("input_ids").map(Int32.init)
    let shape = expected.info("input_ids")!.shape
    let (batch, time) = (shape[0], shape[1])

    let logits = model.logits(ids: ids, batch: batch, time: time)
    assertClose(logits.toArray(), try expected.readFloats("logits"), "\(name) logits", tolerance: 1e-4)

    var targets = [Int32](repeating: -1, count: ids.count)
    for i in ids.indices where i % time != time - 1 { targets[i] = ids[i + 1] }
    let counted = targets.filter { $0 >= 0 }.count
    func lossAndGradients() -> Double {
      model.parameters.zeroGradients()
      let tape = Tape(recording: true)
      let hidden = model.hidden(tape, ids: ids, batch: batch, time: time)
      let (loss, sums) = tape.headLoss(hidden, head: model.head, targets: targets, scale: 1 / Float(counted))
      tape.backward(from: loss)
      return sums.crossEntropy / Double(counted)
    }
    let loss = lossAndGradients()
    XCTAssertEqual(loss, Double(try expected.readFloats("loss")[0]), accuracy: 1e-4, "\(name) loss")
    var compared = 0
    for parameter in model.parameters.parameters {
      guard parameter.isTrainable, let wanted = try gradient(parameter, expected) else { continue }
      let error = relativeRMS(parameter.gradient!.toArray(), wanted)
      XCTAssertLessThanOrEqual(error, 1e-4, "\(name): gradient of \(parameter.name)")
      compared += 1
    }
    XCTAssertEqual(
      compared, model.parameters.parameters.filter(\.isTrainable).count,
      "\(name): every parameter has a gradient to compare")

    if expected.info("adamw_losses") != nil {
      let wanted = try expected.readFloats("adamw_losses")
      func losses() -> [Double] {
        let optimizer = AdamW(model.parameters, .init(beta1: 0.9, beta2: 0.999, epsilon: 1e-8))
        return wanted.map { _ in
          defer { optimizer.update(rate: 1e-3) }
          return lossAndGradients()
        }
      }
      let start = model.parameters.values.copy()
      let ours = losses()
      var spread = [Double](repeating: 0, count: ours.count)
      for seed in isSteep ? [1, 2, 3] as [UInt64] : [] {
        let noise = randomFloats(start.count, seed: seed, "rounding")
        for i in 0..<start.count { model.parameters.values.pointer[i] = start.pointer[i] * (1 + 3e-7 * noise[i]) }
        for (step, loss) in losses().enumerated() { spread[step] = max(spread[step], abs(loss - ours[step])) }
      }
      for (step, want) in wanted.enumerated() {
        XCTAssertEqual(
          ours[step], Double(want), accuracy: 1e-4 + 3 * spread[step], "\(name): loss before AdamW step \(step + 1)")
      }
    }
  }
}
