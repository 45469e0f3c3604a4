import Collectives
import Foundation
import Groundwork

extension ScalingPoint {
  /// What a user reads: every method by GPU count.
  public static func table(_ points: [ScalingPoint]) -> String {
    var lines = ["  gpus  method                   ms  overlap %  speed-up"]
    for point in points {
      for times in point.times {
        let name = times.method.rawValue.leftAligned(16)
        // + 0: a negative zero, from the last bits of a difference, would be printed as -0.0.
        let percent = (1000 * times.overlap).rounded() / 10 + 0
        let overlap = times.method == .standard ? "-" : String(format: "%.1f", percent)
        lines.append(
          String(format: "%6d  ", point.gpus) + name + String(format: "%11.2f", times.milliseconds)
            + String(repeating: " ", count: 11 - overlap.count) + overlap
            + String(format: "%10.4f", point.speedup(times)))
      }
    }
    return lines.joined(separator: "\n")
  }
}

extension Scenario {
  /// Writes the events of every method on so many GPUs as a Chrome trace.
  public func writeTimeline(gpus: Int, to file: URL) throws {
    try writeTraces(of: point(gpus: gpus).times, model(gpus: gpus), isTraining: mode == .training, to: file)
  }
}
