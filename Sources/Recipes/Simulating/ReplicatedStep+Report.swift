import Collectives
import Foundation
import Groundwork

extension ReplicatedStep {
  private struct Point {
    var hosts: Int
    var milliseconds: Double
    var waiting: Double
    var efficiency: Double
    var shardedEfficiency: Double
  }

  private func point(_ hosts: Int) -> Point {
    let run = run(hosts: hosts)
    let spread = spreading(hosts: hosts)
    return Point(
      hosts: hosts, milliseconds: run.milliseconds, waiting: run.exposed, efficiency: computation / run.milliseconds,
      shardedEfficiency: computation / (run.milliseconds + spread))
  }

  /// What a user reads: a step by the number of hosts, whose tokens grow with it.
  public func table(hosts: [Int]) -> String {
    let head = "  hosts  ms a step  waiting ms  efficiency %  with --shard-optimizer %"
    return
      ([head]
      + hosts.map(point).map {
        String(
          format: "%7d%11.1f%12.1f%14.1f%26.1f", $0.hosts, $0.milliseconds, $0.waiting, 100 * $0.efficiency,
          100 * $0.shardedEfficiency)
      }).joined(separator: "\n")
  }

  /// The same for scripts.
  public func json(hosts: [Int]) -> JSONValue {
    .array(
      hosts.map(point).map {
        .object([
          "hosts": .int($0.hosts), "ms": .double($0.milliseconds), "waiting_ms": .double($0.waiting),
          "efficiency": .double($0.efficiency), "efficiency_sharded": .double($0.shardedEfficiency),
        ])
      })
  }
}
