import Distillation
import LabKit

extension StageContext {
  /// Shows the steps of a training.
  func report(_ plan: TrainingPlan) -> (Trainer.StepMetrics, Double) -> Void {
    return { metrics, rate in progress(metrics.step, of: plan.steps, stepDetail(metrics, plan, rate)) }
  }

  /// Shows the recording of a teacher's states, before the steps of the training.
  func reportTeacher(_ plan: TrainingPlan) -> (Int) -> Void {
    return { step in progress(step, of: plan.steps, "teacher states", later: plan.steps) }
  }

  /// Training loss by tokens (or pairs) seen: means of windows of steps, fewer than 120 of them; steps that fill no window at
  /// the end are left out. Records of several seeds meet in its points, so that others would be another version of each stage.
  func lossSeries(_ plan: some UpdatePlan) throws -> [[Double]] {
    let curve = try RunDirectory(folder).readMetrics()
    let (steps, losses) = (try curve.column("step"), try curve.column("loss"))
    let window = max(1, steps.count / 60)
    return stride(from: 0, to: steps.count - window + 1, by: window).map { start in
      let mean = losses[start..<start + window].reduce(0, +) / Double(window)
      return [steps[start + window - 1] * Double(plan.unitsPerStep), (mean * 1e6).rounded() / 1e6]
    }
  }
}
