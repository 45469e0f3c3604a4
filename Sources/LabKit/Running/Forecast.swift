import Foundation

/// How long the stages of a plan take when several processes run them at once (`Workers`): each takes the first cell whose
/// next stage nobody works on, and stages that measure time are left for the end, one after another.
struct Forecast {
  /// From the start of the first stage to the end of the last.
  let wall: Double

  /// - Parameters:
  ///   - estimates: seconds of each stage that is not finished, nil where nothing tells
  ///   - jobs: processes
  init(_ plan: Plan, estimates: [String: Double?], jobs: Int) {
    let seconds: [String: Double] = plan.order.reduce(into: [:]) { todo, key in
      if let estimate = estimates[key] { todo[key] = estimate ?? 0 }
    }
    var waiting = Set(seconds.keys)
    var running: [String: Double] = [:]
    var now = 0.0
    func next() -> String? {
      for job in plan.jobs {
        guard let step = job.steps.first(where: { waiting.contains($0.key) || running[$0.key] != nil }) else {
          continue
        }
        if running[step.key] == nil, jobs == 1 || !plan.nodes[step.key]!.stage.isTimed { return step.key }
      }
      return nil
    }
    while true {
      while running.count < jobs, let key = next() {
        waiting.remove(key)
        running[key] = now + seconds[key]!
      }
      guard let (key, end) = running.min(by: { ($0.value, $0.key) < ($1.value, $1.key) }) else { break }
      running[key] = nil
      now = end
    }
    wall = now + waiting.reduce(0) { $0 + seconds[$1]! }
  }
}
