import Distillation
import Groundwork

/// The progress line of a training: what a step says of itself, and the time left; at the end the units of all steps.
/// - Parameters:
///   - label: what is counted, such as "ild step"
///   - detail: of a step's metrics and the rate in units per second
func progressReport<Metrics: MetricsRow>(
  _ label: String, _ plan: some UpdatePlan, units: String = "tokens", quiet: Bool,
  _ detail: @escaping (Metrics, Double) -> String
) -> (Metrics, Double) -> Void {
  var progress: ProgressLine?
  return { metrics, rate in
    let line = progress ?? ProgressLine(label, total: plan.steps, startingAt: metrics.step - 1, quiet: quiet)
    progress = line
    line.update(metrics.step, detail(metrics, rate))
    if metrics.step == plan.steps { line.finish("\(formatCount(plan.steps * plan.unitsPerStep)) \(units)") }
  }
}
