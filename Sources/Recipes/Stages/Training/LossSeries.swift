import Distillation

/// Training loss by tokens (or pairs) seen: means of windows of steps, fewer than 120 of them; steps that fill no window at
/// the end are left out. Records of several seeds meet in its points, so that others would be another version of each stage.
func thinned(_ curve: StepTable, unitsPerStep: Int) throws -> [[Double]] {
  let (steps, losses) = (try curve.column("step"), try curve.column("loss"))
  let window = max(1, steps.count / 60)
  return stride(from: 0, to: steps.count - window + 1, by: window).map { start in
    let mean = losses[start..<start + window].reduce(0, +) / Double(window)
    return [steps[start + window - 1] * Double(unitsPerStep), (mean * 1e6).rounded() / 1e6]
  }
}
