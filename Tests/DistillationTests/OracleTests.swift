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
  func testLlamaTied() throws { try check("llama_gqa_tied") }
  func testLlama3Rope() throws { try check("llama_rope_llama3") }
  func testYarn() throws { try check("llama_yarn") }
  func testQwen2Bias() throws { try check("qwen2_bias") }
  func testQwen3Norms() throws { try check("qwen3_qknorm") }
  func testLatentAttention() throws { try check("mla_dense") }
  func testStockMamba2() throws { try check("mamba2") }
  func testLatentAttentionYarn() throws { try check("mla_dense_yarn") }

  private func check(_ name: String) throws {
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
      let key = "grad.\(parameter.name)"
      guard expected.info(key) != nil else { continue }
      let error = relativeRMS(parameter.gradient!.toArray(), try expected.readFloats(key))
      XCTAssertLessThanOrEqual(error, 1e-4, "\(name): gradient of \(parameter.name)")
      compared += 1
    }
    XCTAssertEqual(compared, model.parameters.parameters.count, "\(name): every parameter has a gradient to compare")

    if expected.info("adamw_losses") != nil {
      let wanted = try expected.readFloats("adamw_losses")
      let optimizer = AdamW(model.parameters, .init(beta1: 0.9, beta2: 0.999, epsilon: 1e-8))
      for (step, want) in wanted.enumerated() {
        XCTAssertEqual(lossAndGradients(), Double(want), accuracy: 1e-4, "\(name): loss before AdamW step \(step + 1)")
        optimizer.update(rate: 1e-3)
      }
    }
  }
}
