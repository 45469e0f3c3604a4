import Foundation

/// How a measurement stands to an earlier one of the same cell and seed. Numbers that only one of them has say nothing.
public enum Agreement: Equatable, Sendable {
  /// There is no earlier one.
  case new
  /// Every number, to a millionth.
  case equal
  /// Every number within the 95 % interval of its errors, some not to a millionth.
  case withinErrors
  /// What differs most, in words.
  case differs(String)

  /// A millionth of a number, or of one where the number is smaller.
  private static let tolerance = 1e-6

  init(_ new: Record, with old: Record?) {
    guard let old else {
      self = .new
      return
    }
    var (isEqual, worst) = (true, (share: 0.0, text: ""))
    for (name, metric) in new.metrics.sorted(by: { $0.key < $1.key }) {
      guard let former = old.metrics[name] else { continue }
      let distance = (metric.value - former.value).magnitude
      let scale = max(metric.value.magnitude, former.value.magnitude)
      if distance <= Self.tolerance * max(1, scale) { continue }
      isEqual = false
      let error = hypot(metric.stderr ?? 0, former.stderr ?? 0)
      if distance <= 1.96 * error { continue }
      if distance / scale > worst.share {
        let time = Self.isTime(name) ? ", a time: that of this machine" : ""
        worst = (distance / scale, "\(name) \(Self.short(former.value)) -> \(Self.short(metric.value))\(time)")
      }
    }
    self = worst.share > 0 ? .differs(worst.text) : isEqual ? .equal : .withinErrors
  }

  private static func isTime(_ metric: String) -> Bool {
    let words = metric.split { $0 == "." || $0 == "_" }
    return words.contains("seconds") || words.contains("ms")
  }

  private static func short(_ value: Double) -> String { String(format: "%.6g", value) }
}

extension Agreement {
  /// How a run's cells stand to the committed records, such as "8 of 9 cells agree to 1e-6; differs: …".
  /// - Parameter cells: name and agreement
  static func text(of cells: [(name: String, agreement: Agreement)]) -> [String] {
    let known = cells.filter { $0.agreement != .new }
    if known.isEmpty { return ["no record of these cells is committed"] }
    let equal = known.count { $0.agreement == .equal }
    let within = known.count { $0.agreement == .withinErrors }
    var parts = ["\(equal) of \(known.count) cells agree to 1e-6"]
    if within > 0 { parts.append("\(within) within the interval") }
    if cells.count > known.count { parts.append("\(cells.count - known.count) not recorded before") }
    return [parts.joined(separator: ", ")]
      + known.compactMap { cell in
        if case .differs(let what) = cell.agreement { "differs: \(cell.name): \(what)" } else { nil }
      }
  }
}
