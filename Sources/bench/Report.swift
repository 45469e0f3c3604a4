import Foundation
import Groundwork

/// One run of `bench`: what experiments/bench/<date>.json holds.
struct Report: Encodable {
  struct Entry: Encodable {
    var name: String
    var unit: String
    var ours: Double
    /// The fastest peer's figure.
    var peer: Double?
    /// What it is called.
    var peerName: String?
    /// Figures of all peers by name, where there are several.
    var peers: [String: Double]?
    /// How many times faster than the peer, whatever the unit's direction.
    var ratio: Double?
    /// Share of the run's best roof that the work reaches.
    fileprivate(set) var percentOfPeak: Double?
    /// Operations or bytes of a run, and the seconds it took.
    var work: [(amount: Double, roof: Roof)]
    var seconds: Double
    var roof: Roof?
    /// Every run, in order; the figures above are medians.
    var samples: Samples
    var note: String?

    struct Samples: Encodable {
      var ours: [Double]
      var peer: [Double]
    }

    /// Absent peers are null, not missing.
    func encode(to encoder: Encoder) throws {
      var box = encoder.container(keyedBy: Keys.self)
      try box.encode(name, forKey: .name)
      try box.encode(unit, forKey: .unit)
      try box.encode(ours, forKey: .ours)
      try box.encode(peer, forKey: .peer)
      try box.encodeIfPresent(peerName, forKey: .peerName)
      try box.encodeIfPresent(peers, forKey: .peers)
      try box.encode(ratio, forKey: .ratio)
      try box.encode(percentOfPeak, forKey: .percentOfPeak)
      try box.encode(roof, forKey: .roof)
      try box.encode(samples, forKey: .samples)
      try box.encodeIfPresent(note, forKey: .note)
    }

    private enum Keys: String, CodingKey {
      case name, unit, ours, peer, peerName = "peer_name", peers, ratio, percentOfPeak = "percent_of_peak", roof,
        samples, note
    }
  }

  var date: String
  var machine: Machine
  /// Package versions; null when no peer was there.
  var peers: [String: String]?
  /// Measured ceilings: sgemm and dense in GFLOP/s, memcpy in GB/s, exp in 10^9 per second.
  var roofs: [String: Double]
  var entries: [Entry]

  init(machine: Machine, peers: [String: String]?, roofs: Roofs, entries: [Entry]) {
    let format = DateFormatter()
    format.dateFormat = "yyyy-MM-dd"
    format.timeZone = TimeZone(identifier: "UTC")
    format.locale = Locale(identifier: "en_US_POSIX")
    date = format.string(from: Date())
    self.machine = machine
    self.peers = peers
    self.roofs = Dictionary(uniqueKeysWithValues: roofs.best.map { ($0.key.rawValue, rounded($0.value / 1e9)) })
    self.entries = entries.map { entry in
      var entry = entry
      let best = entry.work.reduce(0) { $0 + $1.amount / roofs.best[$1.roof]! }
      entry.percentOfPeak = entry.work.isEmpty ? nil : rounded(100 * best / entry.seconds)
      return entry
    }
  }

  var text: String {
    (try? jsonText(self, pretty: true)) ?? "{}"
  }

  /// For people.
  var table: String {
    let rows = entries.map { entry in
      [
        entry.name, decimal(entry.ours), entry.peer.map(decimal) ?? "-",
        entry.ratio.map { String(format: "%.2fx", $0) } ?? "-",
        entry.percentOfPeak.map { String(format: "%.0f %% of %@", $0, entry.roof?.rawValue ?? "") } ?? "-", entry.unit,
        entry.peers.map {
          $0.sorted { $0.key < $1.key }.map { "\($0.key) \(decimal($0.value))" }.joined(separator: ", ")
        }
          ?? entry.peerName ?? "",
      ]
    }
    let header = ["entry", "ours", "peer", "ratio", "of peak", "unit", "peers"]
    let widths = header.indices.map { column in (rows + [header]).map { $0[column].count }.max()! }
    func line(_ cells: [String]) -> String {
      zip(cells, widths).enumerated().map { index, cell in
        let padding = String(repeating: " ", count: cell.1 - cell.0.count)
        return index == 0 || index >= 5 ? cell.0 + padding : padding + cell.0
      }.joined(separator: "  ")
    }
    let peer = peers.map { $0.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ") }
    let ceilings = roofs.sorted { $0.key > $1.key }.map {
      "\($0.key) \(decimal($0.value)) \(["sgemm": "GFLOP/s", "dense": "GFLOP/s", "exp": "G/s"][$0.key] ?? "GB/s")"
    }
    return
      ([line(header)] + rows.map(line) + [
        "", "peer: \(peer ?? "none")", "roofs: \(ceilings.joined(separator: ", "))",
        "machine: \(machine.cpu), \(machine.threads) threads, load \(decimal(machine.loadBefore)) before",
      ]).joined(separator: "\n")
  }

  private func decimal(_ value: Double) -> String {
    value >= 100
      ? String(format: "%.0f", value) : value >= 10 ? String(format: "%.1f", value) : String(format: "%.2f", value)
  }
}

/// Four significant digits: the rest is noise.
func rounded(_ value: Double) -> Double {
  if value == 0 || !value.isFinite { return value }
  let scale = pow(10, 3 - floor(log10(abs(value))))
  return (value * scale).rounded() / scale
}

func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  let middle = sorted.count / 2
  return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
